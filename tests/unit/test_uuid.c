/* UUIDs: form, order within a process, text; and that random bytes differ between threads and
 * processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/uuid.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void version_7_carries_the_time(void **state)
{
	int64_t before = clock_now_us() / 1000, after, ms = 0;
	struct uuid u = uuid_v7();

	(void)state;
	after = clock_now_us() / 1000;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | u.b[i];
	assert_true(before <= ms && ms <= after);
	assert_int_equal(u.b[6] >> 4, 7);
	assert_int_equal(u.b[8] >> 6, 2);
}

static void version_4_says_so(void **state)
{
	struct uuid u = uuid_v4(), other = uuid_v4();

	(void)state;
	assert_int_equal(u.b[6] >> 4, 4);
	assert_int_equal(u.b[8] >> 6, 2);
	assert_memory_not_equal(u.b, other.b, 16);
}

static void version_7_only_grows(void **state)
{
	struct uuid last = uuid_v7();

	(void)state;
	/* more than one millisecond's counter holds, if the machine is fast */
	for (int i = 0; i < 300000; i++) {
		struct uuid u = uuid_v7();

		if (memcmp(last.b, u.b, 16) >= 0)
			fail_msg("id %d is not larger than the one before", i);
		last = u;
	}
}

static void version_7_grows_while_the_clock_is_set_back(void **state)
{
	struct uuid before = uuid_v7(), after;

	(void)state;
	clock_set_offset_us(-INT64_C(3600000000));
	after = uuid_v7();
	clock_set_offset_us(0);
	assert_true(memcmp(before.b, after.b, 16) < 0);
}

enum { THREADS = 4, PER_THREAD = 20000 };

static void *make_ids(void *arg)
{
	struct uuid *ids = arg;

	for (int i = 0; i < PER_THREAD; i++)
		ids[i] = uuid_v7();
	return NULL;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct uuid));
}

static void threads_never_make_the_same_id(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct uuid *ids = arena_new_array(a, struct uuid, THREADS * PER_THREAD);
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, make_ids, ids + i * PER_THREAD), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (int i = 1; i < THREADS * PER_THREAD; i++)
		assert_true(i % PER_THREAD == 0 || by_bytes(&ids[i - 1], &ids[i]) < 0);
	qsort(ids, THREADS * PER_THREAD, sizeof(*ids), by_bytes);
	for (int i = 1; i < THREADS * PER_THREAD; i++) {
		/* the time and counter alone differ already */
		assert_true(memcmp(ids[i - 1].b, ids[i].b, 9) < 0);
	}
}

static void text_reads_back(void **state)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct uuid u = { { 0x01, 0x9c, 0x1b, 0x2d, 0x3e, 0x4f, 0x75, 0xab, 0xbc, 0xde, 0xf0, 0x12,
		0x34, 0x56, 0x78, 0x9a } };
	struct uuid back;

	(void)state;
	assert_string_equal(uuid_text(a, u), "019c1b2d-3e4f-75ab-bcde-f0123456789a");
	assert_true(uuid_parse(str_c(uuid_text(a, u)), &back));
	assert_memory_equal(back.b, u.b, 16);
	assert_true(uuid_parse(STR("019C1B2D-3E4F-75AB-BCDE-F0123456789A"), &back));
	assert_memory_equal(back.b, u.b, 16);
	assert_true(uuid_parse(str_c(uuid_v7_text(a)), &back));
}

static void other_forms_are_refused(void **state)
{
	static const char *const CASES[] = {
		"",
		"019c1b2d-3e4f-75ab-bcde-f0123456789",
		"019c1b2d-3e4f-75ab-bcde-f0123456789aa",
		"019c1b2d3e4f75abbcdef0123456789a",
		"{019c1b2d-3e4f-75ab-bcde-f012345678}",
		"019c1b2d-3e4f-75ab-bcde-f0123456789g",
		"019c1b2d-3e4f-75ab-bcde_f0123456789a",
		"019c1b2-d3e4f-75ab-bcde-f0123456789a",
		"019c1b2d-3e4f-75ab-bcde-f01234567 9a",
		"-19c1b2d-3e4f-75ab-bcde-f0123456789a",
		"019c1b2d--e4f-75ab-bcde-f0123456789a",
	};
	struct uuid u = { { 42 } };

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++)
		assert_false(uuid_parse(str_c(CASES[i]), &u));
	assert_false(uuid_parse(str_c(NULL), &u));
	assert_int_equal(u.b[0], 42);
}

static void random_bytes_of_any_size_are_filled(void **state)
{
	static const size_t SIZES[] = { 16, 100, 255, 256, 257, 5000 };
	uint8_t room[5000];

	(void)state;
	random_bytes(room, 0);
	for (size_t i = 0; i < COUNT(SIZES); i++) {
		int zeros = 0;

		memset(room, 0, sizeof(room));
		random_bytes(room, SIZES[i]);
		for (size_t k = 0; k < SIZES[i]; k++)
			zeros += room[k] == 0;
		assert_true((size_t)zeros < SIZES[i] / 4);
	}
}

/* What a child made by fork draws next. */
static void draw_in_child(uint8_t out[16])
{
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		random_bytes(out, 16);
		_exit(write(ends[1], out, 16) == 16 ? 0 : 1);
	}
	assert_int_equal(read(ends[0], out, 16), 16);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(ends[0]);
	close(ends[1]);
}

static void a_forked_child_draws_other_bytes(void **state)
{
	uint8_t first[16], child[16], parent[16];

	(void)state;
	random_bytes(first, 16);
	draw_in_child(child);
	random_bytes(parent, 16);
	assert_memory_not_equal(child, parent, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_7_carries_the_time),
		cmocka_unit_test(version_4_says_so),
		cmocka_unit_test(version_7_only_grows),
		cmocka_unit_test(version_7_grows_while_the_clock_is_set_back),
		cmocka_unit_test(threads_never_make_the_same_id),
		cmocka_unit_test(text_reads_back),
		cmocka_unit_test(other_forms_are_refused),
		cmocka_unit_test(random_bytes_of_any_size_are_filled),
		cmocka_unit_test(a_forked_child_draws_other_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
