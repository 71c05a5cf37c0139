/* Filters and orders: text in, SQL and bound values out, or a message that says where and what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "kit/filter.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ID           "0198c5a2-7a4e-7cc1-b0f6-6d3a0a4be1a7"

extern const char crm_all_pb[], crm_all_pb_end[];

static struct pb_schema *schema;
/* crm.identity.v1.User: its field "state" gives the names */
static const struct pb_message *message;

static const struct filter_field FIELDS[] = {
	{ "id", "c.id", FILTER_UUID, true, false },
	{ "name", "c.name", FILTER_FOLD, true, true },
	{ "name.given", "c.given_name", FILTER_TEXT, false, true },
	{ "owner_id", "c.owner_id", FILTER_UUID, false, false },
	{ "count", "c.count", FILTER_INT, true, false },
	{ "active", "c.active", FILTER_BOOL, false, false },
	{ "create_time", "c.create_time", FILTER_TIME, true, false },
	{ "birth_date", "c.birth_date", FILTER_DATE, false, false },
	{ "state", "c.state", FILTER_ENUM, true, false },
	{ "emails.address", "c.email", FILTER_LIST, false, false },
	{ "labels", "c.labels", FILTER_MAP, false, false },
	{ 0 },
};

static const char *joined(struct arena *a, const struct filter *f)
{
	struct buf b = buf_new(a, 0);
	for (size_t i = 0; i < f->n_values; i++)
		buf_printf(&b, "%s%s", i ? "|" : "", f->values[i]);
	return buf_cstr(&b);
}

struct good {
	const char *text, *sql, *values;
};

static const struct good GOOD[] = {
	/* one comparison of each type */
	{ "count = 5", "c.count = $3::bigint", "5" },
	{ "count=5", "c.count = $3::bigint", "5" },
	{ "  count  >=  -5  ", "c.count >= $3::bigint", "-5" },
	{ "count < 5", "c.count < $3::bigint", "5" },
	{ "count <= \"5\"", "c.count <= $3::bigint", "5" },
	{ "count > 5", "c.count > $3::bigint", "5" },
	{ "count != 5", "c.count IS DISTINCT FROM $3::bigint", "5" },
	{ "count:5", "c.count = $3::bigint", "5" },
	{ "active = true", "c.active IS TRUE", "" },
	{ "active = false", "c.active IS NOT TRUE", "" },
	{ "active != true", "c.active IS NOT TRUE", "" },
	{ "active != false", "c.active IS TRUE", "" },
	{ "owner_id = " ID, "c.owner_id = $3::uuid", ID },
	{ "owner_id = \"0198C5A2-7A4E-7CC1-B0F6-6D3A0A4BE1A7\"", "c.owner_id = $3::uuid", ID },
	{ "owner_id != " ID, "c.owner_id IS DISTINCT FROM $3::uuid", ID },
	{ "owner_id = \"\"", "c.owner_id IS NULL", "" },
	{ "owner_id != ''", "c.owner_id IS NOT NULL", "" },
	{ "create_time > 2026-03-29T01:30:00Z", "c.create_time > $3::timestamptz",
		"2026-03-29T01:30:00Z" },
	{ "create_time > \"2026-03-29T01:30:00.1234567+02:00\"", "c.create_time > $3::timestamptz",
		"2026-03-28T23:30:00.123456Z" },
	{ "create_time <= 2012-04-21T11:30:00-04:00", "c.create_time <= $3::timestamptz",
		"2012-04-21T15:30:00Z" },
	{ "create_time >= 2026-03-29", "c.create_time >= $3::timestamptz", "2026-03-29T00:00:00Z" },
	{ "birth_date = 2024-02-29", "c.birth_date = $3::date", "2024-02-29" },
	{ "birth_date < '1980-01-01'", "c.birth_date < $3::date", "1980-01-01" },
	{ "birth_date = ''", "c.birth_date IS NULL", "" },
	{ "state = STATE_SUSPENDED", "c.state = $3::int", "2" },
	{ "state != \"STATE_ACTIVE\"", "c.state IS DISTINCT FROM $3::int", "1" },
	/* text */
	{ "name = \"Nov\\\"ák\"", "lower(c.name) = lower($3::text)", "Nov\"ák" },
	{ "name = 'it\\'s'", "lower(c.name) = lower($3::text)", "it's" },
	{ "name = Novák", "lower(c.name) = lower($3::text)", "Novák" },
	{ "name != Novák", "lower(c.name) IS DISTINCT FROM lower($3::text)", "Novák" },
	{ "name.given = Jana", "c.given_name = $3", "Jana" },
	{ "name.given > \"J\"", "c.given_name > $3", "J" },
	{ "name.given = \"\"", "coalesce(c.given_name, '') = ''", "" },
	{ "name.given != \"\"", "c.given_name <> ''", "" },
	{ "name.given = \"Jan*\"", "c.given_name LIKE $3", "Jan%" },
	{ "name.given = *ana", "c.given_name LIKE $3", "%ana" },
	{ "name.given = '*an*'", "c.given_name LIKE $3", "%an%" },
	{ "name.given != \"Jan*\"", "(c.given_name LIKE $3) IS NOT TRUE", "Jan%" },
	{ "name = \"Nov*\"", "lower(c.name) LIKE lower($3::text)", "Nov%" },
	{ "name.given = \"100%_\\\\*\"", "c.given_name LIKE $3", "100\\%\\_\\\\%" },
	{ "name.given = \"a\\*\"", "c.given_name = $3", "a*" },
	{ "name.given:an", "c.given_name ILIKE $3::text", "%an%" },
	{ "name:an", "lower(c.name) LIKE lower($3::text)", "%an%" },
	{ "name:\"an*\"", "lower(c.name) LIKE lower($3::text)", "an%" },
	{ "name.given = jan@example.com", "c.given_name = $3", "jan@example.com" },
	{ "name.given = a:b.c", "c.given_name = $3", "a:b.c" },
	/* presence */
	{ "name:*", "c.name <> ''", "" },
	{ "-name:*", "(c.name <> '') IS NOT TRUE", "" },
	{ "NOT name:*", "(c.name <> '') IS NOT TRUE", "" },
	{ "name = *", "c.name <> ''", "" },
	{ "name != *", "(c.name <> '') IS NOT TRUE", "" },
	{ "owner_id:*", "c.owner_id IS NOT NULL", "" },
	{ "create_time:*", "c.create_time IS NOT NULL", "" },
	{ "birth_date:*", "c.birth_date IS NOT NULL", "" },
	{ "count:*", "c.count <> 0", "" },
	{ "state:*", "c.state <> 0", "" },
	{ "active:*", "c.active IS TRUE", "" },
	{ "emails.address:*", "cardinality(c.email) > 0", "" },
	{ "labels:*", "c.labels <> '{}'::jsonb", "" },
	/* lists and maps */
	{ "emails.address:\"a@b.cz\"", "c.email @> ARRAY[$3]::text[]", "a@b.cz" },
	{ "emails.address = a@b.cz", "c.email @> ARRAY[$3]::text[]", "a@b.cz" },
	{ "emails.address != a@b.cz", "(c.email @> ARRAY[$3]::text[]) IS NOT TRUE", "a@b.cz" },
	{ "emails.address:\"*@b.cz\"",
		"EXISTS (SELECT 1 FROM unnest(c.email) AS item_ WHERE item_ LIKE $3::text)",
		"%@b.cz" },
	{ "labels.segment = \"retail\"", "c.labels @> jsonb_build_object($3::text, $4::text)",
		"segment|retail" },
	{ "labels.\"my key\" = x", "c.labels @> jsonb_build_object($3::text, $4::text)",
		"my key|x" },
	{ "labels.a.b = x", "c.labels @> jsonb_build_object($3::text, $4::text)", "a.b|x" },
	{ "labels.segment != retail", "(c.labels ->> $3) IS DISTINCT FROM $4", "segment|retail" },
	{ "labels.segment = 're*'", "(c.labels ->> $3) LIKE $4", "segment|re%" },
	{ "labels.segment = ''", "coalesce((c.labels ->> $3), '') = ''", "segment" },
	{ "labels.segment:*", "c.labels ? $3", "segment" },
	{ "labels:segment", "c.labels ? $3", "segment" },
	/* words alone */
	{ "Novák", "(lower(c.name) LIKE lower($3::text) OR c.given_name ILIKE $3::text)",
		"%Novák%" },
	{ "\"New York\"", "(lower(c.name) LIKE lower($3::text) OR c.given_name ILIKE $3::text)",
		"%New York%" },
	{ "jan@example.com", "(lower(c.name) LIKE lower($3::text) OR c.given_name ILIKE $3::text)",
		"%jan@example.com%" },
	{ "Nov*", "(lower(c.name) LIKE lower($3::text) OR c.given_name ILIKE $3::text)", "Nov%" },
	{ "\"AND\"", "(lower(c.name) LIKE lower($3::text) OR c.given_name ILIKE $3::text)",
		"%AND%" },
	{ "ANDREA", "(lower(c.name) LIKE lower($3::text) OR c.given_name ILIKE $3::text)",
		"%ANDREA%" },
	{ "-x", "((lower(c.name) LIKE lower($3::text) OR c.given_name ILIKE $3::text)) IS NOT TRUE",
		"%x%" },
	/* logic: OR binds tighter than AND, side by side means AND */
	{ "count = 1 AND count = 2", "(c.count = $3::bigint AND c.count = $4::bigint)", "1|2" },
	{ "count = 1 count = 2", "(c.count = $3::bigint AND c.count = $4::bigint)", "1|2" },
	{ "count = 1 OR count = 2", "(c.count = $3::bigint OR c.count = $4::bigint)", "1|2" },
	{ "count = 1 AND count = 2 OR count = 3",
		"(c.count = $3::bigint AND (c.count = $4::bigint OR c.count = $5::bigint))",
		"1|2|3" },
	{ "count = 1 OR count = 2 AND count = 3",
		"((c.count = $3::bigint OR c.count = $4::bigint) AND c.count = $5::bigint)",
		"1|2|3" },
	{ "(count = 1 AND count = 2) OR count = 3",
		"((c.count = $3::bigint AND c.count = $4::bigint) OR c.count = $5::bigint)",
		"1|2|3" },
	{ "NOT (count = 1 OR count = 2)",
		"((c.count = $3::bigint OR c.count = $4::bigint)) IS NOT TRUE", "1|2" },
	{ "NOT(count = 1)", "(c.count = $3::bigint) IS NOT TRUE", "1" },
	{ "-(count = 1)", "(c.count = $3::bigint) IS NOT TRUE", "1" },
	{ "((((count = 1))))", "c.count = $3::bigint", "1" },
	{ "count = 1\n\tAND\r\ncount = 2", "(c.count = $3::bigint AND c.count = $4::bigint)",
		"1|2" },
};

static const struct good BAD[] = {
	{ "nonsense = 1", NULL,
		"at 1: unknown field 'nonsense'; fields are: id, name, name.given, owner_id, count, active, create_time, birth_date, state, emails.address, labels" },
	{ "count = 1 AND řeka.x = 1", NULL, "at 15: unknown field 'řeka.x'" },
	{ "count.x = 1", NULL, "at 1: unknown field 'count.x'" },
	{ "count =", NULL, "at 8: a value is missing at the end" },
	{ "count = ", NULL, "at 9: a value is missing at the end" },
	{ "= 5", NULL, "at 1: expected a value" },
	{ "count = = 5", NULL, "at 9: expected a value" },
	{ "count = 5.5", NULL, "at 9: 'count' takes a whole number" },
	{ "count = 5x", NULL, "at 9: 'count' takes a whole number" },
	{ "count = 99999999999999999999", NULL, "at 9: 'count' takes a whole number" },
	{ "count = \"\"", NULL, "at 9: 'count' takes a whole number" },
	{ "active = yes", NULL, "at 10: 'active' takes true or false" },
	{ "active < true", NULL, "at 10: 'active' can only be compared with = and !=" },
	{ "owner_id = me", NULL, "at 12: 'owner_id' takes an id" },
	{ "owner_id < " ID, NULL, "at 12: 'owner_id' can only be compared with = and !=" },
	{ "create_time > yesterday", NULL, "at 15: 'create_time' takes a time" },
	{ "create_time > 2026-02-30T00:00:00Z", NULL, "at 15: 'create_time' takes a time" },
	{ "create_time > 2026-02-03T24:00:00Z", NULL, "at 15: 'create_time' takes a time" },
	{ "create_time > 2026-02-03T00:00:00", NULL, "at 15: 'create_time' takes a time" },
	{ "create_time > 0001-01-01T00:00:00+01:00", NULL, "at 15: 'create_time' takes a time" },
	{ "create_time = ''", NULL, "at 15: 'create_time' takes a time" },
	{ "birth_date = 2023-02-29", NULL, "at 14: 'birth_date' takes a date" },
	{ "birth_date > ''", NULL, "at 14: 'birth_date' takes a date" },
	{ "state = SUSPENDED", NULL,
		"at 9: 'state' takes one of: STATE_UNSPECIFIED, STATE_ACTIVE, STATE_SUSPENDED" },
	{ "state > STATE_ACTIVE", NULL, "at 9: 'state' can only be compared with = and !=" },
	{ "name > \"a*\"", NULL, "at 8: '*' can only be used with =, != and ':'" },
	{ "name < *", NULL, "at 8: '*' can only be used with =, != and ':'" },
	{ "name = \"a*b\"", NULL, "at 8: '*' can stand only at the beginning or end of a value" },
	{ "a*b", NULL, "at 1: '*' can stand only at the beginning or end of a value" },
	{ "name:\"\"", NULL, "at 6: an empty value" },
	{ "emails.address > a", NULL, "at 18: 'emails.address' is a list" },
	{ "labels = x", NULL, "at 10: 'labels' is a map" },
	{ "name = \"open", NULL, "at 8: the text that begins here has no closing \"" },
	{ "name = 'a\\", NULL, "at 8: the text that begins here has no closing '" },
	{ "name = \"\\n\"", NULL, "at 9: unknown escape" },
	{ "(count = 1", NULL, "at 1: the '(' here has no ')'" },
	{ "count = 1)", NULL, "at 10: ')' without '('" },
	{ "()", NULL, "at 2: expected a value" },
	{ ")", NULL, "at 1: expected a value" },
	{ "AND", NULL, "at 1: expected a comparison" },
	{ "count = 1 AND", NULL, "at 14: a value is missing at the end" },
	{ "count = 1 OR", NULL, "at 13: a value is missing at the end" },
	{ "count = 1 AND OR count = 2", NULL, "at 15: expected a comparison" },
	{ "NOT NOT count = 1", NULL, "at 5: expected a comparison" },
	{ "NOT", NULL, "at 4: a value is missing at the end" },
	{ "-", NULL, "at 2: a value is missing at the end" },
	{ "lower(name) = a", NULL, "at 1: functions are not supported" },
	{ "count = f(1)", NULL, "at 9: functions are not supported" },
	{ "count = (1 OR 2)", NULL, "at 9: a value is expected" },
	{ "\"\"", NULL, "at 1: an empty word finds nothing" },
	{ "a.b.c.d.e.f.g.h.i = 1", NULL, "at 1: too many parts" },
	{ "count=1(count=2)", NULL, "at 7: functions are not supported" },
	{ "a..b", NULL, "at 3: expected a value" },
	{ "name ! x", NULL, "at 6: expected a value" },
	{ "name, x", NULL, "at 5: expected a value" },
	{ "\xff", NULL, "at 1: not valid UTF-8 text" },
};

static void filters_become_sql_with_bound_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(GOOD); i++) {
		struct arena *a = arena_new();
		struct filter f = { 0 };
		const char *why = NULL;
		enum status st = filter_parse(a, str_c(GOOD[i].text), FIELDS, message, 3, &f, &why);
		if (st != ST_OK)
			fail_msg("%s: %s", GOOD[i].text, why);
		assert_string_equal(f.sql, GOOD[i].sql);
		assert_string_equal(joined(a, &f), GOOD[i].values);
		arena_free(a);
	}
}

static void a_bad_filter_is_refused_with_place_and_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(BAD); i++) {
		struct arena *a = arena_new();
		struct filter f = { 0 };
		const char *why = "accepted";
		enum status st = filter_parse(a, str_c(BAD[i].text), FIELDS, message, 3, &f, &why);
		if (st != ST_INVALID_ARGUMENT || !str_starts(str_c(why), BAD[i].values))
			fail_msg("%s: got '%s', not '%s'", BAD[i].text, why, BAD[i].values);
		arena_free(a);
	}
}

static void an_empty_filter_asks_nothing(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct filter f = { .sql = "x" };
	const char *why;
	assert_int_equal(filter_parse(a, STR(""), FIELDS, message, 1, &f, &why), ST_OK);
	assert_null(f.sql);
	assert_int_equal(filter_parse(a, STR(" \t "), FIELDS, message, 1, &f, &why), ST_OK);
	assert_null(f.sql);
	arena_free(a);
}

static const char *repeat(struct arena *a, const char *piece, size_t n)
{
	struct buf b = buf_new(a, 0);
	for (size_t i = 0; i < n; i++)
		buf_puts(&b, piece);
	return buf_cstr(&b);
}

static void size_depth_and_number_of_terms_are_limited(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct filter f;
	const char *why = "";
	assert_int_equal(
		filter_parse(a, str_c(repeat(a, "x ", 50)), FIELDS, message, 1, &f, &why), ST_OK);
	assert_int_equal(f.n_values, 50);
	assert_int_equal(filter_parse(a, str_c(repeat(a, "x ", 51)), FIELDS, message, 1, &f, &why),
		ST_INVALID_ARGUMENT);
	assert_string_equal(why, "at 101: more than 50 terms");
	assert_int_equal(
		filter_parse(a, str_c(repeat(a, "labels.a=b ", 50)), FIELDS, message, 1, &f, &why),
		ST_OK);
	assert_int_equal(f.n_values, 100);
	const char *deep = arena_printf(a, "%sx%s", repeat(a, "(", 15), repeat(a, ")", 15));
	assert_int_equal(filter_parse(a, str_c(deep), FIELDS, message, 1, &f, &why), ST_OK);
	assert_int_equal(
		filter_parse(a, str_c(repeat(a, "(", 10000)), FIELDS, message, 1, &f, &why),
		ST_INVALID_ARGUMENT);
	assert_string_equal(why, "at 17: more than 16 levels of parentheses");
	assert_int_equal(
		filter_parse(a, str_c(repeat(a, "-(", 10000)), FIELDS, message, 1, &f, &why),
		ST_INVALID_ARGUMENT);
	assert_int_equal(
		filter_parse(a, str_c(repeat(a, "x", 20000)), FIELDS, message, 1, &f, &why),
		ST_INVALID_ARGUMENT);
	assert_string_equal(why, "at 1: longer than 16384 bytes");
	assert_int_equal(filter_parse(a, str_n("a\0b", 3), FIELDS, message, 1, &f, &why),
		ST_INVALID_ARGUMENT);
	arena_free(a);
}

static void depth_counts_nesting_not_length(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct filter f;
	const char *why = "";
	enum status st =
		filter_parse(a, str_c(repeat(a, "(count = 1) ", 40)), FIELDS, message, 1, &f, &why);
	assert_int_equal(st, ST_OK);
	arena_free(a);
}

static void no_value_is_ever_written_into_the_sql(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct filter f;
	const char *why = "";
	const char *hostile =
		"name.given = \"'; DROP TABLE contact; --\" OR labels.\"') OR 1=1 --\" = \"$1\" OR name:\"$3 \\\\ %\"";
	assert_int_equal(filter_parse(a, str_c(hostile), FIELDS, message, 1, &f, &why), ST_OK);
	assert_null(strstr(f.sql, "DROP"));
	assert_null(strstr(f.sql, "1=1"));
	assert_string_equal(f.sql,
		"(c.given_name = $1 OR c.labels @> jsonb_build_object($2::text, $3::text) OR lower(c.name) LIKE lower($4::text))");
	arena_free(a);
}

/* ---- order ---- */

static const char *order_text(struct arena *a, const struct order *o)
{
	struct buf b = buf_new(a, 0);
	for (size_t i = 0; i < o->n; i++)
		buf_printf(&b, "%s%s%s", i ? "," : "", o->keys[i].field->path,
			o->keys[i].descending ? "-" : "+");
	return buf_cstr(&b);
}

static void orders_end_with_the_id(void **state)
{
	static const struct good CASES[] = {
		{ "", "id+", NULL },
		{ "create_time", "create_time+,id+", NULL },
		{ "create_time desc", "create_time-,id-", NULL },
		{ " create_time   desc , count asc ", "create_time-,count+,id+", NULL },
		{ "name,count desc", "name+,count-,id-", NULL },
		{ "id desc", "id-", NULL },
		{ "id,count", "id+,count+", NULL },
		{ "birth_date", NULL,
			"'birth_date' cannot be ordered by; use: id, name, count, create_time, state" },
		{ "nope", NULL,
			"'nope' cannot be ordered by; use: id, name, count, create_time, state" },
		{ "name down", NULL, "after 'name' only 'asc' or 'desc' can stand" },
		{ "name desc desc", NULL, "after 'name' only 'asc' or 'desc' can stand" },
		{ "name,name desc", NULL, "'name' stands there twice" },
		{ "name,", NULL, "a field is missing beside a comma" },
		{ ",", NULL, "a field is missing beside a comma" },
		{ "id,name,count,create_time,state", NULL, "more than 4 fields" },
		{ "\xc3", NULL, "not valid UTF-8 text" },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct arena *a = arena_new();
		struct order o;
		const char *why = "accepted";
		enum status st = order_parse(a, str_c(CASES[i].text), FIELDS, &o, &why);
		if (CASES[i].sql) {
			assert_int_equal(st, ST_OK);
			assert_string_equal(order_text(a, &o), CASES[i].sql);
		} else {
			assert_int_equal(st, ST_INVALID_ARGUMENT);
			assert_string_equal(why, CASES[i].values);
		}
		arena_free(a);
	}
}

static int load_schema(void **state)
{
	(void)state;
	if (pb_schema_new(str_n(crm_all_pb, (size_t)(crm_all_pb_end - crm_all_pb)), &schema) !=
		ST_OK)
		return -1;
	message = pb_schema_message(schema, "crm.identity.v1.User");
	return message ? 0 : -1;
}

static int free_schema(void **state)
{
	(void)state;
	pb_schema_free(schema);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_become_sql_with_bound_values),
		cmocka_unit_test(a_bad_filter_is_refused_with_place_and_reason),
		cmocka_unit_test(an_empty_filter_asks_nothing),
		cmocka_unit_test(size_depth_and_number_of_terms_are_limited),
		cmocka_unit_test(depth_counts_nesting_not_length),
		cmocka_unit_test(no_value_is_ever_written_into_the_sql),
		cmocka_unit_test(orders_end_with_the_id),
	};
	return cmocka_run_group_tests(tests, load_schema, free_schema);
}
