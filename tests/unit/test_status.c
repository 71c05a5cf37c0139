/* Status: names, and TRY. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/status.h"

static void each_status_has_its_grpc_name(void **state)
{
	(void)state;
	assert_string_equal(status_name(ST_OK), "OK");
	assert_string_equal(status_name(ST_NOT_FOUND), "NOT_FOUND");
	assert_string_equal(status_name(ST_UNAUTHENTICATED), "UNAUTHENTICATED");
	for (int s = ST_OK; s <= ST_UNAUTHENTICATED; s++)
		assert_non_null(status_name((enum status)s));
}

static void a_number_outside_the_set_is_unknown(void **state)
{
	(void)state;
	assert_string_equal(status_name((enum status)17), "UNKNOWN");
	assert_string_equal(status_name((enum status) - 1), "UNKNOWN");
}

static enum status tried(enum status s, int *steps)
{
	TRY(s);
	++*steps;
	return ST_OK;
}

static void try_returns_what_is_not_ok(void **state)
{
	int steps = 0;

	(void)state;
	assert_int_equal(tried(ST_ABORTED, &steps), ST_ABORTED);
	assert_int_equal(steps, 0);
	assert_int_equal(tried(ST_OK, &steps), ST_OK);
	assert_int_equal(steps, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_status_has_its_grpc_name),
		cmocka_unit_test(a_number_outside_the_set_is_unknown),
		cmocka_unit_test(try_returns_what_is_not_ok),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
