/* Crowds: each caller gets so many places, all together so many, and a place comes back with its
 * arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/arena.h"
#include "kit/crowd_private.h"

enum { EACH = 2, TOTAL = 3 };

static void each_caller_has_so_many_places(void **state)
{
	struct crowd *c = crowd_new(EACH, TOTAL);
	struct arena *a = arena_new();

	(void)state;
	assert_true(crowd_enter(c, a, STR("ann")));
	assert_true(crowd_enter(c, a, STR("ann")));
	assert_false(crowd_enter(c, a, STR("ann")));
	assert_true(crowd_enter(c, a, STR("bob")));
	arena_free(a);
	crowd_free(c);
}

static void all_together_have_so_many(void **state)
{
	struct crowd *c = crowd_new(EACH, TOTAL);
	struct arena *a = arena_new();

	(void)state;
	assert_true(crowd_enter(c, a, STR("ann")));
	assert_true(crowd_enter(c, a, STR("ann")));
	assert_true(crowd_enter(c, a, STR("bob")));
	assert_false(crowd_enter(c, a, STR("eve")));
	arena_free(a);
	crowd_free(c);
}

static void a_place_comes_back_with_its_arena(void **state)
{
	struct crowd *c = crowd_new(1, TOTAL);
	struct arena *first = arena_new(), *second = arena_new();

	(void)state;
	assert_true(crowd_enter(c, first, STR("ann")));
	assert_false(crowd_enter(c, second, STR("ann")));
	arena_free(first);
	assert_true(crowd_enter(c, second, STR("ann")));
	arena_free(second);
	crowd_free(c);
}

static void callers_are_told_apart_byte_by_byte(void **state)
{
	struct crowd *c = crowd_new(1, TOTAL);
	struct arena *a = arena_new();

	(void)state;
	assert_true(crowd_enter(c, a, str_n("a\0b", 3)));
	assert_true(crowd_enter(c, a, str_n("a\0c", 3)));
	assert_true(crowd_enter(c, a, STR("")));
	arena_free(a);
	crowd_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_caller_has_so_many_places),
		cmocka_unit_test(all_together_have_so_many),
		cmocka_unit_test(a_place_comes_back_with_its_arena),
		cmocka_unit_test(callers_are_told_apart_byte_by_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
