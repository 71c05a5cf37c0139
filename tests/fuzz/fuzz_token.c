/* Tokens from a stranger: header, claims and the texts of errors about them, whatever the bytes. */
#include "adapters/crypto/crypto.h"
#include "kit/error_details.h"
#include "kit/token_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str text = str_n(data, size);
	struct principal p;
	struct jwt jwt;
	const char *why;

	(void)!jwt_parse(a, text, &jwt);
	(void)!token_read(a, text, &p, &why);
	(void)error_message_clean(a, str_dup(a, text));
	arena_free(a);
	return 0;
}
