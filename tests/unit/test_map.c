/* Map: against what was put in, with growth, removal and iteration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/map.h"

enum { COUNT = 20000 };

static struct str key_of(int i, char room[16])
{
	return str_n(room, (size_t)snprintf(room, 16, "key %d", i));
}

/* Values are addresses in this array: value_of(i) - values == i. */
static char values[COUNT];

static void *value_of(int i)
{
	return &values[i];
}

static void fill(struct map *m)
{
	char room[16];

	map_init(m);
	for (int i = 0; i < COUNT; i++)
		assert_null(map_set(m, key_of(i, room), value_of(i)));
}

static void an_empty_map_has_nothing(void **state)
{
	struct map m;
	struct str key;
	void *value;
	size_t i = 0;

	(void)state;
	map_init(&m);
	assert_null(map_get(&m, STR("a")));
	assert_null(map_del(&m, STR("a")));
	assert_false(map_next(&m, &i, &key, &value));
	map_done(&m);
}

static void everything_put_in_is_found(void **state)
{
	struct map m;
	char room[16];

	(void)state;
	fill(&m);
	assert_int_equal(m.count, COUNT);
	for (int i = 0; i < COUNT; i++)
		assert_ptr_equal(map_get(&m, key_of(i, room)), value_of(i));
	assert_null(map_get(&m, STR("key")));
	assert_null(map_get(&m, key_of(COUNT, room)));
	map_done(&m);
}

static void setting_again_returns_the_old_value(void **state)
{
	struct map m;

	(void)state;
	map_init(&m);
	assert_null(map_set(&m, STR("a"), value_of(1)));
	assert_ptr_equal(map_set(&m, STR("a"), value_of(2)), value_of(1));
	assert_ptr_equal(map_get(&m, STR("a")), value_of(2));
	assert_int_equal(m.count, 1);
	map_done(&m);
}

static void keys_are_bytes_and_copied(void **state)
{
	struct map m;
	char key[] = { 'a', '\0', 'b' };

	(void)state;
	map_init(&m);
	map_set(&m, str_n(key, 3), value_of(1));
	map_set(&m, str_n(key, 2), value_of(2));
	map_set(&m, str_n(NULL, 0), value_of(3));
	key[0] = 'x';
	assert_ptr_equal(map_get(&m, str_n("a\0b", 3)), value_of(1));
	assert_ptr_equal(map_get(&m, str_n("a", 2)), value_of(2));
	assert_ptr_equal(map_get(&m, STR("")), value_of(3));
	assert_null(map_get(&m, STR("a")));
	map_done(&m);
}

static void removed_keys_are_gone_and_the_others_stay(void **state)
{
	struct map m;
	char room[16];

	(void)state;
	fill(&m);
	for (int i = 0; i < COUNT; i += 2)
		assert_ptr_equal(map_del(&m, key_of(i, room)), value_of(i));
	assert_int_equal(m.count, COUNT / 2);
	for (int i = 0; i < COUNT; i++)
		assert_ptr_equal(map_get(&m, key_of(i, room)), i % 2 ? value_of(i) : NULL);
	map_done(&m);
}

static void coming_and_going_does_not_make_it_grow(void **state)
{
	enum { LIVE = 1000 };
	struct map m;
	char room[16];

	(void)state;
	map_init(&m);
	for (int i = 0; i < COUNT; i++) {
		map_set(&m, key_of(i, room), value_of(i));
		if (i >= LIVE)
			assert_ptr_equal(map_del(&m, key_of(i - LIVE, room)), value_of(i - LIVE));
	}
	assert_int_equal(m.count, LIVE);
	assert_true(m.cap <= 4 * LIVE);
	map_done(&m);
}

static void iteration_meets_each_key_once(void **state)
{
	static bool seen[COUNT];
	struct map m;
	struct str key;
	void *value;
	char room[16];
	int count = 0;

	(void)state;
	fill(&m);
	for (size_t i = 0; map_next(&m, &i, &key, &value); count++) {
		int n = (int)((char *)value - values);

		assert_true(str_eq(key, key_of(n, room)));
		assert_false(seen[n]);
		seen[n] = true;
	}
	assert_int_equal(count, COUNT);
	map_done(&m);
}

static void the_current_key_may_be_removed_while_iterating(void **state)
{
	struct map m;
	struct str key;
	void *value;
	int count = 0;

	(void)state;
	fill(&m);
	for (size_t i = 0; map_next(&m, &i, &key, &value); count++)
		assert_ptr_equal(map_del(&m, key), value);
	assert_int_equal(count, COUNT);
	assert_int_equal(m.count, 0);
	map_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(everything_put_in_is_found),
		cmocka_unit_test(setting_again_returns_the_old_value),
		cmocka_unit_test(keys_are_bytes_and_copied),
		cmocka_unit_test(removed_keys_are_gone_and_the_others_stay),
		cmocka_unit_test(coming_and_going_does_not_make_it_grow),
		cmocka_unit_test(iteration_meets_each_key_once),
		cmocka_unit_test(the_current_key_may_be_removed_while_iterating),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
