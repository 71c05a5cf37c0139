/* Pages and filters on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/fiber.h"
#include "base/map.h"
#include "kit/page.h"
#include "tests/support/kit_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct question {
	int page_size;
	const char *token, *filter, *order_by;
	bool show_deleted;
	struct caller caller;
};

static struct answer ask(struct kit_fixture *f, struct question q)
{
	Crm__ListContactsRequest r = CRM__LIST_CONTACTS_REQUEST__INIT;
	r.page_size = q.page_size;
	r.page_token = q.token ? q.token : "";
	r.filter = q.filter ? q.filter : "";
	r.order_by = q.order_by ? q.order_by : "";
	r.show_deleted = q.show_deleted;
	return kit_call(f, q.caller, "contacts/ListContacts", &record_contact, resource_list, &r);
}

static Crm__ListContactsResponse *list(struct kit_fixture *f, struct question q)
{
	return kit_answer(f, ask(f, q), &crm__list_contacts_response__descriptor);
}

/* Rows straight into the table: many, quickly, with times and names that repeat. */
static void given_contacts(struct kit_fixture *f, int n)
{
	postgres_exec(f->pg,
		arena_printf(f->arena,
			"INSERT INTO record_contact SELECT '" TENANT_A
			"', gen_random_uuid(), 1 + i %% 3, '2026-01-01'::timestamptz + (i / 4) * interval '1 second', now(), NULL, "
			"'" USER_A "', '" USER_A
			"', NULL, chr(65 + i %% 7), 'F' || i, 'Name ' || lpad(i::text, 5, '0'), '{}', '{}', '{}', '', NULL, '', '{}', '' "
			"FROM generate_series(1, %d) i",
			n));
}

/* Walks all pages; every name exactly once. Returns them joined in order. */
static const char *walk(struct kit_fixture *f, struct question q, size_t *ret_n)
{
	struct buf names = buf_new(f->arena, 0);
	struct map seen;
	size_t n = 0;
	map_init(&seen);
	q.token = "";
	do {
		Crm__ListContactsResponse *page = list(f, q);
		assert_true(page->n_contacts <= (size_t)q.page_size);
		for (size_t i = 0; i < page->n_contacts; i++, n++) {
			assert_null(map_set(&seen, str_c(page->contacts[i]->id), f));
			buf_printf(&names, "%s|", page->contacts[i]->display_name);
		}
		q.token = page->next_page_token;
	} while (*q.token);
	map_done(&seen);
	*ret_n = n;
	return buf_cstr(&names);
}

IN_FIBER(every_order_walks_all_rows_once_and_in_order)
{
	static const struct {
		const char *order_by, *sql;
	} CASES[] = {
		{ "", "create_time, id" },
		{ "create_time desc", "create_time DESC, id DESC" },
		{ "display_name", "display_name, id" },
		{ "name.given, create_time desc", "given, create_time DESC, id DESC" },
		{ "revision desc, name.given, display_name desc",
			"revision DESC, given, display_name DESC, id DESC" },
		{ "id desc", "id DESC" },
	};
	given_contacts(f, 53);
	for (size_t i = 0; i < COUNT(CASES); i++) {
		for (int size = 1; size <= 60; size += 7) {
			size_t n;
			const char *got = walk(f,
				(struct question){
					.page_size = size, .order_by = CASES[i].order_by },
				&n);
			const char *expected = kit_value(f,
				arena_printf(f->arena,
					"SELECT string_agg(display_name || '|', '' ORDER BY %s) FROM record_contact",
					CASES[i].sql));
			assert_int_equal(n, 53);
			assert_string_equal(got, expected);
		}
	}
}

IN_FIBER(page_size_has_a_default_a_cap_and_no_sign)
{
	given_contacts(f, 1100);
	assert_int_equal(list(f, (struct question){ 0 })->n_contacts, 50);
	Crm__ListContactsResponse *page = list(f, (struct question){ .page_size = 5000 });
	assert_int_equal(page->n_contacts, 1000);
	assert_string_not_equal(page->next_page_token, "");
	assert_int_equal(
		list(f, (struct question){ .page_size = 5000, .token = page->next_page_token })
			->n_contacts,
		100);
	struct answer a = ask(f, (struct question){ .page_size = -1 });
	assert_int_equal(a.status, ST_INVALID_ARGUMENT);
	assert_string_equal(a.field, "page_size");
}

IN_FIBER(a_page_may_be_resized_but_not_asked_anything_else)
{
	given_contacts(f, 30);
	const char *token = list(f, (struct question){ .page_size = 5, .filter = "name.given:*" })
				    ->next_page_token;
	const struct question bad[] = {
		{ .token = token },
		{ .token = token, .filter = "name.given = A" },
		{ .token = token, .filter = "name.given:*", .order_by = "display_name" },
		{ .token = token, .filter = "name.given:*", .show_deleted = true },
		{ .token = token, .filter = "name.given:*", .caller.user = USER_B },
		{ .token = token, .filter = "name.given:*", .caller.tenant = TENANT_B },
		{ .token = arena_printf(f->arena, "%sA", token), .filter = "name.given:*" },
		{ .token = "nonsense", .filter = "name.given:*" },
	};
	assert_int_equal(list(f,
				 (struct question){
					 .token = token, .page_size = 7, .filter = "name.given:*" })
				 ->n_contacts,
		7);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct answer a = ask(f, bad[i]);
		assert_int_equal(a.status, ST_INVALID_ARGUMENT);
		assert_string_equal(a.field, "page_token");
	}
}

IN_FIBER(tokens_say_nothing_about_the_rows)
{
	given_contacts(f, 10);
	const char *token = list(f, (struct question){ .page_size = 3, .order_by = "display_name" })
				    ->next_page_token;
	assert_null(strstr(token, "Name"));
	for (const char *p = token; *p; p++)
		assert_non_null(strchr(
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", *p));
}

struct inserter {
	struct kit_fixture *f;
	bool is_done;
};

static void insert_meanwhile(void *arg)
{
	struct inserter *in = arg;
	for (int i = 0; !in->is_done && i < 200; i++)
		(void)given_contact(in->f, arena_printf(in->f->arena, "New %d", i));
}

IN_FIBER(pages_miss_and_repeat_nothing_while_others_write)
{
	struct inserter in = { .f = f };
	struct group g;
	size_t n;
	given_contacts(f, 100);
	group_init(&g);
	group_spawn(&g, insert_meanwhile, &in);
	const char *names =
		walk(f, (struct question){ .page_size = 3, .order_by = "create_time desc" }, &n);
	in.is_done = true;
	assert_int_equal(group_wait(&g), ST_OK);
	for (int i = 1; i <= 100; i++)
		assert_non_null(strstr(names, arena_printf(f->arena, "Name %05d|", i)));
	assert_true(n >= 100);
}

IN_FIBER(what_one_may_not_see_is_not_listed)
{
	given_contacts(f, 5);
	assert_int_equal(list(f, (struct question){ .caller.tenant = TENANT_B })->n_contacts, 0);
	assert_int_equal(
		list(f, (struct question){ .caller = { .user = USER_B, .sees_own_only = true } })
			->n_contacts,
		0);
	assert_int_equal(list(f, (struct question){ .caller.sees_own_only = true })->n_contacts, 5);
}

/* ---- filters, executed ---- */

static void given(struct kit_fixture *f, const char *display_name, const char *given,
	const char *email, const char *labels)
{
	postgres_exec(f->pg,
		arena_printf(f->arena,
			"INSERT INTO record_contact VALUES ('" TENANT_A
			"', gen_random_uuid(), 1, now(), now(), NULL, '" USER_A "', '" USER_A
			"', NULL, $q$%s$q$, '', $q$%s$q$, "
			"CASE WHEN $q$%s$q$ = '' THEN '{}'::text[] ELSE ARRAY[$q$%s$q$] END, '{}', '{}', '', NULL, '', $q$%s$q$, '')",
			given, display_name, email, email, labels));
}

IN_FIBER(filters_find_what_they_say)
{
	static const struct {
		const char *filter, *names;
	} CASES[] = {
		{ "display_name = \"novák\"", "Novák|" },
		{ "display_name = Nov*", "Novák|" },
		{ "display_name:ov", "Novák|" },
		{ "ov", "Novák|" },
		{ "display_name:\"0%_\"", "100%_|" },
		{ "display_name:\"%\"", "100%_|" },
		{ "display_name:\"_\"", "'; DROP TABLE record_contact; --|100%_|" },
		{ "display_name:\"\\\\\"", "back\\slash|" },
		{ "display_name = \"'; DROP TABLE record_contact; --\"",
			"'; DROP TABLE record_contact; --|" },
		{ "name.given = \"\"", "'; DROP TABLE record_contact; --|100%_|back\\slash|" },
		{ "name.given != \"Jan\"", "'; DROP TABLE record_contact; --|100%_|back\\slash|" },
		{ "NOT name.given = Jan", "'; DROP TABLE record_contact; --|100%_|back\\slash|" },
		{ "name.given:*", "Novák|" },
		{ "emails.address:\"a@b.cz\"", "Novák|" },
		{ "emails.address:*", "Novák|" },
		{ "emails.address = \"*@b.cz\"", "Novák|" },
		{ "a@B", "Novák|" },
		{ "-emails.address:*", "'; DROP TABLE record_contact; --|100%_|back\\slash|" },
		{ "labels.segment = retail", "Novák|" },
		{ "labels.segment = \"re*\"", "Novák|" },
		{ "labels.segment:*", "Novák|" },
		{ "labels:segment", "Novák|" },
		{ "labels.\"it's\" = \"\\\"quoted\\\"\"", "100%_|" },
		{ "labels.segment = \"\"", "'; DROP TABLE record_contact; --|100%_|back\\slash|" },
		{ "labels.segment != retail",
			"'; DROP TABLE record_contact; --|100%_|back\\slash|" },
		{ "labels:*", "100%_|Novák|" },
		{ "birth_date = \"\" AND owner_id = " USER_A " AND team_id = \"\" AND Novák",
			"Novák|" },
		{ "birth_date:* OR birth_date > 2020-01-01", NULL },
		{ "create_time > 2020-01-01T00:00:00Z create_time < 9999-12-31T23:59:59.999999Z revision = 1 Novák",
			"Novák|" },
		{ "create_time > 0001-01-01 AND revision < 9223372036854775807 AND revision > -9223372036854775808 AND Nov",
			"Novák|" },
		{ "owner_id != " USER_A, NULL },
		{ "(Novák OR 100) AND NOT (display_name = Novák)", "100%_|" },
		{ "\"Novák\" OR \"$1\" OR \"$3::text\"", "Novák|" },
	};
	given(f, "Novák", "Jan", "a@b.cz", "{\"segment\": \"retail\"}");
	given(f, "100%_", "", "", "{\"it's\": \"\\\"quoted\\\"\"}");
	given(f, "back\\slash", "", "", "{}");
	given(f, "'; DROP TABLE record_contact; --", "", "", "{}");
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct buf names = buf_new(f->arena, 0);
		Crm__ListContactsResponse *page = list(f,
			(struct question){ .filter = CASES[i].filter, .order_by = "display_name" });
		for (size_t k = 0; k < page->n_contacts; k++)
			buf_printf(&names, "%s|", page->contacts[k]->display_name);
		if (strcmp(buf_cstr(&names), CASES[i].names ? CASES[i].names : "") != 0)
			fail_msg("%s: found %s", CASES[i].filter, buf_cstr(&names));
	}
}

IN_FIBER(a_filter_and_a_page_go_together)
{
	size_t n;
	given_contacts(f, 70);
	(void)walk(f,
		(struct question){ .page_size = 4,
			.filter = "name.given = A OR name.given = B",
			.order_by = "name.given desc, display_name" },
		&n);
	assert_int_equal(n, 20);
}

IN_FIBER(bad_filters_and_orders_name_their_field)
{
	struct answer a = ask(f, (struct question){ .filter = "nonsense = 1" });
	assert_int_equal(a.status, ST_INVALID_ARGUMENT);
	assert_string_equal(a.field, "filter");
	a = ask(f, (struct question){ .order_by = "labels" });
	assert_int_equal(a.status, ST_INVALID_ARGUMENT);
	assert_string_equal(a.field, "order_by");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_order_walks_all_rows_once_and_in_order),
		TEST(page_size_has_a_default_a_cap_and_no_sign),
		TEST(a_page_may_be_resized_but_not_asked_anything_else),
		TEST(tokens_say_nothing_about_the_rows),
		TEST(pages_miss_and_repeat_nothing_while_others_write),
		TEST(what_one_may_not_see_is_not_listed),
		TEST(filters_find_what_they_say),
		TEST(a_filter_and_a_page_go_together),
		TEST(bad_filters_and_orders_name_their_field),
	};
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
