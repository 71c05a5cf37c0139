/* Page tokens and refresh tokens of a stranger: only what was sealed opens. */
#include <assert.h>
#include "adapters/crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct secret *key;
	crypto_init();
	key = key ? key : secret_new(STR("0123456789abcdef0123456789abcdef"));
	struct arena *a = arena_new();
	struct str text = str_n(data, size), opened;

	assert(crypto_open(a, key, STR("page"), text, &opened) != ST_OK);
	struct str sealed = crypto_seal(a, key, STR("page"), text);
	assert(crypto_open(a, key, STR("page"), sealed, &opened) == ST_OK && str_eq(opened, text));
	assert(crypto_open(a, key, STR("other"), sealed, &opened) != ST_OK);
	arena_free(a);
	return 0;
}
