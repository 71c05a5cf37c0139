/* Affiliations: what is particular about them. */
#include "services/contacts/contacts.h"

static const struct filter_field fields[] = {
	{ "id", "a.id", FILTER_UUID, .can_order = true },
	{ "create_time", "a.create_time", FILTER_TIME, .can_order = true },
	{ "contact_id", "a.contact_id", FILTER_UUID },
	{ "organization_id", "a.organization_id", FILTER_UUID },
	{ "primary", "a.is_primary", FILTER_BOOL },
	{ 0 },
};

static const struct constraint_message constraints[] = {
	{ "affiliation_is_unique", "organization_id",
		"the person is linked to this organization already", 0 },
	{ "affiliation_one_primary", "primary",
		"the person has another primary organization: unmark that first", 0 },
	{ "affiliation_contact_exists", "contact_id", "there is no such contact", ST_NOT_FOUND },
	{ "affiliation_organization_exists", "organization_id", "there is no such organization",
		ST_NOT_FOUND },
	{ "affiliation_dates_are_ordered", "end_date", "is before start_date", 0 },
	{ 0 },
};

/* Both ends must be there for the caller; their names go into the answer. */
static enum status check(struct call *call, const void *before, void *after)
{
	Crm__Affiliation *f = after;
	if (before)
		return ST_OK;
	Crm__Contact *contact;
	Crm__Organization *organization;
	TRY(resource_load(
		call, &contact_resource, f->contact_id, false, "affiliation.contact_id", &contact));
	TRY(resource_load(call, &organization_resource, f->organization_id, false,
		"affiliation.organization_id", &organization));
	f->contact_display_name = contact->display_name;
	f->organization_name = organization->name;
	return ST_OK;
}

const struct resource affiliation_resource = {
	.name = "affiliation",
	.plural = "affiliations",
	.type = &crm__affiliation__descriptor,
	.get = &sql_affiliation_get,
	.get_many = &sql_affiliation_get_many,
	.list = &sql_affiliation_list,
	.insert = &sql_affiliation_insert,
	.update = &sql_affiliation_update,
	.remove = &sql_affiliation_remove,
	.fields = fields,
	.default_order = "create_time",
	.constraints = constraints,
	.check = check,
};
