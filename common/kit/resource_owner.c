/* Owner and team of a record: who may give it to whom, and what they are when nobody says. */
#include "base/uuid.h"
#include "kit/event.h"
#include "kit/resource_private.h"

const char *same_case(struct arena *a, const char *id)
{
	struct uuid u;
	return uuid_parse(str_c(id), &u) ? uuid_text(a, u) : id;
}

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* The owner's team; says it if the owner is nobody we know. */
static enum status team_of(
	struct call *call, const struct resource *r, const char *owner, const char **ret)
{
	if (is(owner, call->scope->user_id)) {
		*ret = call->scope->team_id;
		return ST_OK;
	}
	enum status st = directory_user(call, owner, ret);
	if (st == ST_NOT_FOUND)
		return call_fail(call, ST_INVALID_ARGUMENT, name_field(call, r, "owner_id"),
			"is not an active user");
	if (st != ST_OK)
		return call_fail_db(call, &(struct db_error){ .status = st });
	return ST_OK;
}

static enum status check_owner(
	struct call *call, const struct resource *r, const char *owner, const char *team)
{
	if (call_reaches(call, owner, team))
		return ST_OK;
	return call_fail(call, ST_PERMISSION_DENIED, name_field(call, r, "owner_id"),
		"you may give it only to yourself or to a user of the teams that you may see");
}

static enum status check_team(struct call *call, const struct resource *r, const char *team)
{
	if (!*team || is(team, call->scope->team_id) || call_reaches(call, "", team))
		return ST_OK;
	return call_fail(call, ST_PERMISSION_DENIED, name_field(call, r, "team_id"),
		"you may give it only to teams that you may see");
}

static void normalise(struct call *call, void *msg, const char *field)
{
	pb_set_string(msg, field, same_case(call->arena, pb_get_string(msg, field)));
}

static enum status settle_new(struct call *call, const struct resource *r, void *msg)
{
	const char *team = "";
	if (!*pb_get_string(msg, "owner_id"))
		pb_set_string(msg, "owner_id", call->scope->user_id);
	const char *owner = pb_get_string(msg, "owner_id");
	TRY(team_of(call, r, owner, &team));
	TRY(check_owner(call, r, owner, team));
	if (!*pb_get_string(msg, "team_id"))
		pb_set_string(msg, "team_id", team);
	else if (!is(pb_get_string(msg, "team_id"), team))
		TRY(check_team(call, r, pb_get_string(msg, "team_id")));
	return ST_OK;
}

/* A record never loses its owner or team: an empty value leaves what is there. */
static void keep_if_empty(const void *before, void *after, const char *field)
{
	if (!*pb_get_string(after, field))
		pb_set_string(after, field, pb_get_string(before, field));
}

enum status owner_settle(
	struct call *call, const struct resource *r, const void *before, void *after)
{
	if (!r->is_owned)
		return ST_OK;
	normalise(call, after, "owner_id");
	normalise(call, after, "team_id");
	if (!before)
		return settle_new(call, r, after);
	keep_if_empty(before, after, "owner_id");
	keep_if_empty(before, after, "team_id");
	const char *owner = pb_get_string(after, "owner_id");
	const char *team = "";
	bool is_given = !is(owner, pb_get_string(before, "owner_id"));
	if (is_given) {
		TRY(team_of(call, r, owner, &team));
		TRY(check_owner(call, r, owner, team));
	}
	const char *new_team = pb_get_string(after, "team_id");
	if (is(new_team, pb_get_string(before, "team_id")) || (is_given && is(new_team, team)))
		return ST_OK;
	return check_team(call, r, new_team);
}
