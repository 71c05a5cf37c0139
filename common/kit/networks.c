/* Networks: addresses as 16 bytes, those of IPv4 mapped into IPv6, so that there is one kind. */
#include "kit/networks.h"
#include <arpa/inet.h>

enum { BYTES = 16, BITS = 128, IPV4_AT = 12, IPV4_BITS = 32, MAX_TEXT = INET6_ADDRSTRLEN };

struct network {
	uint8_t bytes[BYTES];
	unsigned bits;
};

struct networks {
	size_t n;
	struct network list[];
};

static const uint8_t MAPPED[IPV4_AT] = { [10] = 0xff, [11] = 0xff };

/* *ret_bits is how many bits the address has as it is written. */
static bool read_address(struct str text, uint8_t ret[BYTES], unsigned *ret_bits)
{
	char copy[MAX_TEXT + 1];

	if (text.n == 0 || text.n > MAX_TEXT || memchr(text.p, '\0', text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (inet_pton(AF_INET6, copy, ret) == 1) {
		*ret_bits = BITS;
		return true;
	}
	memcpy(ret, MAPPED, sizeof(MAPPED));
	*ret_bits = IPV4_BITS;
	return inet_pton(AF_INET, copy, ret + IPV4_AT) == 1;
}

static bool read_network(struct str text, struct network *ret)
{
	struct str rest = text;
	struct str address = str_cut(&rest, '/');
	unsigned written;
	int64_t bits;

	if (!read_address(address, ret->bytes, &written))
		return false;
	ret->bits = BITS;
	if (!rest.p)
		return true;
	if (!str_to_i64(rest, &bits) || bits < 0 || bits > written)
		return false;
	ret->bits = BITS - written + (unsigned)bits;
	return true;
}

const struct networks *networks_parse(struct arena *a, struct str text)
{
	size_t max = 1;
	struct networks *n;

	for (size_t i = 0; i < text.n; i++)
		max += text.p[i] == ',';
	n = arena_zalloc(a, sizeof(*n) + max * sizeof(n->list[0]));
	while (text.p && str_trim(text).n > 0) {
		if (!read_network(str_trim(str_cut(&text, ',')), &n->list[n->n++]))
			return NULL;
	}
	return n;
}

static bool holds(const struct network *n, const uint8_t address[BYTES])
{
	unsigned whole = n->bits / 8;
	unsigned rest = n->bits % 8;

	if (memcmp(n->bytes, address, whole) != 0)
		return false;
	return rest == 0 || ((n->bytes[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool networks_hold(const struct networks *n, struct str address)
{
	uint8_t bytes[BYTES];
	unsigned ignored;

	if (n->n == 0 || !read_address(address, bytes, &ignored))
		return false;
	for (size_t i = 0; i < n->n; i++) {
		if (holds(&n->list[i], bytes))
			return true;
	}
	return false;
}

bool networks_is_address(struct str address)
{
	uint8_t bytes[BYTES];
	unsigned ignored;

	return read_address(address, bytes, &ignored);
}
