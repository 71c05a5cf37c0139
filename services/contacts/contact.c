/* Contacts: what is particular about them. */
#include "services/contacts/contacts.h"

#include "kit/page.h"
#include "services/contacts/rules.h"

static const struct filter_field fields[] = {
	{ "id", "c.id", FILTER_UUID, .can_order = true },
	{ "create_time", "c.create_time", FILTER_TIME, .can_order = true },
	{ "update_time", "c.update_time", FILTER_TIME, .can_order = true },
	{ "display_name", "c.display_name", FILTER_FOLD, .can_order = true, .is_text = true },
	{ "name.given", "c.name_given", FILTER_FOLD },
	{ "name.family", "c.name_family", FILTER_FOLD },
	{ "emails.address", "c.email_address", FILTER_LIST },
	{ "phones.e164", "c.phone_e164", FILTER_LIST },
	{ "owner_id", "c.owner_id", FILTER_UUID },
	{ "team_id", "c.team_id", FILTER_UUID },
	{ "creator_id", "c.creator_id", FILTER_UUID },
	{ "language", "c.language", FILTER_TEXT },
	{ "source", "c.source", FILTER_TEXT },
	{ "birth_date", "c.birth_date", FILTER_DATE },
	{ "labels", "c.labels", FILTER_MAP },
	{ 0 },
};

/* A display name that was made from the name follows the name. */
static void name_display(struct call *call, const Crm__Contact *before, Crm__Contact *after)
{
	const bool was_made =
		before && strcmp(before->display_name, after->display_name) == 0 &&
		strcmp(before->display_name, rules_display_name(call->arena, before)) == 0;
	if (!*after->display_name || was_made)
		after->display_name = rules_display_name(call->arena, after);
}

static enum status check(struct call *call, const void *before, void *after)
{
	Crm__Contact *c = after;
	if (!rules_has_identity(c))
		return call_fail(call, ST_INVALID_ARGUMENT, "contact.name",
			"give a name, a display_name, an e-mail address or a phone number");
	TRY(normalise_channels(call, "contact", c->emails, c->n_emails, c->phones, c->n_phones));
	name_display(call, before, c);
	return ST_OK;
}

static bool same_keys(const char *const *a, size_t n_a, const char *const *b, size_t n_b)
{
	for (size_t i = 0; i < n_a && n_a == n_b; i++) {
		if (strcmp(a[i], b[i]) != 0)
			return false;
	}
	return n_a == n_b;
}

static enum status write_keys(
	struct call *call, struct db_batch *b, const void *before, const void *after)
{
	const char **old = NULL;
	const size_t n_old = before ? rules_keys(call->arena, before, &old) : 0;
	Crm__ContactKeys keys = CRM__CONTACT_KEYS__INIT;
	const char **new;
	keys.n_keys = rules_keys(call->arena, after, &new);
	keys.keys = new;
	keys.contact_id = ((const Crm__Contact *)after)->id;
	if (same_keys(old, n_old, new, keys.n_keys))
		return ST_OK;
	const struct db_args args = call_args(call, &keys);
	if (n_old > 0)
		/* its place in the batch does not matter */
		(void)db_batch_add(b, &sql_contact_keys_delete, args);
	if (keys.n_keys > 0)
		(void)db_batch_add(b, &sql_contact_keys_insert, args);
	return ST_OK;
}

const struct resource contact_resource = {
	.name = "contact",
	.plural = "contacts",
	.type = &crm__contact__descriptor,
	.is_owned = true,
	.is_soft_deleted = true,
	.get = &sql_contact_get,
	.get_many = &sql_contact_get_many,
	.list = &sql_contact_list,
	.insert = &sql_contact_insert,
	.update = &sql_contact_update,
	.fields = fields,
	.default_order = "create_time",
	.check = check,
	.also = write_keys,
};

static enum status send_portion(struct db_rows *portion, void *arg)
{
	struct call *call = arg;
	_cleanup_(arena_freep) struct arena *scratch = arena_new();
	for (size_t i = 0; i < db_count(portion); i++) {
		struct buf b = buf_new(scratch, 0);
		db_row_wire(portion, i, &b);
		TRY(call_send_wire(call, buf_str(&b)));
	}
	return ST_OK;
}

enum status export_contacts(struct call *call)
{
	const Crm__ExportContactsRequest *q = call->request;
	const struct db_statement *s = &sql_contact_export;
	struct filter f;
	const char *why;
	if (filter_parse(call->arena, str_c(q->filter), fields,
		    pb_schema_message(call->service->schema, "crm.contacts.v1.Contact"),
		    db_first_param(s), &f, &why) != ST_OK)
		return call_fail(call, ST_INVALID_ARGUMENT, "filter", "%s", why);
	const struct db_page_args page = { .filter = f.sql,
		.order = "c.id",
		.limit = INT64_MAX,
		.n_values = f.n_values,
		.values = f.values };
	return db_stream(
		call->service->db, call->arena, s, call_args(call, q), &page, send_portion, call);
}
