/* Offload: work beside the loop, its limits, and giving up before and after it began. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/fiber.h"
#include "base/offload.h"

enum { MS = 1000, THREADS = 3, QUEUED = 4 };

struct fixture {
	struct loop *loop;
	struct offload *offload;
	void (*story)(struct fixture *f);
};

static int setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .loop = loop_new() };
	f.offload = offload_new(f.loop, THREADS, QUEUED);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	offload_free(f->offload);
	loop_free(f->loop);
	return 0;
}

static void tell(void *arg)
{
	struct fixture *f = arg;

	f->story(f);
	loop_stop(f->loop);
}

static void run(void **state, void (*story)(struct fixture *f))
{
	struct fixture *f = *state;

	f->story = story;
	fiber_spawn(f->loop, tell, f);
	loop_run(f->loop);
}

/* Work that goes on until it is let go. */
struct work {
	struct fixture *fixture;
	struct fiber *fiber;
	pthread_t thread;
	atomic_bool has_begun, may_end, has_ended;
	enum status result;
	bool is_back; /* the fiber */
};

static void be_busy(void *arg)
{
	struct work *w = arg;

	w->thread = pthread_self();
	atomic_store(&w->has_begun, true);
	while (!atomic_load(&w->may_end))
		usleep(100);
	atomic_store(&w->has_ended, true);
}

static void run_work(void *arg)
{
	struct work *w = arg;

	w->fiber = fiber_self();
	w->result = offload_run(w->fixture->offload, be_busy, w);
	w->is_back = true;
}

static void start(struct fixture *f, struct work *w)
{
	w->fixture = f;
	fiber_spawn(f->loop, run_work, w);
	fiber_yield();
}

static void wait_for(atomic_bool *flag)
{
	while (!atomic_load(flag))
		assert_int_equal(fiber_sleep_us(100), ST_OK);
}

static void end(struct work *w)
{
	atomic_store(&w->may_end, true);
	while (!w->is_back)
		assert_int_equal(fiber_sleep_us(100), ST_OK);
}

static void story_runs(struct fixture *f)
{
	struct work w = { .may_end = true };

	for (int i = 0; i < 100; i++) {
		atomic_store(&w.has_ended, false);
		assert_int_equal(offload_run(f->offload, be_busy, &w), ST_OK);
		assert_true(atomic_load(&w.has_ended));
		assert_false(pthread_equal(w.thread, pthread_self()));
	}
}

static void work_is_done_on_another_thread(void **state)
{
	run(state, story_runs);
}

static void story_side_by_side(struct fixture *f)
{
	struct work w[THREADS] = { 0 };

	for (int i = 0; i < THREADS; i++)
		start(f, &w[i]);
	/* none may end before all have begun, and the loop goes on meanwhile */
	for (int i = 0; i < THREADS; i++)
		wait_for(&w[i].has_begun);
	for (int i = THREADS - 1; i >= 0; i--) {
		assert_false(w[i].is_back);
		end(&w[i]);
		assert_int_equal(w[i].result, ST_OK);
	}
}

static void work_runs_side_by_side_and_the_loop_goes_on(void **state)
{
	run(state, story_side_by_side);
}

static void story_full(struct fixture *f)
{
	struct work w[THREADS + QUEUED + 1] = { 0 };

	for (int i = 0; i < THREADS + QUEUED + 1; i++)
		start(f, &w[i]);
	assert_true(w[THREADS + QUEUED].is_back);
	assert_int_equal(w[THREADS + QUEUED].result, ST_RESOURCE_EXHAUSTED);
	for (int i = 0; i < THREADS; i++)
		wait_for(&w[i].has_begun);
	for (int i = THREADS; i < THREADS + QUEUED; i++)
		assert_false(atomic_load(&w[i].has_begun));
	for (int i = 0; i < THREADS + QUEUED; i++) {
		end(&w[i]);
		assert_int_equal(w[i].result, ST_OK);
	}
	assert_false(atomic_load(&w[THREADS + QUEUED].has_begun));
	w[0] = (struct work){ .may_end = true };
	assert_int_equal(offload_run(f->offload, be_busy, &w[0]), ST_OK);
}

static void a_full_queue_refuses(void **state)
{
	run(state, story_full);
}

static void story_give_up_queued(struct fixture *f)
{
	struct work busy[THREADS] = { 0 }, cancelled = { 0 }, late = { 0 }, patient = { 0 };

	for (int i = 0; i < THREADS; i++)
		start(f, &busy[i]);
	start(f, &cancelled);
	start(f, &patient);
	start(f, &late);
	fiber_cancel(cancelled.fiber);
	fiber_set_deadline(late.fiber, clock_mono_us() + MS);
	end(&cancelled);
	end(&late);
	assert_int_equal(cancelled.result, ST_CANCELLED);
	assert_int_equal(late.result, ST_DEADLINE_EXCEEDED);
	for (int i = 0; i < THREADS; i++)
		end(&busy[i]);
	end(&patient);
	assert_int_equal(patient.result, ST_OK);
	assert_false(atomic_load(&cancelled.has_begun));
	assert_false(atomic_load(&late.has_begun));
}

static void work_not_yet_begun_can_be_given_up(void **state)
{
	run(state, story_give_up_queued);
}

static void story_give_up_running(struct fixture *f)
{
	struct work w = { 0 };

	start(f, &w);
	wait_for(&w.has_begun);
	fiber_cancel(w.fiber);
	fiber_set_deadline(w.fiber, 1);
	assert_int_equal(fiber_sleep_us(2 * MS), ST_OK);
	assert_false(w.is_back);
	end(&w);
	assert_int_equal(w.result, ST_OK);
	assert_true(atomic_load(&w.has_ended));
}

static void work_begun_is_waited_for(void **state)
{
	run(state, story_give_up_running);
}

static void story_cancelled_before(struct fixture *f)
{
	struct work w = { .may_end = true };

	/* an idle thread, eager to begin */
	assert_int_equal(offload_run(f->offload, be_busy, &w), ST_OK);
	atomic_store(&w.has_begun, false);
	fiber_cancel(fiber_self());
	for (int i = 0; i < 300; i++)
		assert_int_equal(offload_run(f->offload, be_busy, &w), ST_CANCELLED);
	assert_false(atomic_load(&w.has_begun));
	fiber_shield();
	assert_int_equal(offload_run(f->offload, be_busy, &w), ST_OK);
	fiber_unshield();
}

static void a_cancelled_fiber_begins_no_work_unless_shielded(void **state)
{
	run(state, story_cancelled_before);
}

enum { ROUNDS = 2000, CLIENTS = THREADS + QUEUED };

static void add_one(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

struct client {
	struct fixture *fixture;
	atomic_int *sum;
};

static void add_often(void *arg)
{
	struct client *c = arg;

	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(offload_run(c->fixture->offload, add_one, c->sum), ST_OK);
}

static void story_many(struct fixture *f)
{
	atomic_int sum = 0;
	struct client c = { f, &sum };
	struct group g;

	group_init(&g);
	for (int i = 0; i < CLIENTS; i++)
		group_spawn(&g, add_often, &c);
	assert_int_equal(group_wait(&g), ST_OK);
	assert_int_equal(atomic_load(&sum), ROUNDS * CLIENTS);
}

static void no_work_is_lost_under_load(void **state)
{
	run(state, story_many);
}

static void freeing_an_unused_pool_is_fine(void **state)
{
	struct fixture *f = *state;

	offload_free(offload_new(f->loop, 1, 0));
	offload_free(NULL);
}

#define OFFLOAD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OFFLOAD_TEST(work_is_done_on_another_thread),
		OFFLOAD_TEST(work_runs_side_by_side_and_the_loop_goes_on),
		OFFLOAD_TEST(a_full_queue_refuses),
		OFFLOAD_TEST(work_not_yet_begun_can_be_given_up),
		OFFLOAD_TEST(work_begun_is_waited_for),
		OFFLOAD_TEST(a_cancelled_fiber_begins_no_work_unless_shielded),
		OFFLOAD_TEST(no_work_is_lost_under_load),
		OFFLOAD_TEST(freeing_an_unused_pool_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
