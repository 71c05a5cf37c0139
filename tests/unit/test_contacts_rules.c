/* The contacts service's decisions that need nothing but their arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "adapters/phone/phone.h"
#include "services/contacts/rules.h"

static Crm__PersonName name_of(const char *prefix, const char *given, const char *family)
{
	Crm__PersonName n = CRM__PERSON_NAME__INIT;
	n.prefix = prefix;
	n.given = given;
	n.family = family;
	return n;
}

static void a_person_is_shown_by_name_then_mail_then_phone(void **state)
{
	(void)state;
	_cleanup_(arena_freep) struct arena *a = arena_new();
	Crm__PersonName name = name_of("Ing.", "Jana", "Nováková");
	Crm__EmailAddress email = CRM__EMAIL_ADDRESS__INIT, *emails[] = { &email };
	Crm__PhoneNumber phone = CRM__PHONE_NUMBER__INIT, *phones[] = { &phone };
	email.address = "jana@example.com";
	phone.number = "604 893 825";
	Crm__Contact c = CRM__CONTACT__INIT;
	assert_string_equal(rules_display_name(a, &c), "");
	assert_false(rules_has_identity(&c));
	c.phones = phones;
	c.n_phones = 1;
	assert_string_equal(rules_display_name(a, &c), "604 893 825");
	assert_true(rules_has_identity(&c));
	c.emails = emails;
	c.n_emails = 1;
	assert_string_equal(rules_display_name(a, &c), "jana@example.com");
	c.name = &name;
	assert_string_equal(rules_display_name(a, &c), "Ing. Jana Nováková");
}

static void a_title_alone_is_no_identity(void **state)
{
	(void)state;
	Crm__PersonName name = name_of("Dr.", "", "");
	Crm__Contact c = CRM__CONTACT__INIT;
	c.name = &name;
	assert_false(rules_has_identity(&c));
}

static void keys_are_lower_case_and_distinct(void **state)
{
	(void)state;
	_cleanup_(arena_freep) struct arena *a = arena_new();
	Crm__EmailAddress one = CRM__EMAIL_ADDRESS__INIT, two = CRM__EMAIL_ADDRESS__INIT,
			  *emails[] = { &one, &two };
	Crm__PhoneNumber phone = CRM__PHONE_NUMBER__INIT, *phones[] = { &phone };
	one.address = "Jana@Example.com";
	two.address = "jana@example.COM";
	phone.e164 = "+420604893825";
	Crm__Contact c = CRM__CONTACT__INIT;
	c.emails = emails;
	c.n_emails = 2;
	c.phones = phones;
	c.n_phones = 1;
	const char **keys;
	assert_int_equal(rules_keys(a, &c, &keys), 2);
	assert_string_equal(keys[0], "e:jana@example.com");
	assert_string_equal(keys[1], "p:+420604893825");
}

static void wildcards_in_a_search_are_characters(void **state)
{
	(void)state;
	static const struct {
		const char *text, *pattern;
	} cases[] = { { "novak", "%novak%" }, { "50%", "%50\\%%" }, { "a_b", "%a\\_b%" },
		{ "c\\d", "%c\\\\d%" }, { "", "%%" } };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(rules_like_pattern(a, cases[i].text), cases[i].pattern);
}

static void a_name_is_split_where_people_would(void **state)
{
	(void)state;
	static const struct {
		const char *text, *given, *family;
	} cases[] = { { "Jana Nováková", "Jana", "Nováková" },
		{ "Nováková, Jana", "Jana", "Nováková" },
		{ "Jan Maria Rokita", "Jan Maria", "Rokita" }, { "Шевченко", "", "Шевченко" },
		{ "  Petr   Nový ", "Petr", "Nový" }, { "", "", "" }, { ",", "", "" } };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const Crm__PersonName *n = rules_split_name(a, cases[i].text);
		assert_string_equal(n->given, cases[i].given);
		assert_string_equal(n->family, cases[i].family);
	}
}

static void numbers_become_e164(void **state)
{
	(void)state;
	static const struct {
		const char *number, *region, *e164; /* NULL: refused */
	} cases[] = { { "+420 604 893 825", "", "+420604893825" },
		{ "604893825", "CZ", "+420604893825" },
		{ "(044) 279-12-34", "UA", "+380442791234" },
		{ "00420604893825", "CZ", "+420604893825" }, { "030 123456", "DE", "+4930123456" },
		{ "604893825", "", NULL }, { "12", "CZ", NULL }, { "+999 123 456", "", NULL },
		{ "call me", "CZ", NULL }, { "604893825604893825604", "CZ", NULL },
		{ "+43 6082", "", NULL } };
	_cleanup_(arena_freep) struct arena *a = arena_new();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *e164 = NULL, *why = NULL;
		const enum status s =
			phone_to_e164(a, cases[i].number, cases[i].region, &e164, &why);
		assert_int_equal(s, cases[i].e164 ? ST_OK : ST_INVALID_ARGUMENT);
		if (cases[i].e164)
			assert_string_equal(e164, cases[i].e164);
		else
			assert_non_null(why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_is_shown_by_name_then_mail_then_phone),
		cmocka_unit_test(a_title_alone_is_no_identity),
		cmocka_unit_test(keys_are_lower_case_and_distinct),
		cmocka_unit_test(wildcards_in_a_search_are_characters),
		cmocka_unit_test(a_name_is_split_where_people_would),
		cmocka_unit_test(numbers_become_e164),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
