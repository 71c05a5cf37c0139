/* Rights of a call: the level of a permission, and what it reaches. */
#include "kit/auth.h"
#include "kit/call.h"
#include "kit/rights_private.h"

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void set_teams(Crm__CallScope *scope, const struct principal *p, enum level level)
{
	if (level == LEVEL_TEAM && p->team_id[0] != '\0') {
		scope->n_teams = 1;
		scope->teams = &scope->team_id;
	} else if (level == LEVEL_SUBTREE) {
		scope->n_teams = p->n_teams;
		/* protobuf-c's structs know no constant lists; nobody writes through a scope */
		scope->teams = (const char **)(uintptr_t)p->teams;
	}
}

const Crm__CallScope *scope_new(
	struct arena *a, const struct principal *p, enum level level, int64_t now_us)
{
	Crm__CallScope *scope = arena_alloc(a, sizeof(*scope));

	crm__call_scope__init(scope);
	scope->now = call_timestamp(a, now_us);
	if (!p)
		return scope;
	scope->tenant_id = or_empty(p->tenant_id);
	scope->user_id = or_empty(p->user_id);
	scope->team_id = or_empty(p->team_id);
	scope->sees_all = level == LEVEL_ALL;
	set_teams(scope, p, level);
	return scope;
}

enum level call_level(const struct call *call, const char *permission)
{
	return call->principal ? principal_level(call->principal, str_c(permission)) : LEVEL_NONE;
}

enum status call_fail_permission(struct call *call, const char *permission)
{
	return call_fail_reason(call, ST_PERMISSION_DENIED, "PERMISSION_MISSING", NULL,
		"the permission %s is needed; ask an administrator for a role that has it",
		permission);
}

bool call_reaches(const struct call *call, const char *owner_id, const char *team_id)
{
	const Crm__CallScope *scope = call->scope;

	if (scope->sees_all)
		return true;
	if (owner_id && owner_id[0] != '\0' && strcmp(owner_id, scope->user_id) == 0)
		return true;
	if (!team_id || team_id[0] == '\0')
		return false;
	for (size_t i = 0; i < scope->n_teams; i++) {
		if (strcmp(scope->teams[i], team_id) == 0)
			return true;
	}
	return false;
}
