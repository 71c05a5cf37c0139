/* Texts of declared formats: accepted or refused; a telephone number that is accepted is E.164. */
#include <assert.h>
#include "adapters/pb/format_private.h"
#include "adapters/phone/phone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str text = str_n(data, size);
	const char *e164, *why;

	for (enum pb_format f = PB_FORMAT_EMAIL; f <= PB_FORMAT_DOMAIN; f++)
		(void)pb_format_is_valid(f, text, &why);
	if (phone_to_e164(a, str_dup(a, text), "CZ", &e164, &why) == ST_OK)
		assert(!pb_format_e164_fault(str_c(e164)));
	arena_free(a);
	return 0;
}
