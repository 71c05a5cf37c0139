/* ExplainAccess: the rule by which somebody may or may not do something. */
#include "services/identity/identity.h"

#include "kit/auth.h"

static bool is_set_and_same(const char *a, const char *b)
{
	return *a && strcmp(a, b) == 0;
}

static bool has_team(const Crm__LoginUser *u, const char *team_id)
{
	for (size_t i = 0; i < u->n_teams; i++) {
		if (is_set_and_same(team_id, u->teams[i]))
			return true;
	}
	return false;
}

/* The same decision as :visible in SQL, in words. */
static bool reaches(const Crm__LoginUser *u, Crm__Level level, const Crm__AccessResource *r)
{
	if (!r || level == CRM__LEVEL__LEVEL_ALL)
		return level != CRM__LEVEL__LEVEL_UNSPECIFIED;
	if (level >= CRM__LEVEL__LEVEL_OWN && is_set_and_same(r->owner_id, u->user_id))
		return true;
	if (level >= CRM__LEVEL__LEVEL_TEAM && is_set_and_same(r->team_id, u->team_id))
		return true;
	return level >= CRM__LEVEL__LEVEL_SUBTREE && has_team(u, r->team_id);
}

static Crm__AccessRule *rule_of(struct call *call, const Crm__LoginUser *u, const Crm__Role *role,
	const Crm__Grant *g, const Crm__AccessResource *resource)
{
	Crm__AccessRule *rule = pb_new(call->arena, &crm__access_rule__descriptor);
	rule->role_id = role->id;
	rule->role_display_name = role->display_name;
	rule->permission = g->permission;
	rule->level = g->level;
	rule->reaches = reaches(u, g->level, resource);
	return rule;
}

static const char *level_words(Crm__Level level)
{
	switch (level) {
	case CRM__LEVEL__LEVEL_OWN:
		return "own records";
	case CRM__LEVEL__LEVEL_TEAM:
		return "records of the own team";
	case CRM__LEVEL__LEVEL_SUBTREE:
		return "records of the own team and those below it";
	case CRM__LEVEL__LEVEL_ALL:
		return "all records";
	default:
		return "nothing";
	}
}

static const char *reason_of(struct call *call, const Crm__ExplainAccessResponse *r,
	const char *permission, bool is_active)
{
	const Crm__AccessRule *best = NULL;
	for (size_t i = 0; i < r->n_rules; i++) {
		if (!best || r->rules[i]->level > best->level)
			best = r->rules[i];
	}
	if (!is_active)
		return "denied: the user is suspended";
	if (!best)
		return arena_printf(
			call->arena, "denied: no role of the user grants %s", permission);
	return arena_printf(call->arena, "%s: role '%s' grants %s for %s%s",
		r->granted ? "granted" : "denied", best->role_display_name, best->permission,
		level_words(best->level), r->granted ? "" : ", and the record is not one of them");
}

static enum status load_user(struct call *call, const char *user_id, Crm__LoginUser **ret)
{
	Crm__LoginKey key = CRM__LOGIN_KEY__INIT;
	key.tenant_id = call->scope->tenant_id;
	key.user_id = user_id;
	struct db_rows *rows;
	const enum status s = db_read(
		call->service->db, call->arena, &sql_login_by_id, call_args(call, &key), &rows);
	if (s == ST_NOT_FOUND)
		return call_fail(call, s, "user_id", "there is no user '%s'", user_id);
	TRY(s);
	return db_row_message(call->arena, rows, 0, ret);
}

static void add_rules(struct call *call, Crm__ExplainAccessResponse *r, const Crm__LoginUser *u,
	const Crm__Role *role, const Crm__ExplainAccessRequest *q)
{
	Crm__AccessRule **rules =
		arena_new_array(call->arena, Crm__AccessRule *, r->n_rules + role->n_grants);
	if (r->n_rules > 0)
		memcpy(rules, r->rules, sizeof(rules[0]) * r->n_rules);
	for (size_t i = 0; i < role->n_grants; i++) {
		if (!grant_matches(role->grants[i]->permission, str_c(q->permission)))
			continue;
		Crm__AccessRule *rule = rule_of(call, u, role, role->grants[i], q->resource);
		r->level = rule->level > r->level ? rule->level : r->level;
		r->granted |= rule->reaches;
		rules[r->n_rules++] = rule;
	}
	r->rules = rules;
}

enum status explain_access(struct call *call)
{
	const Crm__ExplainAccessRequest *q = call->request;
	Crm__RowKey key = CRM__ROW_KEY__INIT;
	key.id = *q->user_id ? q->user_id : call->scope->user_id;
	if (strcmp(key.id, call->scope->user_id) != 0 &&
		call_level(call, "identity.access.explain") == LEVEL_NONE)
		return call_fail(call, ST_PERMISSION_DENIED, "user_id",
			"needs the permission identity.access.explain");
	Crm__LoginUser *u;
	TRY(load_user(call, key.id, &u));
	struct db_rows *rows;
	TRY(db_read(
		call->service->db, call->arena, &sql_role_of_user, call_args(call, &key), &rows));
	Crm__ExplainAccessResponse r = CRM__EXPLAIN_ACCESS_RESPONSE__INIT;
	for (size_t i = 0; i < db_count(rows); i++) {
		Crm__Role *role;
		TRY(db_row_message(call->arena, rows, i, &role));
		add_rules(call, &r, u, role, q);
	}
	const bool is_active = u->state == CRM__USER__STATE__STATE_ACTIVE;
	r.granted = r.granted && is_active;
	r.reason = reason_of(call, &r, q->permission, is_active);
	return call_reply(call, &r);
}
