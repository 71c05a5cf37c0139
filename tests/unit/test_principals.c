/* Principals and rights: the table of verified tokens, claims, patterns of permissions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kit/principals_private.h"
#include "kit/token_private.h"

#define TENANT  "01890000-0000-7000-8000-000000000001"
#define USER    "01890000-0000-7000-8000-000000000002"
#define SESSION "01890000-0000-7000-8000-000000000003"

struct fixture {
	struct principals table;
	struct arena *arena;
};

static int setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	f->arena = arena_new();
	principals_init(&f->table, 4);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	principals_done(&f->table);
	arena_free(f->arena);
	mem_free(f);
	return 0;
}

static struct principal given_principal(const char *session, int64_t expire_us)
{
	static const char *const teams[] = { "team-1", "team-2" };
	static const struct grant grants[] = { { "contacts.*", LEVEL_TEAM }, { "x", LEVEL_ALL } };

	return (struct principal){
		.tenant_id = TENANT,
		.user_id = USER,
		.session_id = session,
		.team_id = "team-1",
		.n_teams = 2,
		.teams = teams,
		.n_grants = 2,
		.grants = grants,
		.expire_us = expire_us,
	};
}

static void add(struct fixture *f, const char *token, const char *session, int64_t expire_us)
{
	struct principal p = given_principal(session, expire_us);

	(void)principals_add(&f->table, f->arena, str_c(token), &p);
}

static bool has(struct fixture *f, const char *token, int64_t now_us)
{
	return principals_get(&f->table, f->arena, str_c(token), now_us) != NULL;
}

/* ---- the table ---- */

static void a_token_gives_a_copy_of_its_principal(void **state)
{
	struct fixture *f = *state;
	const struct principal *p;

	add(f, "t", SESSION, 100);
	p = principals_get(&f->table, f->arena, STR("t"), 50);
	assert_non_null(p);
	assert_string_equal(p->tenant_id, TENANT);
	assert_string_equal(p->user_id, USER);
	assert_string_equal(p->session_id, SESSION);
	assert_string_equal(p->teams[1], "team-2");
	assert_string_equal(p->grants[0].pattern, "contacts.*");
	assert_int_equal(p->grants[1].level, LEVEL_ALL);
	assert_false(has(f, "T", 50));
	assert_false(has(f, "", 50));
}

static void a_token_ends_with_its_time(void **state)
{
	struct fixture *f = *state;

	add(f, "t", SESSION, 100);
	assert_true(has(f, "t", 99));
	assert_false(has(f, "t", 100));
	assert_false(has(f, "t", 99)); /* dropped */
	assert_int_equal(f->table.n, 0);
}

static void dropping_a_session_drops_all_its_tokens_and_no_other(void **state)
{
	struct fixture *f = *state;

	add(f, "a", "s1", 100);
	add(f, "b", "s2", 100);
	add(f, "c", "s1", 100);
	principals_drop_session(&f->table, "s1");
	assert_false(has(f, "a", 0));
	assert_true(has(f, "b", 0));
	assert_false(has(f, "c", 0));
}

static void a_principal_outlives_its_entry_while_a_call_holds_it(void **state)
{
	struct fixture *f = *state;
	struct arena *call = arena_new();
	const struct principal *p;

	add(f, "a", "s1", 100);
	p = principals_get(&f->table, call, STR("a"), 0);
	principals_drop_session(&f->table, "s1");
	arena_free(f->arena); /* which held it too */
	f->arena = arena_new();
	assert_string_equal(p->session_id, "s1"); /* else ASan tells */
	arena_free(call);
}

static void what_is_used_stays_when_the_table_is_full(void **state)
{
	struct fixture *f = *state;
	char token[] = "0";

	for (int i = 0; i < 4; i++, token[0]++)
		add(f, token, SESSION, 100);
	add(f, "x", SESSION,
		100); /* all were used once: the hand clears their marks and takes the first */
	assert_int_equal(f->table.n, 4);
	assert_false(has(f, "0", 0));
	for (int i = 0; i < 100; i++) {
		char next[] = { 'n', (char)i + 1, '\0' };

		assert_true(has(f, "2", 0));
		add(f, next, SESSION, 100);
	}
	assert_true(has(f, "2", 0));
	assert_int_equal(f->table.n, 4);
}

/* ---- claims ---- */

#define CLAIMS(teams, perms, exp)                                                                  \
	"{\"iss\":\"crm\",\"sub\":\"" USER "\",\"tid\":\"" TENANT "\",\"sid\":\"" SESSION          \
	"\",\"team\":\"\",\"teams\":" teams ",\"perms\":" perms ",\"iat\":1,\"exp\":" exp          \
	",\"kind\":\"user\",\"later\":{}}"

static void claims_are_read_or_refused(void **state)
{
	static const struct {
		const char *json;
		bool is_good;
	} CASES[] = {
		{ CLAIMS("[]", "[]", "5"), true },
		{ CLAIMS("[\"" USER "\"]", "[[\"a.b.c\",1],[\"*\",4]]", "5"), true },
		{ CLAIMS("{}", "[]", "5"), false },
		{ CLAIMS("[\"x\"]", "[]", "5"), false },
		{ CLAIMS("[1]", "[]", "5"), false },
		{ CLAIMS("[]", "[\"*\"]", "5"), false },
		{ CLAIMS("[]", "[[\"*\",0]]", "5"), false },
		{ CLAIMS("[]", "[[\"*\",5]]", "5"), false },
		{ CLAIMS("[]", "[[\"*\",\"4\"]]", "5"), false },
		{ CLAIMS("[]", "[[\"\",4]]", "5"), false },
		{ CLAIMS("[]", "[[\"a\\u0000b\",4]]", "5"), false },
		{ CLAIMS("[]", "[]", "-5"), false },
		{ CLAIMS("[]", "[]", "\"5\""), false },
		{ CLAIMS("[]", "[]", "5.5"), false },
		{ CLAIMS("[]", "[]", "9223372036854775807"), false },
		{ CLAIMS("[]", "[]", "5,\"exp\":6"), false },
		{ "", false },
		{ "null", false },
		{ "{}", false },
		{ "{\"iss\":\"other\"}", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct principal p;
		const char *why = "";
		enum status s = token_read(f->arena, str_c(CASES[i].json), &p, &why);

		if ((s == ST_OK) != CASES[i].is_good)
			print_error("%s\n", CASES[i].json);
		assert_int_equal(s, CASES[i].is_good ? ST_OK : ST_UNAUTHENTICATED);
		if (CASES[i].is_good)
			assert_int_equal(p.expire_us, 5000000);
		else
			assert_true(strlen(why) > 10);
	}
}

/* ---- permissions ---- */

static void a_pattern_covers_what_begins_with_it(void **state)
{
	static const struct {
		const char *pattern, *permission;
		bool covers;
	} CASES[] = {
		{ "*", "contacts.contacts.read", true },
		{ "contacts.*", "contacts.contacts.read", true },
		{ "contacts.contacts.*", "contacts.contacts.read", true },
		{ "contacts.contacts.read", "contacts.contacts.read", true },
		{ "contacts.contacts.re", "contacts.contacts.read", false },
		{ "contacts.contacts.reads", "contacts.contacts.read", false },
		{ "contacts.con*", "contacts.contacts.read", false },
		{ "contacts*", "contacts.contacts.read", false },
		{ "contacts.*", "contactsx.contacts.read", false },
		{ "contacts.*", "contacts.", false },
		{ "contacts.*", "contacts", false },
		{ ".*", "contacts", false },
		{ "", "contacts", false },
		{ "*", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		assert_int_equal(grant_matches(CASES[i].pattern, str_c(CASES[i].permission)),
			CASES[i].covers);
	}
}

static void the_highest_level_of_all_grants_counts(void **state)
{
	static const struct grant grants[] = { { "a.b.read", LEVEL_TEAM }, { "a.*", LEVEL_SUBTREE },
		{ "a.b.*", LEVEL_OWN }, { "c.*", LEVEL_ALL } };
	const struct principal p = { .n_grants = 4, .grants = grants };

	(void)state;
	assert_int_equal(principal_level(&p, STR("a.b.read")), LEVEL_SUBTREE);
	assert_int_equal(principal_level(&p, STR("c.d.e")), LEVEL_ALL);
	assert_int_equal(principal_level(&p, STR("d.d.e")), LEVEL_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_token_gives_a_copy_of_its_principal, setup, teardown),
		cmocka_unit_test_setup_teardown(a_token_ends_with_its_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
			dropping_a_session_drops_all_its_tokens_and_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_principal_outlives_its_entry_while_a_call_holds_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_used_stays_when_the_table_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(claims_are_read_or_refused, setup, teardown),
		cmocka_unit_test(a_pattern_covers_what_begins_with_it),
		cmocka_unit_test(the_highest_level_of_all_grants_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
