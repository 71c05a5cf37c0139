/*
 * Tokens: JWS compact form (RFC 7515) with EdDSA over Ed25519 (RFC 8037), and the keys for it.
 *
 * The header is read strictly: an object of "alg", "typ" and "kid", each at most once, with plain
 * string values. Whatever else a token may carry ("none", an HMAC algorithm, "crit", "jwk",
 * escapes) is not ours and is refused before any signature is looked at.
 */
#include <sodium.h>
#include "adapters/crypto/crypto_private.h"

enum {
	SEED = crypto_sign_ed25519_SEEDBYTES,
	PUBLIC = crypto_sign_ed25519_PUBLICKEYBYTES,
	SIGNATURE = crypto_sign_ed25519_BYTES,
	MAX_KID = 128,
};

struct sign_key {
	uint8_t seed_and_public[crypto_sign_ed25519_SECRETKEYBYTES]; /* the form that libsodium
									signs with */
};
_Static_assert(SEED + PUBLIC == crypto_sign_ed25519_SECRETKEYBYTES,
	"a key is its seed and its public half");

/* --- keys --- */

static struct sign_key *key_from_seed(struct arena *a, const uint8_t seed[SEED])
{
	struct sign_key *k = sodium_malloc(sizeof(*k));
	uint8_t public[PUBLIC];

	crypto_assert(k, "no memory for a key");
	arena_defer(a, sodium_free, k); /* wipes */
	crypto_assert(crypto_sign_ed25519_seed_keypair(public, k->seed_and_public, seed) == 0,
		"a key pair cannot be made");
	return k;
}

struct sign_key *sign_key_new(struct arena *a)
{
	uint8_t seed[SEED];
	struct sign_key *k;

	randombytes_buf(seed, sizeof(seed));
	k = key_from_seed(a, seed);
	sodium_memzero(seed, sizeof(seed));
	return k;
}

enum status sign_key_from_seed(struct arena *a, struct str seed, struct sign_key **ret)
{
	if (seed.n != SEED)
		return ST_INVALID_ARGUMENT;
	*ret = key_from_seed(a, (const uint8_t *)seed.p);
	return ST_OK;
}

struct str sign_key_seed(const struct sign_key *k)
{
	return str_n(k->seed_and_public, SEED);
}

struct str sign_key_public(const struct sign_key *k)
{
	return str_n(k->seed_and_public + SEED, PUBLIC);
}

/* --- signing --- */

static bool is_kid(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			    c == '-' || c == '_' || c == '.'))
			return false;
	}
	return s.n > 0 && s.n <= MAX_KID;
}

struct str jwt_sign(
	struct arena *a, const struct sign_key *k, const char *kid, struct str claims_json)
{
	const char *header =
		arena_printf(a, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
	struct str input = str_c(arena_printf(
		a, "%s.%s", crypto_base64url(a, str_c(header)), crypto_base64url(a, claims_json)));
	uint8_t signature[SIGNATURE];

	crypto_assert(is_kid(str_c(kid)), "a kid is made of letters, digits, '-', '_' and '.'");
	crypto_assert(crypto_sign_ed25519_detached(signature, NULL, (const uint8_t *)input.p,
			      input.n, k->seed_and_public) == 0,
		"signing failed");
	return str_c(arena_printf(
		a, "%s.%s", input.p, crypto_base64url(a, str_n(signature, SIGNATURE))));
}

/* --- the header --- */

struct header {
	struct str alg, typ, kid;
};

static void skip_space(struct str *s)
{
	while (s->n > 0 && strchr(" \t\r\n", *s->p) && *s->p != '\0') {
		s->p++;
		s->n--;
	}
}

/* Takes c and the space around it. */
static bool take(struct str *s, char c)
{
	skip_space(s);
	if (s->n == 0 || *s->p != c)
		return false;
	s->p++;
	s->n--;
	skip_space(s);
	return true;
}

/* Takes a string of printable ASCII without escapes. */
static bool take_string(struct str *s, struct str *ret)
{
	size_t n = 0;

	if (s->n == 0 || *s->p != '"')
		return false;
	s->p++;
	s->n--;
	while (n < s->n && s->p[n] != '"') {
		if (s->p[n] < ' ' || s->p[n] > '~' || s->p[n] == '\\')
			return false;
		n++;
	}
	*ret = str_n(s->p, n);
	s->p += n;
	s->n -= n;
	return take(s, '"');
}

static struct str *member(struct header *h, struct str name)
{
	if (str_is(name, "alg"))
		return &h->alg;
	if (str_is(name, "typ"))
		return &h->typ;
	return str_is(name, "kid") ? &h->kid : NULL;
}

/* A second "alg" would let two readers see two algorithms: refused, as is any name but the three.
 */
static bool take_member(struct str *s, struct header *h)
{
	struct str name, value, *to;

	if (!take_string(s, &name) || !take(s, ':') || !take_string(s, &value))
		return false;
	to = member(h, name);
	if (!to || to->p)
		return false;
	*to = value;
	return true;
}

static bool parse_header(struct str s, struct header *ret)
{
	if (!take(&s, '{'))
		return false;
	do {
		if (!take_member(&s, ret))
			return false;
	} while (take(&s, ','));
	return take(&s, '}') && s.n == 0;
}

static bool is_ours(const struct header *h)
{
	return str_is(h->alg, "EdDSA") && (!h->typ.p || str_is(h->typ, "JWT")) && is_kid(h->kid);
}

/* --- reading and verifying --- */

enum status jwt_parse(struct arena *a, struct str token, struct jwt *ret)
{
	struct str rest = token;
	struct str header64 = str_cut(&rest, '.');
	struct str claims64 = str_cut(&rest, '.');
	struct header h = { 0 };
	struct str header;
	struct jwt t;

	if (token.n > JWT_MAX || !rest.p)
		return ST_UNAUTHENTICATED;
	if (crypto_base64url_decode(a, header64, &header) != ST_OK ||
		crypto_base64url_decode(a, claims64, &t.claims_json) != ST_OK ||
		crypto_base64url_decode(a, rest, &t.signature) != ST_OK)
		return ST_UNAUTHENTICATED;
	if (!parse_header(header, &h) || !is_ours(&h) || t.signature.n != SIGNATURE)
		return ST_UNAUTHENTICATED;
	t.kid = h.kid;
	t.signing_input = str_n(token.p, header64.n + 1 + claims64.n);
	*ret = t;
	return ST_OK;
}

enum status jwt_verify(const struct jwt *t, struct str public_key)
{
	if (public_key.n != PUBLIC || t->signature.n != SIGNATURE)
		return ST_UNAUTHENTICATED;
	if (crypto_sign_ed25519_verify_detached((const uint8_t *)t->signature.p,
		    (const uint8_t *)t->signing_input.p, t->signing_input.n,
		    (const uint8_t *)public_key.p) != 0)
		return ST_UNAUTHENTICATED;
	return ST_OK;
}
