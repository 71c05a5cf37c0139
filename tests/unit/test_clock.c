/* Clock: the shift for tests, and dates. The dates were worked out with GNU date and Python's
 * datetime. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "base/clock.h"

static void the_environment_shifts_the_wall_clock(void **state)
{
	(void)state;
	/* set by main before the first reading: about the year 2100 */
	assert_true(clock_now_us() > INT64_C(4000000000000000));
	clock_set_offset_us(0);
	assert_true(clock_now_us() < INT64_C(4000000000000000));
}

static void a_shift_moves_the_wall_clock_alone(void **state)
{
	const int64_t HOUR = INT64_C(3600000000);
	int64_t wall = clock_now_us(), mono = clock_mono_us();

	(void)state;
	clock_set_offset_us(HOUR);
	assert_true(clock_now_us() >= wall + HOUR);
	assert_true(clock_mono_us() - mono < HOUR);
	clock_set_offset_us(0);
	assert_true(clock_now_us() < wall + HOUR);
}

static void monotonic_time_never_goes_back(void **state)
{
	int64_t last = clock_mono_us();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_mono_us();

		assert_true(now >= last);
		last = now;
	}
}

static void times_print_as_rfc_3339(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} CASES[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 1, "1970-01-01T00:00:00.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ 1774747800000001, "2026-03-29T01:30:00.000001Z" },
		{ 951782400000000, "2000-02-29T00:00:00Z" },
		{ 951868799500000, "2000-02-29T23:59:59.500000Z" },
		{ 4107542400000000, "2100-03-01T00:00:00Z" },
		{ 4107542399000000, "2100-02-28T23:59:59Z" },
		{ -2203891200000000, "1900-03-01T00:00:00Z" },
		{ 1735689599999999, "2024-12-31T23:59:59.999999Z" },
		{ -62135596800000000, "0001-01-01T00:00:00Z" },
		{ 253402300799999999, "9999-12-31T23:59:59.999999Z" },
		{ INT64_MIN, "0001-01-01T00:00:00Z" },
		{ CLOCK_NEVER, "9999-12-31T23:59:59.999999Z" },
	};
	_cleanup_(arena_freep) struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		assert_string_equal(clock_format(a, CASES[i].us), CASES[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_environment_shifts_the_wall_clock),
		cmocka_unit_test(a_shift_moves_the_wall_clock_alone),
		cmocka_unit_test(monotonic_time_never_goes_back),
		cmocka_unit_test(times_print_as_rfc_3339),
	};

	if (setenv("CRM_CLOCK_OFFSET_US", "2400000000000000", 1) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
