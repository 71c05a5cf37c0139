/* Rate limits: a burst, then a steady rate, per key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "services/gateway/gateway.h"

static int64_t taken_of(struct limits *l, struct str key, int tries, int64_t *ret_retry_ms)
{
	int64_t taken = 0;
	for (int i = 0; i < tries; i++)
		taken += limits_take(l, key, ret_retry_ms);
	return taken;
}

static void a_burst_passes_then_the_rest_waits(void **state)
{
	(void)state;
	struct limits *l = limits_new(1, 10, 100);
	int64_t retry_ms = 0;
	assert_int_equal(taken_of(l, STR("a"), 50, &retry_ms), 10);
	assert_in_range(retry_ms, 1, 1001);
	assert_int_equal(taken_of(l, STR("b"), 50, &retry_ms), 10);
	limits_free(l);
}

static void calls_pass_again_at_the_rate(void **state)
{
	(void)state;
	struct limits *l = limits_new(1000, 1, 100);
	int64_t retry_ms;
	int taken = 0;
	const int64_t begun = clock_mono_us();
	while (taken < 20)
		taken += limits_take(l, STR("a"), &retry_ms);
	/* the first is free, each other takes a millisecond */
	assert_true(clock_mono_us() - begun >= 19 * 1000);
	limits_free(l);
}

static void without_a_rate_everything_passes(void **state)
{
	(void)state;
	int64_t retry_ms;
	struct limits *none = limits_new(0, 1, 1);
	assert_null(none);
	assert_int_equal(taken_of(none, STR("a"), 1000, &retry_ms), 1000);
}

static void idle_keys_make_room_busy_ones_do_not(void **state)
{
	(void)state;
	struct limits *l = limits_new(1, 1, 2);
	int64_t retry_ms;
	assert_true(limits_take(l, STR("a"), &retry_ms));
	assert_true(limits_take(l, STR("b"), &retry_ms));
	assert_false(limits_take(l, STR("c"), &retry_ms));
	limits_free(l);
	l = limits_new(1000000, 1, 2); /* a key is idle again after a microsecond */
	for (int i = 0; i < 1000; i++) {
		char key[4];
		const int n = snprintf(key, sizeof(key), "%d", i);
		const int64_t until = clock_mono_us() + 3;
		while (clock_mono_us() < until)
			continue;
		assert_true(limits_take(l, str_n(key, (size_t)n), &retry_ms));
	}
	limits_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_passes_then_the_rest_waits),
		cmocka_unit_test(calls_pass_again_at_the_rate),
		cmocka_unit_test(without_a_rate_everything_passes),
		cmocka_unit_test(idle_keys_make_room_busy_ones_do_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
