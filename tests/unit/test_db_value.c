/* Binary values of PostgreSQL: dates, numerics, arrays and JSON, also when they are damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "adapters/db/sqlstate_private.h"
#include "adapters/db/value_private.h"

static void dates_go_to_days_and_back(void **state)
{
	static const struct {
		const char *text;
		int32_t days;
	} cases[] = {
		{ "2000-01-01", 0 },
		{ "1999-12-31", -1 },
		{ "2000-02-29", 59 },
		{ "2000-03-01", 60 },
		{ "1970-01-01", -10957 },
		{ "1900-02-28", -36466 },
		{ "2024-12-31", 9131 },
		{ "9999-12-31", 2921939 },
		{ "0001-01-01", -730119 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int32_t days = INT32_MIN;
		char text[DATE_TEXT_MAX + 1] = "";
		assert_true(value_parse_date(cases[i].text, &days));
		assert_int_equal(days, cases[i].days);
		*value_put_date(text, days) = '\0';
		assert_string_equal(text, cases[i].text);
	}
}

static void every_day_of_two_thousand_years_is_its_own(void **state)
{
	(void)state;
	for (int32_t days = -365250; days < 365250; days++) {
		char text[DATE_TEXT_MAX + 1];
		int32_t back;
		*value_put_date(text, days) = '\0';
		assert_true(value_parse_date(text, &back));
		assert_int_equal(back, days);
	}
}

static void what_is_no_date_is_refused(void **state)
{
	static const char *const bad[] = { "", "2000-1-1", "2000-01-1", "2000-13-01", "2000-00-01",
		"2000-01-00", "2000-01-32", "2001-02-29", "1900-02-29", "2000-04-31", "0000-01-01",
		"20000-01-01", "2000/01/01", "2000-01-01 ", " 2000-01-1", "-001-01-01",
		"2000-0x-01" };
	int32_t days;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(value_parse_date(bad[i], &days));
}

static void far_dates_fit_their_room(void **state)
{
	char text[DATE_TEXT_MAX + 1];
	(void)state;
	assert_true(value_put_date(text, INT32_MAX) - text <= DATE_TEXT_MAX);
	assert_true(value_put_date(text, INT32_MIN) - text <= DATE_TEXT_MAX);
}

static void numerics_fit_their_room_whatever_the_bytes(void **state)
{
	char bytes[24];
	uint64_t seed = 42;
	(void)state;
	struct arena *a = arena_new();
	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof(bytes); k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[k] = (char)(seed >> 56);
		}
		int len = (int)((seed >> 40) % sizeof(bytes));
		write_be16(bytes, (uint16_t)((seed >> 8) % 12)); /* groups */
		write_be16(
			bytes + 2, (uint16_t)(int16_t)((int)((seed >> 16) % 20) - 10)); /* weight */
		write_be16(bytes + 6, (uint16_t)((seed >> 24) % 40));                   /* scale */
		for (int g = 8; g + 1 < (int)sizeof(bytes); g += 2)
			write_be16(bytes + g, (uint16_t)(read_be16(bytes + g) % 10000));
		size_t room = value_numeric_room(bytes, len);
		char *text = arena_alloc(a, room);
		assert_true((size_t)(value_put_numeric(text, bytes, len) - text) <= room);
	}
	arena_free(a);
}

static void arrays_never_lead_beyond_their_end(void **state)
{
	/* one dimension, no NULLs, int4, three elements; the last is cut off */
	static const char good[] = "\0\0\0\1\0\0\0\0\0\0\0\27\0\0\0\3\0\0\0\1\0\0\0\4\0\0\0\7\377"
				   "\377\377\377\0\0\0\4\0\0\0\11";
	const char *v;
	int len, n;
	(void)state;
	for (n = 0; n < (int)sizeof(good); n++) {
		char *copy = mem_dup(good, (size_t)n + 1); /* so that ASan sees a step too far */
		struct array_reader r = array_open(copy, n);
		while (array_next(&r, &v, &len))
			assert_true(len < 0 || v + len <= copy + n);
		mem_free(copy);
	}
	struct array_reader r = array_open(good, sizeof(good) - 1);
	assert_true(array_next(&r, &v, &len));
	assert_int_equal(read_be32(v), 7);
	assert_true(array_next(&r, &v, &len));
	assert_int_equal(len, -1);
	assert_true(array_next(&r, &v, &len));
	assert_int_equal(read_be32(v), 9);
	assert_false(array_next(&r, &v, &len));
	r = array_open("", -1); /* NULL */
	assert_false(array_next(&r, &v, &len));
}

static void json_members_come_in_order(void **state)
{
	static const char text[] = "{\"a\": \"x\\ny\\\"\", \"\\u010dau\": 1.5, \"n\": null, \"o\": "
				   "{\"p\": [1, \"}\"]}, \"t\": true}";
	static const char *const keys[] = { "a", "\xc4\x8d\x61u", "n", "o", "t" };
	static const char *const values[] = { "x\ny\"", "1.5", "", "{\"p\": [1, \"}\"]}", "true" };
	struct json_reader r = json_open(text, sizeof(text) - 1);
	struct json_member m;
	char out[64];
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_true(json_next(&r, &m));
		*json_put_unescaped(out, m.key) = '\0';
		assert_string_equal(out, keys[i]);
		if (m.is_string)
			*json_put_unescaped(out, m.value) = '\0';
		assert_true(m.is_string ? strcmp(out, values[i]) == 0 : str_is(m.value, values[i]));
	}
	assert_false(json_next(&r, &m));
}

static void damaged_json_never_leads_beyond_its_end(void **state)
{
	static const char text[] =
		"{\"a\": \"\\u00e1\\\\\", \"b\": [\"\\\"\", {}], \"c\": \"\\u12\"}";
	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		char *copy = mem_dup(text, n + 1), out[128];
		struct json_reader r = json_open(copy, n);
		struct json_member m;
		while (json_next(&r, &m)) {
			assert_true(m.value.p + m.value.n <= copy + n);
			assert_true((size_t)(json_put_unescaped(out, m.value) - out) <= m.value.n);
		}
		mem_free(copy);
	}
}

static void sqlstates_have_their_status(void **state)
{
	static const struct {
		const char *state;
		enum status status;
	} cases[] = {
		{ "23505", ST_ALREADY_EXISTS },
		{ "23P01", ST_ALREADY_EXISTS },
		{ "23503", ST_FAILED_PRECONDITION },
		{ "23514", ST_INVALID_ARGUMENT },
		{ "23502", ST_INVALID_ARGUMENT },
		{ "22P02", ST_INVALID_ARGUMENT },
		{ "22021", ST_INVALID_ARGUMENT },
		{ "40001", ST_ABORTED },
		{ "40P01", ST_ABORTED },
		{ "57014", ST_DEADLINE_EXCEEDED },
		{ "53100", ST_RESOURCE_EXHAUSTED },
		{ "57P01", ST_UNAVAILABLE },
		{ "08006", ST_UNAVAILABLE },
		{ "25006", ST_UNAVAILABLE },
		{ NULL, ST_UNAVAILABLE },
		{ "42P01", ST_INTERNAL },
		{ "XX000", ST_INTERNAL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(sqlstate_status(cases[i].state), cases[i].status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_go_to_days_and_back),
		cmocka_unit_test(every_day_of_two_thousand_years_is_its_own),
		cmocka_unit_test(what_is_no_date_is_refused),
		cmocka_unit_test(far_dates_fit_their_room),
		cmocka_unit_test(numerics_fit_their_room_whatever_the_bytes),
		cmocka_unit_test(arrays_never_lead_beyond_their_end),
		cmocka_unit_test(json_members_come_in_order),
		cmocka_unit_test(damaged_json_never_leads_beyond_its_end),
		cmocka_unit_test(sqlstates_have_their_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
