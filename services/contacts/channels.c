/* E-mail addresses and telephone numbers of contacts and organizations, put in order. */
#include "services/contacts/contacts.h"

#include "adapters/phone/phone.h"

static enum status normalise_phones(
	struct call *call, const char *field, Crm__PhoneNumber **phones, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *region =
			*phones[i]->region ? phones[i]->region : contacts_settings.default_region;
		const char *why;
		if (phone_to_e164(call->arena, phones[i]->number, region, &phones[i]->e164, &why) !=
			ST_OK)
			return call_fail(call, ST_INVALID_ARGUMENT,
				arena_printf(call->arena, "%s.phones[%zu].number", field, i), "%s",
				why);
	}
	return ST_OK;
}

/* Exactly one of n is marked: the first if none is. */
static enum status mark_primary(
	struct call *call, const char *list, protobuf_c_boolean *const *marks, size_t n)
{
	size_t marked = 0;
	for (size_t i = 0; i < n; i++) {
		if (*marks[i] && marked++ > 0)
			return call_fail(call, ST_INVALID_ARGUMENT,
				arena_printf(call->arena, "%s[%zu].primary", list, i),
				"only one entry can be primary");
	}
	if (n > 0 && marked == 0)
		*marks[0] = 1;
	return ST_OK;
}

enum status normalise_channels(struct call *call, const char *field, Crm__EmailAddress **emails,
	size_t n_emails, Crm__PhoneNumber **phones, size_t n_phones)
{
	protobuf_c_boolean **marks =
		arena_new_array(call->arena, protobuf_c_boolean *, n_emails + n_phones);
	for (size_t i = 0; i < n_emails; i++)
		marks[i] = &emails[i]->primary;
	for (size_t i = 0; i < n_phones; i++)
		marks[n_emails + i] = &phones[i]->primary;
	TRY(normalise_phones(call, field, phones, n_phones));
	TRY(mark_primary(call, arena_printf(call->arena, "%s.emails", field), marks, n_emails));
	return mark_primary(
		call, arena_printf(call->arena, "%s.phones", field), marks + n_emails, n_phones);
}
