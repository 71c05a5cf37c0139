/* Crypto: sealed text, digests, encodings and password hashes over libsodium. */
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include "adapters/crypto/crypto_private.h"

enum {
	KEY = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES,
	BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

/* 64 MiB and two passes: libsodium's "interactive". */
static _Atomic uint64_t password_ops = crypto_pwhash_OPSLIMIT_INTERACTIVE;
static _Atomic size_t password_mem = crypto_pwhash_MEMLIMIT_INTERACTIVE;

void crypto_assert(bool ok, const char *what)
{
	static const char PREFIX[] = "crypto: ";

	if (ok)
		return;
	(void)!write(STDERR_FILENO, PREFIX, sizeof(PREFIX) - 1); /* we end anyway */
	(void)!write(STDERR_FILENO, what, strlen(what));
	(void)!write(STDERR_FILENO, "\n", 1);
	abort();
}

void crypto_init(void)
{
	crypto_assert(sodium_init() >= 0, "libsodium cannot start");
}

/* NULL with length 0 is a legal slice, but not a legal argument of memcpy and friends. */
static const uint8_t *bytes(struct str s)
{
	return (const uint8_t *)(s.p ? s.p : "");
}

/* --- sealed text: nonce || ciphertext || tag --- */

struct str crypto_seal(
	struct arena *a, const struct secret *key, struct str context, struct str plain)
{
	struct str k = secret_view(key);
	size_t n = NONCE + plain.n + TAG;
	uint8_t *box = arena_alloc(a, n);

	crypto_assert(k.n == KEY, "a sealing key has 32 bytes");
	randombytes_buf(box, NONCE);
	crypto_assert(crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE, NULL, bytes(plain),
			      plain.n, bytes(context), context.n, NULL, box, bytes(k)) == 0,
		"sealing failed");
	return str_c(crypto_base64url(a, str_n(box, n)));
}

enum status crypto_open(struct arena *a, const struct secret *key, struct str context,
	struct str sealed, struct str *ret)
{
	struct str k = secret_view(key), box;
	const uint8_t *p;
	uint8_t *plain;
	size_t n;

	crypto_assert(k.n == KEY, "a sealing key has 32 bytes");
	TRY(crypto_base64url_decode(a, sealed, &box));
	if (box.n < NONCE + TAG)
		return ST_INVALID_ARGUMENT;
	p = bytes(box);
	n = box.n - NONCE - TAG;
	plain = arena_alloc(a, n + 1);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, p + NONCE, n + TAG,
		    bytes(context), context.n, p, bytes(k)) != 0)
		return ST_INVALID_ARGUMENT;
	plain[n] = '\0';
	*ret = str_n(plain, n);
	return ST_OK;
}

/* --- digests --- */

void crypto_digest(struct str s, uint8_t out[CRYPTO_DIGEST])
{
	crypto_assert(crypto_generichash(out, CRYPTO_DIGEST, bytes(s), s.n, NULL, 0) == 0,
		"digest failed");
}

struct str crypto_keyed_digest(struct arena *a, const struct secret *key, struct str s)
{
	struct str k = secret_view(key);
	uint8_t *out = arena_alloc(a, CRYPTO_DIGEST);

	crypto_assert(
		k.n >= crypto_generichash_KEYBYTES_MIN && k.n <= crypto_generichash_KEYBYTES_MAX,
		"a digest key has 16 to 64 bytes");
	crypto_assert(crypto_generichash(out, CRYPTO_DIGEST, bytes(s), s.n, bytes(k), k.n) == 0,
		"digest failed");
	return str_n(out, CRYPTO_DIGEST);
}

struct str crypto_hmac_sha256(struct arena *a, const struct secret *key, struct str s)
{
	struct str k = secret_view(key);
	uint8_t *out = arena_alloc(a, crypto_auth_hmacsha256_BYTES);
	crypto_auth_hmacsha256_state state;

	(void)crypto_auth_hmacsha256_init(&state, bytes(k), k.n); /* these three always return 0 */
	(void)crypto_auth_hmacsha256_update(&state, bytes(s), s.n);
	(void)crypto_auth_hmacsha256_final(&state, out);
	sodium_memzero(&state, sizeof(state));
	return str_n(out, crypto_auth_hmacsha256_BYTES);
}

bool crypto_equal(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}

/* --- text --- */

char *crypto_base64url(struct arena *a, struct str s)
{
	size_t n = sodium_base64_ENCODED_LEN(s.n, BASE64);

	return sodium_bin2base64(arena_alloc(a, n), n, bytes(s), s.n, BASE64);
}

/* libsodium takes some bytes beyond ASCII for digits. */
static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if ((uint8_t)s.p[i] >= 0x80)
			return false;
	}
	return true;
}

enum status crypto_base64url_decode(struct arena *a, struct str s, struct str *ret)
{
	size_t max = s.n / 4 * 3 + 3, n = 0;
	uint8_t *out = arena_alloc(a, max + 1);

	if (!is_ascii(s) ||
		sodium_base642bin(out, max, s.p ? s.p : "", s.n, NULL, &n, NULL, BASE64) != 0)
		return ST_INVALID_ARGUMENT;
	out[n] = '\0';
	*ret = str_n(out, n);
	return ST_OK;
}

char *crypto_random_text(struct arena *a, size_t n)
{
	uint8_t *random = arena_alloc(a, n);
	char *text;

	randombytes_buf(random, n);
	text = crypto_base64url(a, str_n(random, n));
	sodium_memzero(random, n);
	return text;
}

/* --- passwords --- */

void crypto_password_cost(uint64_t ops, size_t mem_bytes)
{
	atomic_store(&password_ops, ops);
	atomic_store(&password_mem, mem_bytes);
}

char *crypto_password_hash(struct arena *a, struct str password)
{
	char *hash = arena_zalloc(a, crypto_pwhash_STRBYTES);

	crypto_assert(crypto_pwhash_str(hash, password.p ? password.p : "", password.n,
			      atomic_load(&password_ops), atomic_load(&password_mem)) == 0,
		"no memory for a password hash");
	return hash;
}

/* libsodium reads an array of the full size: what is shorter is copied into one. */
bool crypto_password_matches(const char *hash, struct str password)
{
	char full[crypto_pwhash_STRBYTES] = { 0 };
	size_t n = strlen(hash);

	if (n >= sizeof(full))
		return false;
	memcpy(full, hash, n);
	return crypto_pwhash_str_verify(full, password.p ? password.p : "", password.n) == 0;
}
