/* Arena: alignment, growth, deferred release, copies, and use from several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include "base/arena.h"

static void allocations_are_aligned_and_do_not_overlap(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	enum { COUNT = 3000 };
	unsigned char *p[COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		p[i] = arena_alloc(a, i);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)(i & 0xff), i);
	}
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t k = 0; k < i; k++)
			assert_int_equal(p[i][k], i & 0xff);
	}
}

static void empty_allocations_have_addresses_of_their_own(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	(void)state;
	assert_ptr_not_equal(arena_alloc(a, 0), arena_alloc(a, 0));
}

static void large_allocations_do_not_waste_the_current_chunk(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	char *before = arena_alloc(a, 16), *large = arena_zalloc(a, 10 * 1024 * 1024), *after;

	(void)state;
	after = arena_alloc(a, 16);
	assert_int_equal(large[10 * 1024 * 1024 - 1], 0);
	assert_true(after > before && after - before <= 64);
}

static void zeroed_memory_is_zero_although_chunks_are_used_again(void **state)
{
	static const char ZEROS[4096];

	(void)state;
	for (int i = 0; i < 200; i++) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		char *p = arena_zalloc(a, sizeof(ZEROS));

		assert_memory_equal(p, ZEROS, sizeof(ZEROS));
		memset(p, 0xff, sizeof(ZEROS));
	}
}

static void used_counts_the_bytes_asked_for(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	(void)state;
	assert_int_equal(arena_used(a), 0);
	arena_alloc(a, 100);
	arena_alloc(a, 1);
	arena_new_array(a, uint64_t, 1000);
	assert_int_equal(arena_used(a), 8101);
}

struct step {
	char **at;
	char letter;
};

static void note(void *ptr)
{
	struct step *s = ptr;

	*(*s->at)++ = s->letter;
}

static void deferred_releases_run_last_in_first_out(void **state)
{
	char order[4] = "", *at = order;
	struct step steps[] = { { &at, 'a' }, { &at, 'b' }, { &at, 'c' } };
	struct arena *a = arena_new();

	(void)state;
	for (size_t i = 0; i < 3; i++)
		arena_defer(a, note, &steps[i]);
	assert_string_equal(order, "");
	arena_free(a);
	assert_string_equal(order, "cba");
}

static void deferred_releases_may_look_into_the_arena(void **state)
{
	char order[3] = "", *at = order;
	struct arena *a = arena_new();

	(void)state;
	for (char letter = 'a'; letter <= 'b'; letter++) {
		struct step *s = arena_alloc(a, sizeof(*s));

		*s = (struct step){ &at, letter };
		arena_defer(a, note, s);
		arena_alloc(a, 100000);
	}
	arena_free(a);
	assert_string_equal(order, "ba");
}

static void freeing_nothing_is_fine(void **state)
{
	struct arena *none = NULL;

	(void)state;
	arena_free(NULL);
	arena_freep(&none);
	mem_free(NULL);
}

static void copies_equal_their_source(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	char source[] = "Dvořák";
	char *copy = arena_strdup(a, source), *dup = mem_strdup(source);

	(void)state;
	assert_string_equal(copy, "Dvořák");
	assert_ptr_not_equal(copy, source);
	assert_string_equal(dup, "Dvořák");
	assert_null(arena_strdup(a, NULL));
	assert_string_equal(arena_strndup(a, "abc", 2), "ab");
	assert_string_equal(arena_strndup(a, "abc", 9), "abc");
	assert_string_equal(arena_strndup(a, NULL, 0), "");
	assert_memory_equal(arena_dup(a, "a\0b", 3), "a\0b", 3);
	assert_non_null(arena_dup(a, NULL, 0));
	mem_free(dup);
}

static void printing_takes_text_of_any_length(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	char *s = arena_printf(a, "%s-%05d", "x", 42);

	(void)state;
	assert_string_equal(s, "x-00042");
	s = arena_printf(a, "%*s", 20000, "end");
	assert_int_equal(strlen(s), 20000);
	assert_string_equal(s + 19997, "end");
}

static void *use_arenas(void *arg)
{
	struct arena **last = arg;

	for (int i = 0; i < 300; i++) {
		struct arena *a = arena_new();
		struct arena *b = arena_new();

		memset(arena_alloc(b, 5000), i, 5000);
		arena_free(b);
		memset(arena_alloc(a, 5000), i, 5000);
		memset(arena_alloc(a, 5000), i, 5000);
		arena_free(a);
	}
	*last = arena_new();
	arena_strdup(*last, "handed over");
	arena_free(arena_new()); /* stays cached until the thread ends */
	return NULL;
}

static void an_arena_may_be_freed_by_another_thread(void **state)
{
	enum { THREADS = 4 };
	pthread_t threads[THREADS];
	struct arena *left[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_arenas, &left[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(arena_used(left[i]), sizeof("handed over"));
		arena_free(left[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_aligned_and_do_not_overlap),
		cmocka_unit_test(empty_allocations_have_addresses_of_their_own),
		cmocka_unit_test(large_allocations_do_not_waste_the_current_chunk),
		cmocka_unit_test(zeroed_memory_is_zero_although_chunks_are_used_again),
		cmocka_unit_test(used_counts_the_bytes_asked_for),
		cmocka_unit_test(deferred_releases_run_last_in_first_out),
		cmocka_unit_test(deferred_releases_may_look_into_the_arena),
		cmocka_unit_test(freeing_nothing_is_fine),
		cmocka_unit_test(copies_equal_their_source),
		cmocka_unit_test(printing_takes_text_of_any_length),
		cmocka_unit_test(an_arena_may_be_freed_by_another_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
