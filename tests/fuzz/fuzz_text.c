/* Ids, numbers and binary text of a stranger: what is accepted is written again as it was read. */
#include <assert.h>
#include <strings.h>
#include "adapters/crypto/crypto.h"
#include "base/uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str text = str_n(data, size), bytes;
	struct uuid id;
	int64_t n;

	assert(!uuid_parse(text, &id) || strncasecmp(uuid_text(a, id), text.p, UUID_TEXT) == 0);
	assert(crypto_base64url_decode(a, text, &bytes) != ST_OK ||
		str_is(text, crypto_base64url(a, bytes)));
	assert(!str_to_i64(text, &n) || text.n > 0);
	assert(!utf8_is_valid(text) || utf8_count(text) <= size);
	arena_free(a);
	return 0;
}
