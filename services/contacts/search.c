/* SearchContacts: names without accents and with misspellings, e-mail addresses, phone numbers. */
#include "services/contacts/contacts.h"

#include <ctype.h>

#include "adapters/phone/phone.h"
#include "services/contacts/rules.h"

static bool looks_like_phone(const char *s)
{
	size_t digits = 0;
	for (; *s; s++) {
		if (isdigit((unsigned char)*s))
			digits++;
		else if (!strchr("+()-./ ", *s))
			return false;
	}
	return digits >= 3;
}

/* "604 893 825" is stored as +420604893825: a part of a number is looked for by its digits. */
static char *digits_of(struct arena *a, const char *s)
{
	struct buf b = buf_new(a, 0);
	for (; *s; s++) {
		if (isdigit((unsigned char)*s))
			buf_put_c(&b, *s);
	}
	return arena_strdup(a, buf_cstr(&b));
}

static void prepare_phone(struct call *call, const Crm__SearchContactsRequest *q, const char *text,
	Crm__ContactSearch *s)
{
	const char *region = *q->region ? q->region : contacts_settings.default_region;
	const char *e164, *why;
	s->pattern = rules_like_pattern(call->arena, digits_of(call->arena, text));
	if (phone_to_e164(call->arena, text, region, &e164, &why) == ST_OK)
		s->keys[s->n_keys++] = rules_phone_key(call->arena, e164);
}

enum status search_contacts(struct call *call)
{
	const Crm__SearchContactsRequest *q = call->request;
	const char *text = str_dup(call->arena, str_trim(str_c(q->query)));
	if (utf8_count(str_c(text)) < 2)
		return call_fail(call, ST_INVALID_ARGUMENT, "query",
			"must have at least two characters besides spaces");
	Crm__ContactSearch s = CRM__CONTACT_SEARCH__INIT;
	s.query = text;
	s.page_size = q->page_size ? q->page_size : 20;
	s.keys = arena_new_array(call->arena, const char *, 2);
	s.pattern = rules_like_pattern(call->arena, text);
	if (strchr(text, '@'))
		s.keys[s.n_keys++] = rules_email_key(call->arena, text);
	else if (looks_like_phone(text))
		prepare_phone(call, q, text, &s);
	struct db_rows *rows;
	TRY(db_read(
		call->service->db, call->arena, &sql_contact_search, call_args(call, &s), &rows));
	struct buf reply = buf_new(call->arena, 0);
	for (size_t i = 0; i < db_count(rows); i++) {
		struct buf row = buf_new(call->arena, 0);
		db_row_wire(rows, i, &row);
		pb_put_message(&reply, 1, buf_str(&row)); /* SearchContactsResponse.results */
	}
	return call_reply_wire(call, buf_str(&reply));
}
