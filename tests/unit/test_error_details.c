/* Error details: judged by the generated code of google.rpc, and by what a client takes in
 * trailers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "kit/error_details.h"

enum { MAX_DETAILS = 4096, MAX_MESSAGE = 1024 };

static int setup(void **state)
{
	*state = arena_new();
	return 0;
}

static int teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static const Google__Rpc__Status *packed(struct arena *a, const struct error_details *e)
{
	struct str wire = error_details_pack(a, e);
	Google__Rpc__Status *s;

	assert_true(wire.n <= MAX_DETAILS);
	assert_int_equal(pb_unpack(a, &google__rpc__status__descriptor, wire, &s), ST_OK);
	assert_int_equal(s->code, e->status);
	assert_string_equal(s->message, e->message);
	return s;
}

static void *detail(struct arena *a, const Google__Rpc__Status *s, size_t i,
	const ProtobufCMessageDescriptor *d)
{
	const Google__Protobuf__Any *any = s->details[i];
	void *msg;

	assert_true(i < s->n_details);
	assert_string_equal(any->type_url, arena_printf(a, "type.googleapis.com/%s", d->name));
	assert_int_equal(pb_unpack(a, d, str_n(any->value.data, any->value.len), &msg), ST_OK);
	return msg;
}

static void every_failure_has_a_reason(void **state)
{
	const struct error_details e = { .status = ST_ABORTED,
		.message = "m",
		.reason = "ETAG_MISMATCH",
		.domain = "contacts.crm" };
	const struct error_details bare = {
		.status = ST_ABORTED, .message = "m", .domain = "x.crm"
	};
	const Google__Rpc__Status *s = packed(*state, &e);
	const Google__Rpc__ErrorInfo *info =
		detail(*state, s, 0, &google__rpc__error_info__descriptor);

	assert_int_equal(s->n_details, 1);
	assert_string_equal(info->reason, "ETAG_MISMATCH");
	assert_string_equal(info->domain, "contacts.crm");
	info = detail(*state, packed(*state, &bare), 0, &google__rpc__error_info__descriptor);
	assert_string_equal(info->reason, "ABORTED");
}

static void fields_at_fault_and_the_time_to_wait_are_told(void **state)
{
	const struct pb_violations v = { .n = 2, .v = { { "a.b", "is odd" }, { "", "is empty" } } };
	const struct error_details e = { .status = ST_INVALID_ARGUMENT,
		.message = "m",
		.domain = "x.crm",
		.fields = &v,
		.retry_ms = 61250 };
	const Google__Rpc__Status *s = packed(*state, &e);
	const Google__Rpc__BadRequest *bad =
		detail(*state, s, 1, &google__rpc__bad_request__descriptor);
	const Google__Rpc__RetryInfo *retry =
		detail(*state, s, 2, &google__rpc__retry_info__descriptor);

	assert_int_equal(bad->n_field_violations, 2);
	assert_string_equal(bad->field_violations[0]->field, "a.b");
	assert_string_equal(bad->field_violations[0]->description, "is odd");
	assert_string_equal(bad->field_violations[1]->field, "");
	assert_int_equal(retry->retry_delay->seconds, 61);
	assert_int_equal(retry->retry_delay->nanos, 250000000);
}

static const char *long_text(struct arena *a, const char *piece, size_t n)
{
	struct buf b = buf_new(a, 0);

	while (n-- > 0)
		buf_puts(&b, piece);
	return buf_cstr(&b);
}

static void however_much_there_is_to_say_it_fits(void **state)
{
	struct arena *a = *state;
	struct pb_violations v = { .n = PB_MAX_VIOLATIONS };
	struct error_details e = { .status = ST_INVALID_ARGUMENT,
		.domain = "notifications.crm",
		.fields = &v,
		.retry_ms = 1 };
	const Google__Rpc__BadRequest *bad;

	for (size_t i = 0; i < v.n; i++)
		v.v[i] = (struct pb_violation){ long_text(a, "emails.", 100),
			long_text(a, "\xc5\xbe", 1000) };
	e.message = error_message_clean(a, long_text(a, "x", 5000));
	e.reason = long_text(a, "R", 60);
	bad = detail(a, packed(a, &e), 1, &google__rpc__bad_request__descriptor);
	assert_true(bad->n_field_violations >= 3);
	for (size_t i = 0; i < bad->n_field_violations; i++)
		assert_true(utf8_is_valid(str_c(bad->field_violations[i]->description)));
}

static size_t encoded(const char *text)
{
	size_t n = 0;

	for (const char *p = text; *p; p++)
		n += *p >= ' ' && *p <= '~' && *p != '%' ? 1 : 3;
	return n;
}

static void a_message_is_utf8_and_short(void **state)
{
	static const struct {
		const char *piece;
		size_t repeat;
		const char *want; /* NULL: cut, but not more than by one character */
	} CASES[] = {
		{ "plain", 1, "plain" },
		{ "", 1, "" },
		{ "p\xc5\x99\xc3\xadli\xc5\xa1", 1, "p\xc5\x99\xc3\xadli\xc5\xa1" },
		{ "a\xff\xc5", 1, "a??" },
		{ "x", 1024, NULL },
		{ "x", 1025, NULL },
		{ "%", 2000, NULL },
		{ "\xc5\xbe", 2000, NULL },
		{ "\xf0\x9f\x98\x80", 2000, NULL },
		{ "\n", 2000, NULL },
	};
	struct arena *a = *state;

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const char *got =
			error_message_clean(a, long_text(a, CASES[i].piece, CASES[i].repeat));

		assert_true(utf8_is_valid(str_c(got)));
		assert_true(encoded(got) <= MAX_MESSAGE);
		if (CASES[i].want)
			assert_string_equal(got, CASES[i].want);
		else
			assert_true(encoded(got) > MAX_MESSAGE - 12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_failure_has_a_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(
			fields_at_fault_and_the_time_to_wait_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
			however_much_there_is_to_say_it_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_message_is_utf8_and_short, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
