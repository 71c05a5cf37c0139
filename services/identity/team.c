/* Teams: what is particular about them. */
#include "services/identity/identity.h"

static const struct filter_field fields[] = {
	{ "id", "t.id", FILTER_UUID, .can_order = true },
	{ "create_time", "t.create_time", FILTER_TIME, .can_order = true },
	{ "display_name", "t.display_name", FILTER_FOLD, .can_order = true, .is_text = true },
	{ "parent_id", "t.parent_id", FILTER_UUID },
	{ "lead_id", "t.lead_id", FILTER_UUID },
	{ 0 },
};

static const struct constraint_message constraints[] = {
	{ "team_parent_exists", "parent_id",
		"there is no such team, or the team has teams below it", ST_FAILED_PRECONDITION },
	{ "team_tree_has_no_circle", "parent_id", "would make the team stand above itself",
		ST_FAILED_PRECONDITION },
	{ "member_team_exists", "id", "the team has members", ST_FAILED_PRECONDITION },
	{ 0 },
};

static enum status check(struct call *call, const void *before, void *after)
{
	(void)before;
	const Crm__Team *t = after;
	void *found;
	if (t && *t->parent_id)
		TRY(resource_load(
			call, &team_resource, t->parent_id, false, "team.parent_id", &found));
	if (t && *t->lead_id)
		TRY(resource_load(call, &user_resource, t->lead_id, false, "team.lead_id", &found));
	return ST_OK;
}

const struct resource team_resource = {
	.name = "team",
	.plural = "teams",
	.type = &crm__team__descriptor,
	.get = &sql_team_get,
	.get_many = &sql_team_get_many,
	.list = &sql_team_list,
	.insert = &sql_team_insert,
	.update = &sql_team_update,
	.remove = &sql_team_remove,
	.fields = fields,
	.default_order = "create_time",
	.constraints = constraints,
	.check = check,
};
