/* Roles: what is particular about them. */
#include "services/identity/identity.h"

#include "kit/auth.h"
#include "services/identity/rules.h"

static const struct filter_field fields[] = {
	{ "id", "r.id", FILTER_UUID, .can_order = true },
	{ "create_time", "r.create_time", FILTER_TIME, .can_order = true },
	{ "display_name", "r.display_name", FILTER_FOLD, .can_order = true, .is_text = true },
	{ "built_in", "r.built_in", FILTER_BOOL },
	{ 0 },
};

static const struct constraint_message constraints[] = {
	{ "role_name_is_free", "display_name", "is taken by another role", 0 },
	{ "member_role_role_exists", "id", "users hold this role: take it from them first",
		ST_FAILED_PRECONDITION },
	{ 0 },
};

/* A grant's pattern is looked up like a permission: only one as wide or wider covers it. */
enum status check_grants(struct call *call, const char *field, Crm__Grant *const *grants, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (call_level(call, grants[i]->permission) < (enum level)grants[i]->level)
			return call_fail(call, ST_PERMISSION_DENIED, field,
				"would give '%s' at level %d, which you do not hold yourself",
				grants[i]->permission, (int)grants[i]->level);
	}
	return ST_OK;
}

static enum status check(struct call *call, const void *before, void *after)
{
	const Crm__Role *old = before, *r = after;
	if (old && old->built_in)
		return call_fail(call, ST_FAILED_PRECONDITION, "role.id",
			"a built-in role cannot be changed or deleted: make one of your own");
	for (size_t i = 0; r && i < r->n_grants; i++) {
		if (!rules_is_grant_pattern(r->grants[i]->permission))
			return call_fail(call, ST_INVALID_ARGUMENT,
				arena_printf(call->arena, "role.grants[%zu].permission", i),
				"is not a permission such as contacts.contacts.read, nor a pattern such as contacts.* or *");
	}
	return r ? check_grants(call, "role.grants", r->grants, r->n_grants) : ST_OK;
}

const struct resource role_resource = {
	.name = "role",
	.plural = "roles",
	.type = &crm__role__descriptor,
	.get = &sql_role_get,
	.get_many = &sql_role_get_many,
	.list = &sql_role_list,
	.insert = &sql_role_insert,
	.update = &sql_role_update,
	.remove = &sql_role_remove,
	.fields = fields,
	.default_order = "create_time",
	.constraints = constraints,
	.check = check,
};
