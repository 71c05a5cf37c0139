/* Crypto: published test vectors, and everything that must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "adapters/crypto/crypto.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int setup(void **state)
{
	crypto_init();
	*state = arena_new();
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static const char *hex(struct arena *a, struct str s)
{
	char *text = arena_zalloc(a, s.n * 2 + 1);

	for (size_t i = 0; i < s.n; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", (uint8_t)s.p[i]);
	return text;
}

static struct str repeated(struct arena *a, char c, size_t n)
{
	char *p = arena_alloc(a, n);

	memset(p, c, n);
	return str_n(p, n);
}

/* --- digests --- */

static void digests_are_blake2b_256(void **state)
{
	static const struct {
		const char *text, *want;
	} CASES[] = {
		{ "", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8" },
		{ "abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319" },
	};

	for (size_t i = 0; i < COUNT(CASES); i++) {
		uint8_t out[CRYPTO_DIGEST];

		crypto_digest(str_c(CASES[i].text), out);
		assert_string_equal(hex(*state, str_n(out, sizeof(out))), CASES[i].want);
	}
}

/* RFC 4231, cases 1, 2 and 6 */
static void hmac_follows_rfc_4231(void **state)
{
	struct arena *a = *state;
	const struct {
		struct str key, text;
		const char *want;
	} CASES[] = {
		{ repeated(a, 0x0b, 20), STR("Hi There"),
			"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ STR("Jefe"), STR("what do ya want for nothing?"),
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ repeated(a, (char)0xaa, 131),
			STR("Test Using Larger Than Block-Size Key - Hash Key First"),
			"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	};

	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct secret *key = secret_new(CASES[i].key);

		assert_string_equal(
			hex(a, crypto_hmac_sha256(a, key, CASES[i].text)), CASES[i].want);
		secret_free(key);
	}
}

static void keyed_digests_depend_on_key_and_text(void **state)
{
	struct secret *one = secret_new(repeated(*state, 'k', 32));
	struct secret *other = secret_new(repeated(*state, 'l', 32));
	struct str first = crypto_keyed_digest(*state, one, STR("text"));

	assert_int_equal(first.n, CRYPTO_DIGEST);
	assert_true(str_eq(first, crypto_keyed_digest(*state, one, STR("text"))));
	assert_false(str_eq(first, crypto_keyed_digest(*state, one, STR("texT"))));
	assert_false(str_eq(first, crypto_keyed_digest(*state, other, STR("text"))));
	secret_free(one);
	secret_free(other);
}

static void equality_compares_length_and_bytes(void **state)
{
	(void)state;
	assert_true(crypto_equal(STR("abc"), STR("abc")));
	assert_false(crypto_equal(STR("abc"), STR("abd")));
	assert_false(crypto_equal(STR("abc"), STR("ab")));
	assert_true(crypto_equal(STR(""), str_n(NULL, 0)));
}

/* --- base64url --- */

static void base64url_goes_both_ways(void **state)
{
	static const struct {
		struct str bytes;
		const char *text;
	} CASES[] = {
		{ { "", 0 }, "" },
		{ { "f", 1 }, "Zg" },
		{ { "fo", 2 }, "Zm8" },
		{ { "foo", 3 }, "Zm9v" },
		{ { "foob", 4 }, "Zm9vYg" },
		{ { "\xff\xfe\xfb\xef\0", 5 }, "__777wA" },
	};

	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct str back;

		assert_string_equal(crypto_base64url(*state, CASES[i].bytes), CASES[i].text);
		assert_int_equal(
			crypto_base64url_decode(*state, str_c(CASES[i].text), &back), ST_OK);
		assert_true(str_eq(back, CASES[i].bytes));
	}
}

static void base64url_that_is_not_canonical_is_refused(void **state)
{
	static const char *const CASES[] = { "Z", "Zg=", "Zg==", "Zh", "Zm9", "Z g", "Zg\n", "+/8",
		"Zm9vY", "Zm9v\xc3\xa9", "\xae\xfb\xae\xfb" };
	struct str back;

	for (size_t i = 0; i < COUNT(CASES); i++)
		assert_int_equal(crypto_base64url_decode(*state, str_c(CASES[i]), &back),
			ST_INVALID_ARGUMENT);
	assert_int_equal(
		crypto_base64url_decode(*state, str_n("Zg\0\0", 4), &back), ST_INVALID_ARGUMENT);
}

static void random_text_does_not_repeat(void **state)
{
	const char *one = crypto_random_text(*state, 32);

	assert_int_equal(strlen(one), 43);
	assert_string_not_equal(one, crypto_random_text(*state, 32));
}

/* --- sealed text --- */

static void sealed_text_opens_with_its_key_and_context(void **state)
{
	struct arena *a = *state;
	struct secret *key = secret_random(32);
	struct str texts[] = { STR("page 2 of contacts"), STR(""), repeated(a, 'x', 100000) };

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct str sealed = crypto_seal(a, key, STR("tenant 1"), texts[i]), opened;

		assert_int_equal(crypto_open(a, key, STR("tenant 1"), sealed, &opened), ST_OK);
		assert_true(str_eq(opened, texts[i]));
		assert_false(str_eq(sealed, crypto_seal(a, key, STR("tenant 1"), texts[i])));
	}
	secret_free(key);
}

static void sealed_text_does_not_open_elsewhere(void **state)
{
	struct arena *a = *state;
	struct secret *key = secret_random(32), *other = secret_random(32);
	struct str sealed = crypto_seal(a, key, STR("tenant 1"), STR("secret")), opened;

	assert_int_equal(
		crypto_open(a, key, STR("tenant 2"), sealed, &opened), ST_INVALID_ARGUMENT);
	assert_int_equal(crypto_open(a, key, STR(""), sealed, &opened), ST_INVALID_ARGUMENT);
	assert_int_equal(
		crypto_open(a, other, STR("tenant 1"), sealed, &opened), ST_INVALID_ARGUMENT);
	secret_free(key);
	secret_free(other);
}

static void sealed_text_that_was_changed_does_not_open(void **state)
{
	struct arena *a = *state;
	struct secret *key = secret_random(32);
	struct str sealed = crypto_seal(a, key, STR("c"), STR("hello")), opened;

	for (size_t i = 0; i < sealed.n; i++) {
		char *changed = str_dup(a, sealed);

		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		assert_int_equal(crypto_open(a, key, STR("c"), str_c(changed), &opened),
			ST_INVALID_ARGUMENT);
		assert_int_equal(crypto_open(a, key, STR("c"), str_n(sealed.p, i), &opened),
			ST_INVALID_ARGUMENT);
	}
	assert_int_equal(
		crypto_open(a, key, STR("c"), str_n(NULL, 0), &opened), ST_INVALID_ARGUMENT);
	secret_free(key);
}

/* --- derived keys --- */

static void derived_keys_differ_by_purpose_and_are_stable(void **state)
{
	struct arena *a = *state;
	struct secret *master = secret_new(repeated(a, 'm', 32));
	struct secret *page = secret_derive(master, "page tokens");
	struct secret *again = secret_derive(master, "page tokens");
	struct secret *other = secret_derive(master, "sessions");
	struct str opened;

	assert_int_equal(
		crypto_open(a, again, STR(""), crypto_seal(a, page, STR(""), STR("x")), &opened),
		ST_OK);
	assert_int_equal(
		crypto_open(a, other, STR(""), crypto_seal(a, page, STR(""), STR("x")), &opened),
		ST_INVALID_ARGUMENT);
	secret_free(master);
	secret_free(page);
	secret_free(again);
	secret_free(other);
	secret_free(NULL);
}

/* --- secrets from files --- */

/* The secret of 4 bytes in a file with this text and mode, "abcd" if it reads so. */
static enum status read_secret(struct arena *a, struct str text, mode_t mode)
{
	char path[] = "/tmp/test_crypto.XXXXXX";
	int fd = mkstemp(path);
	struct secret *want = secret_new(STR("abcd")), *got;
	enum status s;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.p, text.n), text.n);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
	s = secret_read_file(path, 4, &got);
	(void)unlink(path);
	if (s == ST_OK) {
		assert_true(str_eq(crypto_hmac_sha256(a, got, STR("x")),
			crypto_hmac_sha256(a, want, STR("x"))));
		secret_free(got);
	}
	secret_free(want);
	return s;
}

static void a_secret_file_is_raw_hex_or_base64url(void **state)
{
	const struct {
		struct str text;
		enum status want;
	} CASES[] = {
		{ STR("abcd"), ST_OK },
		{ STR("61626364"), ST_OK },
		{ STR("61626364\n"), ST_OK },
		{ STR("YWJjZA"), ST_OK },
		{ STR("YWJjZA\r\n"), ST_OK },
		{ STR(""), ST_INVALID_ARGUMENT },
		{ STR("abc"), ST_INVALID_ARGUMENT },
		{ STR("6162636g"), ST_INVALID_ARGUMENT },
		{ STR("616263640"), ST_INVALID_ARGUMENT },
		{ STR("YWJjZGU"), ST_INVALID_ARGUMENT },
		{ repeated(*state, 'a', 5000), ST_INVALID_ARGUMENT },
	};

	for (size_t i = 0; i < COUNT(CASES); i++)
		assert_int_equal(read_secret(*state, CASES[i].text, 0600), CASES[i].want);
}

static void a_secret_file_that_others_may_read_is_refused(void **state)
{
	struct secret *s;

	assert_int_equal(read_secret(*state, STR("abcd"), 0400), ST_OK);
	assert_int_equal(read_secret(*state, STR("abcd"), 0640), ST_PERMISSION_DENIED);
	assert_int_equal(read_secret(*state, STR("abcd"), 0604), ST_PERMISSION_DENIED);
	assert_int_equal(read_secret(*state, STR("abcd"), 0602), ST_PERMISSION_DENIED);
	assert_int_equal(secret_read_file("/nowhere/at/all", 4, &s), ST_NOT_FOUND);
	assert_int_equal(secret_read_file("/tmp", 4, &s), ST_PERMISSION_DENIED);
}

/* --- passwords --- */

static void a_password_matches_its_own_hash_only(void **state)
{
	const char *hash;

	crypto_password_cost(1, 8192);
	hash = crypto_password_hash(*state, STR("correct horse"));
	assert_memory_equal(hash, "$argon2id$v=19$m=8,t=1,p=1$", 27);
	assert_true(crypto_password_matches(hash, STR("correct horse")));
	assert_false(crypto_password_matches(hash, STR("correct horsf")));
	assert_false(crypto_password_matches(hash, STR("")));
	assert_string_not_equal(hash, crypto_password_hash(*state, STR("correct horse")));
	crypto_password_cost(2, 64 << 20);
	hash = crypto_password_hash(*state, STR("x"));
	assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31);
	assert_true(crypto_password_matches(hash, STR("x")));
}

static void a_hash_that_is_none_matches_nothing(void **state)
{
	static const char *const CASES[] = { "", "x", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$",
		"$2b$12$abcdefghijklmnopqrstuv" };
	char *endless = str_dup(*state, repeated(*state, '$', 5000));

	for (size_t i = 0; i < COUNT(CASES); i++)
		assert_false(crypto_password_matches(CASES[i], STR("x")));
	assert_false(crypto_password_matches(endless, STR("x")));
}

/* --- tokens --- */

static struct str decoded(struct arena *a, const char *text)
{
	struct str s;

	assert_int_equal(crypto_base64url_decode(a, str_c(text), &s), ST_OK);
	return s;
}

/* RFC 8037, appendix A */
static void signatures_follow_rfc_8037(void **state)
{
	struct arena *a = *state;
	struct sign_key *k;
	struct jwt t = {
		.signing_input = STR("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"),
		.signature = decoded(a,
			"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5B"
			"hVsPt9g7sVvpAr_MuM0KAg"),
	};

	assert_int_equal(sign_key_from_seed(
				 a, decoded(a, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"), &k),
		ST_OK);
	assert_string_equal(crypto_base64url(a, sign_key_public(k)),
		"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
	assert_int_equal(jwt_verify(&t, sign_key_public(k)), ST_OK);
	assert_int_equal(sign_key_from_seed(a, STR("short"), &k), ST_INVALID_ARGUMENT);
}

static void a_token_verifies_with_its_key_only(void **state)
{
	struct arena *a = *state;
	struct sign_key *k = sign_key_new(a), *copy, *other = sign_key_new(a);
	struct str token = jwt_sign(a, k, "key-1", STR("{\"sub\":\"u\"}"));
	struct jwt t;

	assert_int_equal(jwt_parse(a, token, &t), ST_OK);
	assert_true(str_is(t.kid, "key-1"));
	assert_true(str_is(t.claims_json, "{\"sub\":\"u\"}"));
	assert_int_equal(jwt_verify(&t, sign_key_public(k)), ST_OK);
	assert_int_equal(jwt_verify(&t, sign_key_public(other)), ST_UNAUTHENTICATED);
	assert_int_equal(jwt_verify(&t, STR("short")), ST_UNAUTHENTICATED);
	assert_int_equal(sign_key_from_seed(a, sign_key_seed(k), &copy), ST_OK);
	assert_true(str_eq(jwt_sign(a, copy, "key-1", STR("{\"sub\":\"u\"}")), token));
}

static void a_token_changed_anywhere_is_refused(void **state)
{
	struct arena *a = *state;
	struct sign_key *k = sign_key_new(a);
	struct str token = jwt_sign(a, k, "key-1", STR("{\"sub\":\"u\",\"exp\":17}"));
	struct jwt t;

	for (size_t i = 0; i < token.n; i++) {
		char *changed = str_dup(a, token);

		changed[i] = changed[i] == 'Q' ? 'R' : 'Q';
		if (jwt_parse(a, str_c(changed), &t) == ST_OK)
			assert_int_equal(jwt_verify(&t, sign_key_public(k)), ST_UNAUTHENTICATED);
		assert_int_equal(jwt_parse(a, str_n(token.p, i), &t), ST_UNAUTHENTICATED);
	}
}

/* The parts of a token with this header, joined; the signature has the right length. */
static struct str with_header(struct arena *a, struct str header)
{
	return str_c(arena_printf(a, "%s.e30.%s", crypto_base64url(a, header),
		crypto_base64url(a, repeated(a, 's', 64))));
}

static void headers_are_read_strictly(void **state)
{
	static const struct {
		struct str header;
		enum status want;
	} CASES[] = {
#define H(text) { text, sizeof(text) - 1 }
		{ H("{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"k\"}"), ST_OK },
		{ H("{\"kid\":\"k\",\"alg\":\"EdDSA\"}"), ST_OK },
		{ H(" { \"kid\" : \"k\" ,\n\"alg\" : \"EdDSA\" } "), ST_OK },
		{ H("{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"k\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"eddsa\",\"typ\":\"JWT\",\"kid\":\"k\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\\u0000\",\"kid\":\"k\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"k\",\"alg\":\"none\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"k\",\"kid\":\"l\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"k\",\"crit\":[\"b64\"]}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"k\",\"jku\":\"http://x\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"typ\":\"JWS\",\"kid\":\"k\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"../k\"}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":7}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"k"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"k\""), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"k\",}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"k\"}{}"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\",\"kid\":\"k\"}\0"), ST_UNAUTHENTICATED },
		{ H("\0{\"alg\":\"EdDSA\",\"kid\":\"k\"}"), ST_UNAUTHENTICATED },
		{ H("[\"alg\",\"EdDSA\"]"), ST_UNAUTHENTICATED },
		{ H("{\"alg\":\"EdDSA\"}"), ST_UNAUTHENTICATED },
		{ H("{\"kid\":\"k\"}"), ST_UNAUTHENTICATED },
		{ H("{}"), ST_UNAUTHENTICATED },
		{ H(""), ST_UNAUTHENTICATED },
	};
	struct jwt t;

	for (size_t i = 0; i < COUNT(CASES); i++)
		assert_int_equal(
			jwt_parse(*state, with_header(*state, CASES[i].header), &t), CASES[i].want);
}

static void what_is_no_token_is_refused(void **state)
{
	struct arena *a = *state;
	struct str good = with_header(a, STR("{\"alg\":\"EdDSA\",\"kid\":\"k\"}"));
	struct str cases[] = {
		str_n(NULL, 0),
		STR(""),
		STR("."),
		STR(".."),
		STR("..."),
		STR("a.b.c"),
		str_c(arena_printf(a, "%s.", good.p)),
		str_c(arena_printf(a, "%s.e30", good.p)),
		str_c(arena_printf(a, "%s=", good.p)),
		str_c(arena_printf(a, " %s", good.p)),
		str_c(arena_printf(a, "%sAAAA", good.p)),
		repeated(a, '.', 1000000),
		repeated(a, 'a', 1000000),
	};
	struct jwt t;

	assert_int_equal(jwt_parse(a, good, &t), ST_OK);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(jwt_parse(a, cases[i], &t), ST_UNAUTHENTICATED);
}

int main(void)
{
#define CASE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(digests_are_blake2b_256),
		CASE(hmac_follows_rfc_4231),
		CASE(keyed_digests_depend_on_key_and_text),
		CASE(equality_compares_length_and_bytes),
		CASE(base64url_goes_both_ways),
		CASE(base64url_that_is_not_canonical_is_refused),
		CASE(random_text_does_not_repeat),
		CASE(sealed_text_opens_with_its_key_and_context),
		CASE(sealed_text_does_not_open_elsewhere),
		CASE(sealed_text_that_was_changed_does_not_open),
		CASE(derived_keys_differ_by_purpose_and_are_stable),
		CASE(a_secret_file_is_raw_hex_or_base64url),
		CASE(a_secret_file_that_others_may_read_is_refused),
		CASE(a_password_matches_its_own_hash_only),
		CASE(a_hash_that_is_none_matches_nothing),
		CASE(signatures_follow_rfc_8037),
		CASE(a_token_verifies_with_its_key_only),
		CASE(a_token_changed_anywhere_is_refused),
		CASE(headers_are_read_strictly),
		CASE(what_is_no_token_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
