/* Networks: what is a list of them, and which addresses belong to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit/networks.h"

static void an_address_belongs_to_its_networks(void **state)
{
	static const struct {
		const char *list, *address;
		bool holds;
	} CASES[] = {
		{ "127.0.0.1", "127.0.0.1", true },
		{ "127.0.0.1", "127.0.0.2", false },
		{ "127.0.0.0/8", "127.255.0.1", true },
		{ "127.0.0.0/8", "128.0.0.1", false },
		{ "10.128.0.0/9", "10.128.0.1", true },
		{ "10.128.0.0/9", "10.127.255.255", false },
		{ "10.1.2.3/8", "10.9.9.9", true },
		{ "0.0.0.0/0", "8.8.8.8", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ " 10.0.0.0/8 , ::1 ", "::1", true },
		{ " 10.0.0.0/8 , ::1 ", "::2", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "127.0.0.1", "::ffff:127.0.0.1", true },
		{ "::1/128", "::1", true },
		{ "", "127.0.0.1", false },
		{ "127.0.0.1", "", false },
		{ "0.0.0.0/0", "not one", false },
		{ "0.0.0.0/0", "1.2.3.4.5", false },
	};
	struct arena *a = arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const struct networks *n = networks_parse(a, str_c(CASES[i].list));

		assert_non_null(n);
		if (networks_hold(n, str_c(CASES[i].address)) != CASES[i].holds)
			fail_msg("'%s' in '%s'", CASES[i].address, CASES[i].list);
	}
	arena_free(a);
}

static void what_is_no_list_of_networks_is_refused(void **state)
{
	static const char *const CASES[] = { "gateway", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
		"10.0.0.0/8/8", "::1/129", "10.0.0.1,,10.0.0.2", ",", "10.0.0", "10.0.0.1 10.0.0.2",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222" };
	struct arena *a = arena_new();
	(void)state;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		if (networks_parse(a, str_c(CASES[i])))
			fail_msg("'%s' is taken for a list", CASES[i]);
	}
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_belongs_to_its_networks),
		cmocka_unit_test(what_is_no_list_of_networks_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
