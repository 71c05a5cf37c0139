/* Organizations: what is particular about them. */
#include "services/contacts/contacts.h"

static const struct filter_field fields[] = {
	{ "id", "o.id", FILTER_UUID, .can_order = true },
	{ "create_time", "o.create_time", FILTER_TIME, .can_order = true },
	{ "update_time", "o.update_time", FILTER_TIME, .can_order = true },
	{ "name", "o.name", FILTER_FOLD, .can_order = true, .is_text = true },
	{ "trade_name", "o.trade_name", FILTER_FOLD, .is_text = true },
	{ "registration_number", "o.registration_number", FILTER_TEXT },
	{ "tax_id", "o.tax_id", FILTER_TEXT },
	{ "industry", "o.industry", FILTER_FOLD },
	{ "employee_count", "o.employee_count", FILTER_INT },
	{ "parent_id", "o.parent_id", FILTER_UUID },
	{ "owner_id", "o.owner_id", FILTER_UUID },
	{ "team_id", "o.team_id", FILTER_UUID },
	{ "creator_id", "o.creator_id", FILTER_UUID },
	{ "language", "o.language", FILTER_TEXT },
	{ "labels", "o.labels", FILTER_MAP },
	{ 0 },
};

static const struct constraint_message constraints[] = {
	{ "organization_parent_exists", "parent_id", "there is no such organization",
		ST_NOT_FOUND },
	{ "organization_tree_has_no_circle", "parent_id",
		"would make the organization stand above itself", ST_FAILED_PRECONDITION },
	{ 0 },
};

/* A parent must be one that the caller may see; one that stays as it was need not be. */
static enum status check_parent(
	struct call *call, const Crm__Organization *before, const Crm__Organization *after)
{
	if (!*after->parent_id || (before && strcmp(before->parent_id, after->parent_id) == 0))
		return ST_OK;
	Crm__Organization *parent;
	return resource_load(call, &organization_resource, after->parent_id, false,
		"organization.parent_id", &parent);
}

static enum status check(struct call *call, const void *before, void *after)
{
	Crm__Organization *o = after;
	TRY(normalise_channels(
		call, "organization", o->emails, o->n_emails, o->phones, o->n_phones));
	return check_parent(call, before, o);
}

const struct resource organization_resource = {
	.name = "organization",
	.plural = "organizations",
	.type = &crm__organization__descriptor,
	.is_owned = true,
	.is_soft_deleted = true,
	.get = &sql_organization_get,
	.get_many = &sql_organization_get_many,
	.list = &sql_organization_list,
	.insert = &sql_organization_insert,
	.update = &sql_organization_update,
	.fields = fields,
	.default_order = "create_time",
	.constraints = constraints,
	.check = check,
};
