/* Strings: slices, numbers, UTF-8, the hash and the buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/str.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_str(struct str s, const char *text)
{
	assert_int_equal(s.n, strlen(text));
	assert_memory_equal(s.p, text, s.n);
}

static void starts_and_ends_are_compared_bytewise(void **state)
{
	(void)state;
	assert_true(str_starts(STR("contacts.get"), "contacts."));
	assert_true(str_starts(STR(""), ""));
	assert_true(str_starts((struct str){ NULL, 0 }, ""));
	assert_false(str_starts(STR("con"), "contacts"));
	assert_false(str_starts(STR("xontacts"), "contacts"));
	assert_true(str_ends(STR("a.proto"), ".proto"));
	assert_true(str_ends((struct str){ NULL, 0 }, ""));
	assert_false(str_ends(STR("proto"), ".proto"));
	assert_false(str_ends(STR("a.protx"), ".proto"));
	assert_true(str_is(STR("a"), "a"));
	assert_false(str_is(STR("a"), "ab"));
	assert_true(str_is((struct str){ NULL, 0 }, ""));
}

static void cutting_yields_each_part_then_nothing(void **state)
{
	struct str s = STR("a,,bc");

	(void)state;
	assert_str(str_cut(&s, ','), "a");
	assert_str(str_cut(&s, ','), "");
	assert_str(s, "bc");
	assert_str(str_cut(&s, ','), "bc");
	assert_null(s.p);
	assert_null(str_cut(&s, ',').p);
}

static void cutting_at_the_end_leaves_an_empty_rest(void **state)
{
	struct str s = STR("a,");

	(void)state;
	assert_str(str_cut(&s, ','), "a");
	assert_non_null(s.p);
	assert_int_equal(s.n, 0);
}

static void trimming_takes_ascii_white_space_only(void **state)
{
	(void)state;
	assert_str(str_trim(STR(" \t\r\n\v\fa b\n ")), "a b");
	assert_str(str_trim(STR("   ")), "");
	assert_str(str_trim(STR("\xc2\xa0x")), "\xc2\xa0x");
}

static void numbers_are_read_whole_or_not_at_all(void **state)
{
	static const struct {
		const char *text;
		bool is_i64, is_u64;
		int64_t i64;
		uint64_t u64;
	} CASES[] = {
		{ "0", true, true, 0, 0 },
		{ "007", true, true, 7, 7 },
		{ "-0", true, false, 0, 0 },
		{ "9223372036854775807", true, true, INT64_MAX, INT64_MAX },
		{ "-9223372036854775808", true, false, INT64_MIN, 0 },
		{ "9223372036854775808", false, true, 0, UINT64_C(9223372036854775808) },
		{ "-9223372036854775809", false, false, 0, 0 },
		{ "18446744073709551615", false, true, 0, UINT64_MAX },
		{ "18446744073709551616", false, false, 0, 0 },
		{ "99999999999999999999999", false, false, 0, 0 },
		{ "", false, false, 0, 0 },
		{ "-", false, false, 0, 0 },
		{ "--1", false, false, 0, 0 },
		{ "+1", false, false, 0, 0 },
		{ " 1", false, false, 0, 0 },
		{ "1 ", false, false, 0, 0 },
		{ "1a", false, false, 0, 0 },
		{ "0x1", false, false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		int64_t i64 = 0;
		uint64_t u64 = 0;

		assert_int_equal(str_to_i64(str_c(CASES[i].text), &i64), CASES[i].is_i64);
		assert_int_equal(str_to_u64(str_c(CASES[i].text), &u64), CASES[i].is_u64);
		assert_true(i64 == CASES[i].i64);
		assert_true(u64 == CASES[i].u64);
	}
	assert_false(str_to_i64(str_c(NULL), &(int64_t){ 0 }));
	assert_false(str_to_u64(str_n("1\0", 2), &(uint64_t){ 0 }));
}

static const struct {
	struct str text;
	bool is_valid;
	size_t count;
} UTF8_CASES[] = {
	{ { NULL, 0 }, true, 0 },
	{ { "", 0 }, true, 0 },
	{ { "a\0b", 3 }, true, 3 },
	{ { "Zdeněk Dvořák", 16 }, true, 13 },
	{ { "\xc2\x80", 2 }, true, 1 },
	{ { "\xdf\xbf", 2 }, true, 1 },
	{ { "\xe0\xa0\x80", 3 }, true, 1 },
	{ { "\xed\x9f\xbf", 3 }, true, 1 },
	{ { "\xee\x80\x80", 3 }, true, 1 },
	{ { "\xef\xbf\xbf", 3 }, true, 1 },
	{ { "\xf0\x90\x80\x80", 4 }, true, 1 },
	{ { "\xf4\x8f\xbf\xbf", 4 }, true, 1 },
	{ { "12345678\xc4\x9b"
	    "12345678",
		  18 },
		true, 17 },
	{ { "\x80", 1 }, false, 0 }, /* continuation alone */
	{ { "\xbf", 1 }, false, 0 },
	{ { "\xc0\x80", 2 }, false, 0 }, /* overlong */
	{ { "\xc1\xbf", 2 }, false, 0 },
	{ { "\xe0\x9f\xbf", 3 }, false, 0 },
	{ { "\xf0\x8f\xbf\xbf", 4 }, false, 0 },
	{ { "\xed\xa0\x80", 3 }, false, 0 }, /* surrogates */
	{ { "\xed\xbf\xbf", 3 }, false, 0 },
	{ { "\xf4\x90\x80\x80", 4 }, false, 0 }, /* above U+10FFFF */
	{ { "\xf5\x80\x80\x80", 4 }, false, 0 },
	{ { "\xff", 1 }, false, 0 },
	{ { "\xc4", 1 }, false, 0 }, /* cut off */
	{ { "\xe2\x82", 2 }, false, 0 },
	{ { "\xf0\x9f\x98", 3 }, false, 0 },
	{ { "\xc4"
	    "a",
		  2 },
		false, 0 }, /* no continuation where one must be */
	{ { "\xe2\x82"
	    "a",
		  3 },
		false, 0 },
	{ { "\xf0\x9f\x98"
	    "a",
		  4 },
		false, 0 },
	{ { "12345678\xff", 9 }, false, 0 },
	{ { "1234567\xff"
	    "12345678",
		  16 },
		false, 0 },
};

static void well_formed_utf8_is_told_from_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(UTF8_CASES); i++) {
		struct str s = UTF8_CASES[i].text;

		assert_int_equal(utf8_is_valid(s), UTF8_CASES[i].is_valid);
		if (UTF8_CASES[i].is_valid)
			assert_int_equal(utf8_count(s), UTF8_CASES[i].count);
	}
}

/* Encodes any number below 2^21 in the given form, valid or not. */
static size_t encode(uint32_t c, size_t length, char out[4])
{
	static const uint8_t LEADS[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	if (length == 1) {
		out[0] = (char)c;
		return 1;
	}
	for (size_t i = length - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(LEADS[length] | c);
	return length;
}

static size_t shortest(uint32_t c)
{
	return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void every_code_point_has_one_valid_form(void **state)
{
	static const uint32_t LIMITS[] = { 0, 0x80, 0x800, 0x10000, 0x200000 };
	char out[4];

	(void)state;
	for (size_t length = 1; length <= 4; length++) {
		for (uint32_t c = 0; c < LIMITS[length]; c++) {
			bool is_scalar = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
			bool is_valid = utf8_is_valid(str_n(out, encode(c, length, out)));

			if (is_valid != (is_scalar && length == shortest(c)))
				fail_msg("U+%04X in %zu bytes", c, length);
		}
	}
}

static void hashes_agree_with_another_siphash(void **state)
{
	/* CPython 3.11 hashes bytes with SipHash-1-3; PYTHONHASHSEED=0 makes the key zero */
	static const struct {
		struct str text;
		uint64_t hash;
	} CASES[] = {
		{ { "a", 1 }, UINT64_C(0x407448d2b89b1813) },
		{ { "abcdefg", 7 }, UINT64_C(0x6db12aae9070f506) },
		{ { "abcdefgh", 8 }, UINT64_C(0x3f7b849c0b8e35ea) },
		{ { "abcdefghi", 9 }, UINT64_C(0xf89b34a3d11eb6e5) },
	};
	static const uint64_t ZERO[2];
	char text[63];

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++)
		assert_true(
			hash_bytes_keyed(ZERO, CASES[i].text.p, CASES[i].text.n) == CASES[i].hash);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	assert_true(hash_bytes_keyed(ZERO, text, 63) == UINT64_C(0x385d3e39e5f37359));
}

static void the_process_key_is_kept(void **state)
{
	static const uint64_t ZERO[2];

	(void)state;
	assert_true(hash_bytes("abc", 3) == hash_bytes("abc", 3));
	assert_true(hash_bytes("abc", 3) != hash_bytes("abd", 3));
	assert_true(hash_bytes("abc", 3) != hash_bytes_keyed(ZERO, "abc", 3));
	assert_true(hash_bytes(NULL, 0) == hash_bytes("", 0));
}

static void a_buffer_grows_and_keeps_its_bytes(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct buf b = buf_new(a, 0);

	(void)state;
	assert_string_equal(buf_cstr(&b), "");
	assert_non_null(buf_str(&b).p);
	for (int i = 0; i < 1000; i++) {
		buf_put(&b, "ab", 2);
		buf_put_c(&b, 'c');
		buf_puts(&b, "de");
		buf_put_str(&b, STR("f"));
		buf_printf(&b, "%03d", i);
	}
	assert_false(b.overflow);
	assert_int_equal(b.n, 9000);
	assert_int_equal(strlen(buf_cstr(&b)), 9000);
	assert_memory_equal(b.p + 9 * 777, "abcdef777", 9);
}

static void printing_grows_as_far_as_needed(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct buf b = buf_new(a, 0);

	(void)state;
	buf_printf(&b, "%5000d", 1);
	buf_printf(&b, "%s", "");
	assert_int_equal(b.n, 5000);
	assert_int_equal(strlen(buf_cstr(&b)), 5000);
	assert_int_equal(b.p[4999], '1');
}

static void a_full_buffer_drops_what_does_not_fit(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct buf b = buf_new(a, 8);

	(void)state;
	buf_puts(&b, "12345678");
	assert_false(b.overflow);
	assert_string_equal(buf_cstr(&b), "12345678");
	buf_put_c(&b, '9');
	assert_true(b.overflow);
	assert_string_equal(buf_cstr(&b), "12345678");

	b = buf_new(a, 8);
	buf_puts(&b, "1234567");
	buf_printf(&b, "%d", 89);
	assert_true(b.overflow);
	buf_put_c(&b, '8'); /* would fit, but after a gap */
	assert_string_equal(buf_cstr(&b), "1234567");
	assert_null(buf_room(&b, 1));
}

static void room_can_be_written_directly(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct buf b = buf_new(a, 1000);
	char *room = buf_room(&b, 1000);

	(void)state;
	assert_non_null(room);
	memset(room, 'x', 1000);
	b.n += 1000;
	assert_int_equal(strlen(buf_cstr(&b)), 1000);
	assert_null(buf_room(&b, SIZE_MAX));
	assert_true(b.overflow);
}

static void a_copy_ends_with_nul(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	(void)state;
	assert_memory_equal(str_dup(a, str_n("a\0bc", 3)), "a\0b\0", 4);
	assert_string_equal(str_dup(a, (struct str){ NULL, 0 }), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_and_ends_are_compared_bytewise),
		cmocka_unit_test(cutting_yields_each_part_then_nothing),
		cmocka_unit_test(cutting_at_the_end_leaves_an_empty_rest),
		cmocka_unit_test(trimming_takes_ascii_white_space_only),
		cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
		cmocka_unit_test(well_formed_utf8_is_told_from_the_rest),
		cmocka_unit_test(every_code_point_has_one_valid_form),
		cmocka_unit_test(hashes_agree_with_another_siphash),
		cmocka_unit_test(the_process_key_is_kept),
		cmocka_unit_test(a_buffer_grows_and_keeps_its_bytes),
		cmocka_unit_test(printing_grows_as_far_as_needed),
		cmocka_unit_test(a_full_buffer_drops_what_does_not_fit),
		cmocka_unit_test(room_can_be_written_directly),
		cmocka_unit_test(a_copy_ends_with_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
