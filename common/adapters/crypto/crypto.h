/*
 * crypto: libsodium, and nothing else that touches secrets. Signed tokens (JWT, RFC 7519, alg
 * EdDSA, RFC 8037), password hashes (argon2id, RFC 9106), sealed text (XChaCha20-Poly1305), digests
 * (BLAKE2b, HMAC-SHA-256), key derivation.
 * Owner: results live in the arena given. Secrets sit in struct secret: locked, wiped. Threads:
 * any.
 */
#pragma once
#include "base/str.h"

void crypto_init(void); /* once, at start; aborts if libsodium cannot start */

struct secret; /* bytes in guarded memory */
struct secret *secret_new(struct str bytes);
struct secret *secret_random(size_t n);
void secret_free(struct secret *s);
/* 32 bytes derived from a 32-byte master for one purpose (crypto_kdf; purpose is hashed to its
 * context). */
struct secret *secret_derive(const struct secret *master, const char *purpose);
/* Reads a secret of exactly n bytes, raw or hex or base64url text, from a file that only its owner
 * may read. */
enum status secret_read_file(const char *path, size_t n, struct secret **ret) MUST_CHECK;

/* Sealed text, base64url: authenticated, bound to `context`. ST_INVALID_ARGUMENT if it was changed,
 * made with another key or for another context. */
struct str crypto_seal(
	struct arena *a, const struct secret *key, struct str context, struct str plain);
enum status crypto_open(struct arena *a, const struct secret *key, struct str context,
	struct str sealed, struct str *ret) MUST_CHECK;

enum { CRYPTO_DIGEST = 32 };
void crypto_digest(struct str s, uint8_t out[CRYPTO_DIGEST]); /* BLAKE2b-256 */
/* 32 raw bytes, BLAKE2b keyed */
struct str crypto_keyed_digest(struct arena *a, const struct secret *key, struct str s);
struct str crypto_hmac_sha256(struct arena *a, const struct secret *key, struct str s);
bool crypto_equal(struct str a, struct str b); /* constant time for equal lengths */

char *crypto_base64url(struct arena *a, struct str s); /* without padding */
enum status crypto_base64url_decode(struct arena *a, struct str s, struct str *ret) MUST_CHECK;
/* base64url of random bytes, for API keys and refresh tokens */
char *crypto_random_text(struct arena *a, size_t bytes);

/* argon2id. Blocking and heavy (64 MiB, ~100 ms): offload pool only. */
char *crypto_password_hash(struct arena *a, struct str password);
bool crypto_password_matches(const char *hash, struct str password);
/* Cheap parameters for tests; production code never calls it. */
void crypto_password_cost(uint64_t ops, size_t mem_bytes);

/* Ed25519 keys and JWTs. */
struct sign_key;                                    /* private */
struct verify_key;                                  /* public */
struct sign_key *sign_key_new(struct arena *a);     /* random; wiped with the arena */
struct str sign_key_seed(const struct sign_key *k); /* 32 bytes, to be sealed before storing */
enum status sign_key_from_seed(struct arena *a, struct str seed, struct sign_key **ret) MUST_CHECK;
struct str sign_key_public(const struct sign_key *k); /* 32 bytes */
/* the longest token that is read; it travels as metadata (rpc: 32 KiB a call) */
enum { JWT_MAX = 24 * 1024 };
/* claims is a JSON object. */
struct str jwt_sign(
	struct arena *a, const struct sign_key *k, const char *kid, struct str claims_json);
/* Splits a token; nothing is verified yet. ST_UNAUTHENTICATED if it is not a JWT with alg EdDSA and
 * a kid. */
struct jwt {
	struct str kid, claims_json, signing_input, signature;
};
enum status jwt_parse(struct arena *a, struct str token, struct jwt *ret) MUST_CHECK;
enum status jwt_verify(const struct jwt *t, struct str public_key) MUST_CHECK;
