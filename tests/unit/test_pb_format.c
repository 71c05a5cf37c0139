/*
 * Formats: a table of values for each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "adapters/pb/pb.h"

struct format_case {
	enum pb_format format;
	const char *value;
	bool ok;
};

static void check(const struct format_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *why = NULL;
		bool ok = pb_format_is_valid(cases[i].format, str_c(cases[i].value), &why);
		if (ok != cases[i].ok)
			fail_msg("format %d, '%s': %s", (int)cases[i].format, cases[i].value,
				why ? why : "accepted");
		assert_int_equal(why == NULL, ok);
	}
}

#define CHECK(cases) check(cases, sizeof(cases) / sizeof((cases)[0]))

static void any_text_needs_no_form(void **state)
{
	(void)state;
	static const struct format_case cases[] = { { PB_FORMAT_ANY, "x y", true },
		{ (enum pb_format)99, "x", true } };
	CHECK(cases);
}

static void emails_are_rfc_5321_mailboxes(void **state)
{
	(void)state;
	static const struct format_case cases[] = {
		{ PB_FORMAT_EMAIL, "jan.novak@example.cz", true },
		{ PB_FORMAT_EMAIL, "jan+crm@sub.example.co.uk", true },
		{ PB_FORMAT_EMAIL, "user@localhost", true },
		{ PB_FORMAT_EMAIL, "\"a b\"@example.com", true },
		{ PB_FORMAT_EMAIL, "\"a\\\"b\"@example.com", true },
		{ PB_FORMAT_EMAIL, "\"a@b\"@example.com", true },
		{ PB_FORMAT_EMAIL, "x@[192.0.2.1]", true },
		{ PB_FORMAT_EMAIL, "x@[IPv6:2001:db8::1]", true },
		{ PB_FORMAT_EMAIL, "дмитро@пошта.укр", true },
		{ PB_FORMAT_EMAIL, "jiří@háčky.cz", true },
		{ PB_FORMAT_EMAIL, "o'brien@x-y.ie", true },
		{ PB_FORMAT_EMAIL, "no-at.example.com", false },
		{ PB_FORMAT_EMAIL, "@example.com", false },
		{ PB_FORMAT_EMAIL, "x@", false },
		{ PB_FORMAT_EMAIL, "a..b@example.com", false },
		{ PB_FORMAT_EMAIL, ".a@example.com", false },
		{ PB_FORMAT_EMAIL, "a.@example.com", false },
		{ PB_FORMAT_EMAIL, "a b@example.com", false },
		{ PB_FORMAT_EMAIL, "a@b@example.com", false },
		{ PB_FORMAT_EMAIL, "Jan <jan@example.com>", false },
		{ PB_FORMAT_EMAIL, "x@-example.com", false },
		{ PB_FORMAT_EMAIL, "x@example..com", false },
		{ PB_FORMAT_EMAIL, "x@example.com.", false },
		{ PB_FORMAT_EMAIL, "x@exa_mple.com", false },
		{ PB_FORMAT_EMAIL, "x@1.2.3.4", false },
		{ PB_FORMAT_EMAIL, "x@[300.1.1.1]", false },
		{ PB_FORMAT_EMAIL, "x\xc2\xa0y@example.com", false },
		{ PB_FORMAT_EMAIL, "\"a\\\"@example.com", false },
		{ PB_FORMAT_EMAIL,
			"0123456789012345678901234567890123456789012345678901234567890123@x.cz",
			true },
		{ PB_FORMAT_EMAIL,
			"01234567890123456789012345678901234567890123456789012345678901234@x.cz",
			false },
	};
	CHECK(cases);
}

static void telephone_numbers_are_accepted_as_people_write_them(void **state)
{
	(void)state;
	static const struct format_case cases[] = {
		{ PB_FORMAT_PHONE, "+420 604 893 825", true },
		{ PB_FORMAT_PHONE, "604893825", true },
		{ PB_FORMAT_PHONE, "(02) 1234-5678", true },
		{ PB_FORMAT_PHONE, "+49/30/901820", true },
		{ PB_FORMAT_PHONE, "00420.604.893.825", true },
		{ PB_FORMAT_PHONE,
			"+420\xc2\xa0"
			"604",
			true },
		{ PB_FORMAT_PHONE, "112", true },
		{ PB_FORMAT_PHONE, "604 893 825 ext. 12", true },
		{ PB_FORMAT_PHONE, "604 893 825x12", true },
		{ PB_FORMAT_PHONE, "604 893 825 linka 12", true },
		{ PB_FORMAT_PHONE, "12", false },
		{ PB_FORMAT_PHONE, "", false },
		{ PB_FORMAT_PHONE, "call me", false },
		{ PB_FORMAT_PHONE, "604 893 825 ext", false },
		{ PB_FORMAT_PHONE, "604+893825", false },
		{ PB_FORMAT_PHONE, "123456789012345678", false },
		{ PB_FORMAT_E164, "+420604893825", true },
		{ PB_FORMAT_E164, "+6834000", true },
		{ PB_FORMAT_E164, "+123456789012345", true },
		{ PB_FORMAT_E164, "+1234567890123456", false },
		{ PB_FORMAT_E164, "420604893825", false },
		{ PB_FORMAT_E164, "+042060489382", false },
		{ PB_FORMAT_E164, "+420 604893825", false },
		{ PB_FORMAT_E164, "+", false },
	};
	CHECK(cases);
}

static void urls_are_absolute_and_carry_no_password(void **state)
{
	(void)state;
	static const struct format_case cases[] = {
		{ PB_FORMAT_URL, "https://example.com", true },
		{ PB_FORMAT_URL, "HTTP://example.com:8080/a/b?c=d&e=%20#f", true },
		{ PB_FORMAT_URL, "http://localhost/", true },
		{ PB_FORMAT_URL, "http://192.0.2.7/", true },
		{ PB_FORMAT_URL, "http://[2001:db8::1]:80/", true },
		{ PB_FORMAT_URL, "https://háčky.cz/žluťoučký", true },
		{ PB_FORMAT_URL, "https://example.com?x=1", true },
		{ PB_FORMAT_URL, "ftp://example.com", false },
		{ PB_FORMAT_URL, "example.com", false },
		{ PB_FORMAT_URL, "//example.com", false },
		{ PB_FORMAT_URL, "https://", false },
		{ PB_FORMAT_URL, "https:///x", false },
		{ PB_FORMAT_URL, "https://user:secret@example.com/", false },
		{ PB_FORMAT_URL, "https://example.com:0/", false },
		{ PB_FORMAT_URL, "https://example.com:65536/", false },
		{ PB_FORMAT_URL, "https://example.com:/", false },
		{ PB_FORMAT_URL, "https://exa mple.com/", false },
		{ PB_FORMAT_URL, "https://example.com/a b", false },
		{ PB_FORMAT_URL, "https://example.com/%zz", false },
		{ PB_FORMAT_URL, "https://example.com/%2", false },
		{ PB_FORMAT_URL, "https://[::1/", false },
		{ PB_FORMAT_URL, "https://[]/", false },
		{ PB_FORMAT_URL, "javascript:alert(1)", false },
	};
	CHECK(cases);
}

static void tags_and_codes_follow_their_standards(void **state)
{
	(void)state;
	static const struct format_case cases[] = {
		{ PB_FORMAT_LANGUAGE, "cs", true },
		{ PB_FORMAT_LANGUAGE, "cs-CZ", true },
		{ PB_FORMAT_LANGUAGE, "sr-Latn-RS", true },
		{ PB_FORMAT_LANGUAGE, "es-419", true },
		{ PB_FORMAT_LANGUAGE, "de-DE-1996-u-co-phonebk", true },
		{ PB_FORMAT_LANGUAGE, "zh-cmn-Hans-CN", true },
		{ PB_FORMAT_LANGUAGE, "en-x-ours", true },
		{ PB_FORMAT_LANGUAGE, "c", false },
		{ PB_FORMAT_LANGUAGE, "cs_CZ", false },
		{ PB_FORMAT_LANGUAGE, "cs-", false },
		{ PB_FORMAT_LANGUAGE, "cs--CZ", false },
		{ PB_FORMAT_LANGUAGE, "cs-CZ-CZ", false },
		{ PB_FORMAT_LANGUAGE, "cs-u", false },
		{ PB_FORMAT_LANGUAGE, "čs", false },
		{ PB_FORMAT_TIME_ZONE, "UTC", true },
		{ PB_FORMAT_TIME_ZONE, "Europe/Prague", true },
		{ PB_FORMAT_TIME_ZONE, "America/Argentina/Buenos_Aires", true },
		{ PB_FORMAT_TIME_ZONE, "Europe/", false },
		{ PB_FORMAT_TIME_ZONE, "../../etc/passwd", false },
		{ PB_FORMAT_TIME_ZONE, "Europe/../Europe/Prague", false },
		{ PB_FORMAT_TIME_ZONE, "europe/prague", false },
		{ PB_FORMAT_TIME_ZONE, "+01:00", false },
		{ PB_FORMAT_COUNTRY, "CZ", true },
		{ PB_FORMAT_COUNTRY, "AD", true },
		{ PB_FORMAT_COUNTRY, "ZW", true },
		{ PB_FORMAT_COUNTRY, "UK", false },
		{ PB_FORMAT_COUNTRY, "DA", false },
		{ PB_FORMAT_COUNTRY, "cz", false },
		{ PB_FORMAT_COUNTRY, "CZE", false },
		{ PB_FORMAT_CURRENCY, "CZK", true },
		{ PB_FORMAT_CURRENCY, "AED", true },
		{ PB_FORMAT_CURRENCY, "ZWL", true },
		{ PB_FORMAT_CURRENCY, "EUR", true },
		{ PB_FORMAT_CURRENCY, "UAH", true },
		{ PB_FORMAT_CURRENCY, "EU", false },
		{ PB_FORMAT_CURRENCY, "XYZ", false },
		{ PB_FORMAT_CURRENCY, "eur", false },
	};
	CHECK(cases);
}

static void dates_exist_in_the_calendar(void **state)
{
	(void)state;
	static const struct format_case cases[] = {
		{ PB_FORMAT_DATE, "2026-03-29", true },
		{ PB_FORMAT_DATE, "2024-02-29", true },
		{ PB_FORMAT_DATE, "2000-02-29", true },
		{ PB_FORMAT_DATE, "0001-01-01", true },
		{ PB_FORMAT_DATE, "9999-12-31", true },
		{ PB_FORMAT_DATE, "2023-02-29", false },
		{ PB_FORMAT_DATE, "1900-02-29", false },
		{ PB_FORMAT_DATE, "2026-04-31", false },
		{ PB_FORMAT_DATE, "2026-13-01", false },
		{ PB_FORMAT_DATE, "2026-00-01", false },
		{ PB_FORMAT_DATE, "2026-01-00", false },
		{ PB_FORMAT_DATE, "0000-01-01", false },
		{ PB_FORMAT_DATE, "2026-3-29", false },
		{ PB_FORMAT_DATE, "2026/03/29", false },
		{ PB_FORMAT_DATE, "2026-03-29T", false },
		{ PB_FORMAT_DATE, "-026-03-29", false },
		{ PB_FORMAT_DATE, "2026-03- 1", false },
	};
	CHECK(cases);
}

static void keys_domains_and_uuids_are_strict(void **state)
{
	(void)state;
	static const struct format_case cases[] = {
		{ PB_FORMAT_KEY, "web-form.2_x", true },
		{ PB_FORMAT_KEY, "0", true },
		{ PB_FORMAT_KEY, "", false },
		{ PB_FORMAT_KEY, "-a", false },
		{ PB_FORMAT_KEY, "A", false },
		{ PB_FORMAT_KEY, "a b", false },
		{ PB_FORMAT_KEY, "ž", false },
		{ PB_FORMAT_DOMAIN, "example.com", true },
		{ PB_FORMAT_DOMAIN, "xn--hky-ela.cz", true },
		{ PB_FORMAT_DOMAIN, "пошта.укр", true },
		{ PB_FORMAT_DOMAIN, "localhost", false },
		{ PB_FORMAT_DOMAIN, "example.com.", false },
		{ PB_FORMAT_DOMAIN, "10.0.0.1", false },
		{ PB_FORMAT_DOMAIN, "a_b.cz", false },
		{ PB_FORMAT_DOMAIN,
			"0123456789012345678901234567890123456789012345678901234567890123.cz",
			false },
		{ PB_FORMAT_UUID, "01890a5d-ac96-774b-bcce-b302099a8057", true },
		{ PB_FORMAT_UUID, "01890A5D-AC96-774B-BCCE-B302099A8057", true },
		{ PB_FORMAT_UUID, "01890a5dac96774bbcceb302099a8057", false },
		{ PB_FORMAT_UUID, "{01890a5d-ac96-774b-bcce-b302099a8057}", false },
		{ PB_FORMAT_UUID, "01890a5d-ac96-774b-bcce-b302099a805g", false },
	};
	CHECK(cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_text_needs_no_form),
		cmocka_unit_test(emails_are_rfc_5321_mailboxes),
		cmocka_unit_test(telephone_numbers_are_accepted_as_people_write_them),
		cmocka_unit_test(urls_are_absolute_and_carry_no_password),
		cmocka_unit_test(tags_and_codes_follow_their_standards),
		cmocka_unit_test(dates_exist_in_the_calendar),
		cmocka_unit_test(keys_domains_and_uuids_are_strict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
