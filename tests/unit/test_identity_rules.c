/* The identity service's decisions that need nothing but their arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kit/auth.h"
#include "services/identity/rules.h"

static void a_permission_or_pattern_is_words_with_dots(void **state)
{
	(void)state;
	static const char *const good[] = { "*", "contacts.*", "contacts.contacts.*",
		"contacts.contacts.read", "identity.api_keys.create" };
	static const char *const bad[] = { "", ".", "contacts.", ".contacts", "contacts..read",
		"contacts.*.read", "**", "contacts.re*", "Contacts.read", "contacts read", "a\"b",
		"*." };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(rules_is_grant_pattern(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(rules_is_grant_pattern(bad[i]));
}

static void a_pattern_covers_what_is_below_it(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *permission;
		bool covers;
	} cases[] = { { "*", "contacts.contacts.read", true }, { "*", "*", true },
		{ "contacts.*", "contacts.contacts.read", true },
		{ "contacts.*", "contacts.contacts.*", true },
		{ "contacts.contacts.*", "contacts.contacts.read", true },
		{ "contacts.contacts.read", "contacts.contacts.read", true },
		{ "contacts.*", "contacts.*", true }, { "contacts.*", "*", false },
		{ "contacts.contacts.*", "contacts.*", false },
		{ "contacts.*", "contactsx.contacts.read", false },
		{ "contacts.*", "contacts", false },
		{ "contacts.contacts.read", "contacts.contacts.update", false },
		{ "contacts.contacts.read", "contacts.contacts.*", false } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(grant_matches(cases[i].pattern, str_c(cases[i].permission)),
			cases[i].covers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_permission_or_pattern_is_words_with_dots),
		cmocka_unit_test(a_pattern_covers_what_is_below_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
