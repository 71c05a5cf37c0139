/* Telephone numbers to E.164, and words for what is wrong with one. */
#include "adapters/phone/phone.h"

#include "adapters/phone/phone_shim.h"

enum status phone_to_e164(struct arena *a, const char *number, const char *region,
	const char **ret_e164, const char **ret_why)
{
	char e164[PHONE_E164_SIZE];
	const char *where = *region ? region : "that country";
	switch (phone_shim_parse(number, region, e164)) {
	case PHONE_OK:
		*ret_e164 = arena_strdup(a, e164);
		return ST_OK;
	case PHONE_NO_COUNTRY:
		*ret_why =
			"has no country code that exists: begin it with + and the code, or give the region";
		break;
	case PHONE_TOO_SHORT:
		*ret_why = arena_printf(a, "has too few digits for %s", where);
		break;
	case PHONE_TOO_LONG:
		*ret_why = arena_printf(a, "has too many digits for %s", where);
		break;
	case PHONE_NOT_POSSIBLE:
		*ret_why = arena_printf(a, "cannot be a number of %s", where);
		break;
	case PHONE_NOT_A_NUMBER:
		*ret_why = "is not a telephone number";
		break;
	}
	return ST_INVALID_ARGUMENT;
}
