/* Fibers: order, deadlines, cancellation, shields; events, limiters, groups; many at once; their
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/sanitizer_private.h"

enum { MS = 1000, MINUTE = 60 * 1000 * MS };

static int setup(void **state)
{
	*state = loop_new();
	return 0;
}

static int teardown(void **state)
{
	loop_free(*state);
	return 0;
}

/* Runs the test's main fiber, then stops the loop. */
struct story {
	void (*fn)(void);
};

static void tell(void *arg)
{
	const struct story *s = arg;

	s->fn();
	loop_stop(loop_self());
}

static void run(void **state, void (*fn)(void))
{
	struct story s = { fn };

	fiber_spawn(*state, tell, &s);
	loop_run(*state);
	assert_int_equal(fiber_count(*state), 0);
	assert_null(fiber_self());
}

/* A trace of who did what when; one letter each. */
struct trace {
	char text[64];
	size_t n;
};

struct actor {
	struct trace *trace;
	char name;
	struct event *event;
	struct limiter *limiter;
	int64_t us;
	enum status result;
	struct fiber *fiber;
	int64_t took_us;
};

static void note(struct actor *a)
{
	if (a->trace)
		a->trace->text[a->trace->n++] = a->name;
}

static void act(void *arg)
{
	note(arg);
}

static void act_twice(void *arg)
{
	note(arg);
	fiber_yield();
	note(arg);
}

static void wait_for_event(void *arg)
{
	struct actor *a = arg;
	int64_t start = clock_mono_us();

	a->fiber = fiber_self();
	a->result = a->us ? event_wait_until(a->event, start + a->us) : event_wait(a->event);
	a->took_us = clock_mono_us() - start;
	note(a);
}

static void sleep_then_note(void *arg)
{
	struct actor *a = arg;
	int64_t start = clock_mono_us();

	a->fiber = fiber_self();
	a->result = fiber_sleep_us(a->us);
	a->took_us = clock_mono_us() - start;
	note(a);
}

static struct fiber *start(void (*fn)(void *), struct actor *a)
{
	return fiber_spawn(loop_self(), fn, a);
}

static void let_all_wait(void)
{
	fiber_yield();
	fiber_yield();
}

/* Running */

static void fibers_run_in_the_order_they_were_spawned(void **state)
{
	struct trace t = { 0 };
	struct actor a = { .trace = &t, .name = 'a' }, b = { .trace = &t, .name = 'b' };

	fiber_spawn(*state, act_twice, &a);
	fiber_spawn(*state, act_twice, &b);
	assert_int_equal(fiber_count(*state), 2);
	assert_int_equal(t.n, 0);
	loop_stop(*state);
	loop_run(*state);
	assert_int_equal(t.n, 0); /* stopped before its first turn */
	run(state, let_all_wait);
	assert_string_equal(t.text, "abab");
}

static void story_data(void)
{
	struct fiber *f = fiber_self();
	int value;

	assert_non_null(f);
	assert_null(fiber_data(f));
	assert_false(fiber_is_cancelled(f));
	assert_int_equal(fiber_deadline(f), CLOCK_NEVER);
	fiber_cancel(f);
	fiber_set_deadline(f, 1);
	fiber_set_data(f, &value);
	let_all_wait();
	assert_ptr_equal(fiber_data(f), &value);
	assert_ptr_equal(fiber_self(), f);
}

static void a_fiber_keeps_its_data_and_a_new_one_starts_clean(void **state)
{
	for (int i = 0; i < 3; i++)
		run(state, story_data);
}

/* Registers that a switch must keep: a sum over many live values, in integers and floating point.
 */
static void sum_up(void *arg)
{
	struct actor *a = arg;
	int64_t sum = 0, k = a->name;
	double x = 0.5, y = (double)k;

	for (int64_t i = 1; i <= 1000; i++) {
		int64_t b = i * k, c = b ^ 77, d = c + 3 * i;

		fiber_yield();
		sum += b + c - d;
		x += y * (double)i;
	}
	a->took_us = sum;
	a->us = (int64_t)x;
}

static void story_registers(void)
{
	struct actor a[8];
	struct group g;

	group_init(&g);
	for (int i = 0; i < 8; i++) {
		a[i] = (struct actor){ .name = (char)(i + 1) };
		group_spawn(&g, sum_up, &a[i]);
	}
	assert_int_equal(group_wait(&g), ST_OK);
	for (int i = 0; i < 8; i++) {
		int64_t sum = 0;

		for (int64_t n = 1; n <= 1000; n++)
			sum += n * (i + 1) - 3 * n;
		assert_int_equal(a[i].took_us, sum);
		assert_int_equal(a[i].us, 500500 * (i + 1));
	}
}

static void a_switch_keeps_what_a_fiber_computes_with(void **state)
{
	run(state, story_registers);
}

/* Sleep */

static void story_sleep(void)
{
	int64_t start = clock_mono_us();

	assert_int_equal(fiber_sleep_us(5 * MS), ST_OK);
	assert_true(clock_mono_us() - start >= 5 * MS);
	assert_int_equal(fiber_sleep_us(0), ST_OK);
	assert_int_equal(fiber_sleep_us(-1), ST_OK);
}

static void sleep_lasts_as_long_as_asked(void **state)
{
	run(state, story_sleep);
}

static void wait_until_time(void *arg)
{
	struct actor *a = arg;
	struct event never = { 0 };

	a->result = event_wait_until(&never, a->us);
	note(a);
}

static void story_sleep_order(void)
{
	int64_t now = clock_mono_us();
	struct trace t = { 0 };
	struct actor a[] = {
		{ .trace = &t, .name = 'a', .us = now + 9 * MS },
		{ .trace = &t, .name = 'b', .us = now + 3 * MS },
		{ .trace = &t, .name = 'c', .us = now + 6 * MS },
	};
	struct group g;

	group_init(&g);
	for (int i = 0; i < 3; i++)
		group_spawn(&g, wait_until_time, &a[i]);
	assert_int_equal(group_wait(&g), ST_OK);
	assert_string_equal(t.text, "bca");
}

static void sleepers_wake_in_order_of_time(void **state)
{
	run(state, story_sleep_order);
}

/* Deadlines */

static void story_deadline(void)
{
	struct fiber *f = fiber_self();
	struct event never = { 0 };
	int64_t deadline = clock_mono_us() + 5 * MS;

	assert_int_equal(fiber_deadline(f), CLOCK_NEVER);
	fiber_set_deadline(f, deadline);
	assert_int_equal(fiber_deadline(f), deadline);
	assert_int_equal(event_wait(&never), ST_DEADLINE_EXCEEDED);
	assert_true(clock_mono_us() >= deadline);
	assert_null(never.first);
	/* sticky: each further wait says the same at once */
	assert_int_equal(fiber_sleep_us(MINUTE), ST_DEADLINE_EXCEEDED);
	assert_int_equal(event_wait(&never), ST_DEADLINE_EXCEEDED);
	assert_int_equal(event_wait_until(&never, CLOCK_NEVER), ST_DEADLINE_EXCEEDED);
	assert_true(clock_mono_us() < deadline + 10000 * MS);
	fiber_set_deadline(f, CLOCK_NEVER);
	assert_int_equal(fiber_sleep_us(1), ST_OK);
}

static void a_wait_ends_at_the_deadline(void **state)
{
	run(state, story_deadline);
}

static void story_wait_until(void)
{
	struct fiber *f = fiber_self();
	struct event never = { 0 };
	int64_t start = clock_mono_us();

	fiber_set_deadline(f, start + MINUTE);
	assert_int_equal(event_wait_until(&never, start + 2 * MS), ST_DEADLINE_EXCEEDED);
	assert_true(clock_mono_us() - start < MINUTE);
	assert_int_equal(event_wait_until(&never, 0), ST_DEADLINE_EXCEEDED);
	/* the fiber's own deadline, if that is earlier */
	fiber_set_deadline(f, clock_mono_us() + 2 * MS);
	assert_int_equal(event_wait_until(&never, start + MINUTE), ST_DEADLINE_EXCEEDED);
	assert_true(clock_mono_us() - start < MINUTE);
}

static void a_wait_may_have_a_limit_of_its_own(void **state)
{
	run(state, story_wait_until);
}

static void set_event(void *arg)
{
	event_set(arg);
}

static void story_later_limits(void)
{
	struct event event = { 0 };
	struct actor a;
	struct fiber *f;
	int64_t start_us = clock_mono_us();

	/* a wait ended early leaves its limit behind; it must not cut a later wait short, nor lose
	 * its limit */
	fiber_spawn(loop_self(), set_event, &event);
	assert_int_equal(event_wait_until(&event, start_us + 2 * MS), ST_OK);
	event_reset(&event);
	assert_int_equal(event_wait_until(&event, start_us + 8 * MS), ST_DEADLINE_EXCEEDED);
	assert_true(clock_mono_us() >= start_us + 8 * MS);

	/* a deadline moved while the fiber waits, out and back in */
	a = (struct actor){ .event = &event };
	f = start(wait_for_event, &a);
	fiber_set_deadline(f, clock_mono_us() + 2 * MS);
	let_all_wait();
	fiber_set_deadline(f, clock_mono_us() + MINUTE);
	assert_int_equal(fiber_sleep_us(10 * MS), ST_OK);
	assert_int_equal(fiber_count(loop_self()), 2);
	fiber_set_deadline(f, clock_mono_us() + MS);
	assert_int_equal(fiber_sleep_us(10 * MS), ST_OK);
	assert_int_equal(fiber_count(loop_self()), 1);
	assert_int_equal(a.result, ST_DEADLINE_EXCEEDED);
}

static void limits_may_move_while_a_fiber_waits(void **state)
{
	run(state, story_later_limits);
}

static void story_left_timer(void)
{
	struct event event = { 0 };
	struct actor a = { .event = &event, .us = 2 * MS }, b = { .us = 4 * MS };

	/* the second fiber runs where the first one stood */
	start(wait_for_event, &a);
	fiber_yield();
	event_set(&event);
	fiber_yield();
	assert_int_equal(a.result, ST_OK);
	start(sleep_then_note, &b);
	assert_int_equal(fiber_sleep_us(8 * MS), ST_OK);
	assert_ptr_equal(a.fiber, b.fiber);
	assert_int_equal(b.result, ST_OK);
	assert_true(b.took_us >= 4 * MS);
}

static void a_finished_fiber_leaves_no_timer_behind(void **state)
{
	run(state, story_left_timer);
}

static void note_deadline(void *arg)
{
	struct actor *a = arg;

	a->us = fiber_deadline(fiber_self());
}

static void story_inherit(void)
{
	struct actor a = { 0 }, b = { 0 };

	start(note_deadline, &a);
	fiber_set_deadline(fiber_self(), 12345);
	start(note_deadline, &b);
	fiber_yield();
	assert_int_equal(a.us, CLOCK_NEVER);
	assert_int_equal(b.us, 12345);
}

static void a_child_inherits_the_deadline(void **state)
{
	run(state, story_inherit);
}

/* Cancellation */

static void story_cancel(void)
{
	struct actor a = { .us = MINUTE };

	start(sleep_then_note, &a);
	fiber_yield();
	assert_false(fiber_is_cancelled(a.fiber));
	fiber_cancel(a.fiber);
	assert_true(fiber_is_cancelled(a.fiber));
	fiber_cancel(a.fiber); /* again: nothing happens */
	fiber_yield();
	assert_int_equal(a.result, ST_CANCELLED);
	assert_true(a.took_us < MINUTE);
}

static void cancelling_wakes_a_sleeper(void **state)
{
	run(state, story_cancel);
}

static void story_cancelled(void)
{
	struct event set = { .is_set = true };
	struct limiter free;

	limiter_init(&free, 1, 1);
	fiber_cancel(fiber_self());
	assert_int_equal(fiber_sleep_us(MINUTE), ST_CANCELLED);
	assert_int_equal(event_wait(&set), ST_CANCELLED);
	assert_int_equal(event_wait_until(&set, CLOCK_NEVER), ST_CANCELLED);
	assert_int_equal(limiter_enter(&free), ST_CANCELLED);
	assert_int_equal(free.held, 0);
}

static void cancellation_is_sticky(void **state)
{
	run(state, story_cancelled);
}

static void story_cancelled_waiters(void)
{
	struct event event = { 0 };
	struct trace t = { 0 };
	struct actor a[] = { { .trace = &t, .name = 'a', .event = &event },
		{ .trace = &t, .name = 'b', .event = &event },
		{ .trace = &t, .name = 'c', .event = &event } };

	for (int i = 0; i < 3; i++)
		start(wait_for_event, &a[i]);
	fiber_yield();
	fiber_cancel(a[1].fiber);
	event_set(&event);
	assert_null(event.first);
	let_all_wait();
	assert_string_equal(t.text, "bac");
	assert_int_equal(a[0].result, ST_OK);
	assert_int_equal(a[1].result, ST_CANCELLED);
	assert_int_equal(a[2].result, ST_OK);
}

static void a_cancelled_waiter_leaves_the_queue(void **state)
{
	run(state, story_cancelled_waiters);
}

static void story_woken_first(void)
{
	struct event event = { 0 };
	struct actor a = { .event = &event };

	start(wait_for_event, &a);
	fiber_yield();
	event_set(&event);
	fiber_cancel(a.fiber); /* woken already: that wait went well */
	fiber_yield();
	assert_int_equal(a.result, ST_OK);
}

static void a_wake_up_is_not_taken_back_by_cancelling(void **state)
{
	run(state, story_woken_first);
}

static void sleep_shielded(void *arg)
{
	struct actor *a = arg;

	a->fiber = fiber_self();
	fiber_shield();
	fiber_shield();
	fiber_unshield();
	sleep_then_note(a);
	fiber_unshield();
	assert_int_equal(fiber_sleep_us(MINUTE), ST_CANCELLED);
}

static void story_shield(void)
{
	struct trace t = { 0 };
	struct actor a = { .trace = &t, .name = 'a', .us = 3 * MS },
		     b = { .trace = &t, .name = 'b', .us = MS };

	fiber_set_deadline(start(sleep_shielded, &a), 1);
	fiber_yield();
	fiber_cancel(a.fiber);
	sleep_then_note(&b);
	while (t.n < 2)
		assert_int_equal(fiber_sleep_us(MS), ST_OK);
	assert_int_equal(a.result, ST_OK);
	assert_true(a.took_us >= 3 * MS);
	fiber_yield();
	assert_int_equal(fiber_count(loop_self()), 1);
}

static void shielded_waits_ignore_deadline_and_cancellation(void **state)
{
	run(state, story_shield);
}

/* Events */

static void story_event(void)
{
	struct event event = { 0 };
	struct trace t = { 0 };
	struct actor a[] = { { .trace = &t, .name = 'a', .event = &event },
		{ .trace = &t, .name = 'b', .event = &event },
		{ .trace = &t, .name = 'c', .event = &event } };

	for (int i = 0; i < 3; i++)
		start(wait_for_event, &a[i]);
	let_all_wait();
	assert_int_equal(t.n, 0);
	event_set(&event);
	event_set(&event);
	let_all_wait();
	assert_string_equal(t.text, "abc");
	assert_int_equal(event_wait(&event), ST_OK); /* stays set */
	event_reset(&event);
	assert_int_equal(event_wait_until(&event, 0), ST_DEADLINE_EXCEEDED);
}

static void an_event_wakes_all_in_order_and_stays_set(void **state)
{
	run(state, story_event);
}

/* Limiters */

static void hold_limiter(void *arg)
{
	struct actor *a = arg;

	a->fiber = fiber_self();
	a->result = limiter_enter(a->limiter);
	if (a->result != ST_OK)
		return;
	note(a);
	fiber_yield();
	limiter_leave(a->limiter);
}

static void story_limiter(void)
{
	struct limiter limiter;
	struct trace t = { 0 };
	struct actor a[8];

	limiter_init(&limiter, 2, 5);
	for (int i = 0; i < 8; i++) {
		a[i] = (struct actor){ .trace = &t, .name = (char)('a' + i), .limiter = &limiter };
		start(hold_limiter, &a[i]);
	}
	fiber_yield();
	assert_string_equal(t.text, "ab");
	assert_int_equal(limiter.held, 2);
	assert_int_equal(limiter.waiting, 5);
	assert_int_equal(a[7].result, ST_RESOURCE_EXHAUSTED);
	while (limiter.held > 0)
		fiber_yield();
	assert_string_equal(t.text, "abcdefg");
	assert_int_equal(limiter.waiting, 0);
	assert_null(limiter.first);
	assert_null(limiter.last);
}

static void a_limiter_lets_n_in_and_queues_the_others_in_order(void **state)
{
	run(state, story_limiter);
}

static void story_no_overtaking(void)
{
	struct limiter limiter;
	struct trace t = { 0 };
	struct actor a = { .trace = &t, .name = 'a', .limiter = &limiter },
		     b = { .trace = &t, .name = 'b', .limiter = &limiter };

	limiter_init(&limiter, 1, 10);
	assert_int_equal(limiter_enter(&limiter), ST_OK);
	start(hold_limiter, &a);
	fiber_yield();
	limiter_leave(&limiter); /* to a, though it has not run yet */
	start(hold_limiter, &b);
	assert_int_equal(limiter_enter(&limiter), ST_OK);
	assert_string_equal(t.text, "a");
	limiter_leave(&limiter);
	let_all_wait();
	let_all_wait();
	assert_string_equal(t.text, "ab");
	assert_int_equal(limiter.held, 0);
}

static void nobody_overtakes_a_queued_fiber(void **state)
{
	run(state, story_no_overtaking);
}

static void story_limiter_given_up(void)
{
	struct limiter limiter;
	struct trace t = { 0 };
	struct actor a[4];

	limiter_init(&limiter, 1, 10);
	assert_int_equal(limiter_enter(&limiter), ST_OK);
	for (int i = 0; i < 4; i++) {
		a[i] = (struct actor){ .trace = &t, .name = (char)('a' + i), .limiter = &limiter };
		start(hold_limiter, &a[i]);
	}
	fiber_yield();
	/* the first, a middle one, the last */
	fiber_cancel(a[0].fiber);
	fiber_cancel(a[2].fiber);
	fiber_set_deadline(a[3].fiber, 1);
	assert_int_equal(fiber_sleep_us(MS), ST_OK);
	assert_int_equal(limiter.waiting, 1);
	assert_ptr_equal(limiter.first, limiter.last);
	assert_int_equal(a[0].result, ST_CANCELLED);
	assert_int_equal(a[2].result, ST_CANCELLED);
	assert_int_equal(a[3].result, ST_DEADLINE_EXCEEDED);
	limiter_leave(&limiter);
	let_all_wait();
	assert_string_equal(t.text, "b");
	assert_int_equal(limiter.held, 0);
}

static void who_gives_up_leaves_the_limiters_queue(void **state)
{
	run(state, story_limiter_given_up);
}

/* Groups */

static void story_group(void)
{
	struct trace t = { 0 };
	struct actor a = { .trace = &t, .name = 'a', .us = 2 * MS },
		     b = { .trace = &t, .name = 'b' };
	struct group g;

	group_init(&g);
	assert_int_equal(group_wait(&g), ST_OK); /* nobody to wait for */
	for (int round = 0; round < 2; round++) {
		group_spawn(&g, sleep_then_note, &a);
		group_spawn(&g, act, &b);
		assert_int_equal(g.running, 2);
		assert_int_equal(group_wait(&g), ST_OK);
	}
	assert_string_equal(t.text, "baba");
	assert_null(g.first);
}

static void a_group_is_waited_for_and_can_be_used_again(void **state)
{
	run(state, story_group);
}

static void report_error(void *arg)
{
	struct actor *a = arg;

	a->result = ST_UNAVAILABLE;
}

static void story_child_error(void)
{
	struct actor bad = { 0 }, good = { .us = 2 * MS, .result = ST_UNKNOWN };
	struct group g;

	group_init(&g);
	group_spawn(&g, report_error, &bad);
	group_spawn(&g, sleep_then_note, &good);
	assert_int_equal(group_wait(&g), ST_OK);
	assert_int_equal(bad.result, ST_UNAVAILABLE);
	assert_int_equal(good.result, ST_OK);
}

static void one_childs_error_leaves_the_others_alone(void **state)
{
	run(state, story_child_error);
}

/* A parent whose children run longer than it may wait. One of them clears up, shielded, before it
 * ends. */
struct family {
	struct actor parent, sleeper, careful;
};

static void end_carefully(void *arg)
{
	struct actor *a = arg;

	sleep_then_note(a);
	fiber_shield();
	assert_int_equal(fiber_sleep_us(3 * MS), ST_OK);
	fiber_unshield();
	a->name = 'z';
}

static void have_children(void *arg)
{
	struct family *f = arg;
	struct group g;

	f->parent.fiber = fiber_self();
	group_init(&g);
	group_spawn(&g, sleep_then_note, &f->sleeper);
	group_spawn(&g, end_carefully, &f->careful);
	f->parent.result = group_wait(&g);
	assert_int_equal(g.running, 0);
	assert_int_equal(f->careful.name, 'z');
	f->parent.name = 'z';
}

static void story_parent_cancelled(void)
{
	struct family f = { .sleeper.us = MINUTE, .careful = { .name = 'c', .us = MINUTE } };

	fiber_spawn(loop_self(), have_children, &f);
	let_all_wait();
	fiber_cancel(f.parent.fiber);
	while (f.parent.name != 'z')
		assert_int_equal(fiber_sleep_us(MS), ST_OK);
	assert_int_equal(f.parent.result, ST_CANCELLED);
	assert_int_equal(f.sleeper.result, ST_CANCELLED);
	assert_int_equal(f.careful.result, ST_CANCELLED);
}

static void a_cancelled_parent_cancels_and_still_waits(void **state)
{
	run(state, story_parent_cancelled);
}

static void story_parent_late(void)
{
	struct family f = { .sleeper.us = MINUTE, .careful = { .name = 'c', .us = MINUTE } };

	fiber_set_deadline(fiber_spawn(loop_self(), have_children, &f), clock_mono_us() + 2 * MS);
	while (f.parent.name != 'z')
		assert_int_equal(fiber_sleep_us(MS), ST_OK);
	assert_int_equal(f.parent.result, ST_DEADLINE_EXCEEDED);
	assert_int_not_equal(f.sleeper.result, ST_OK);
}

static void a_parent_past_its_deadline_waits_for_its_children(void **state)
{
	run(state, story_parent_late);
}

/* Many. TSan has room for 8128 threads and fibers in all. */

enum { MANY = UNDER_TSAN ? 2000 : 10000 };

static size_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	size_t total, resident;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%zu %zu", &total, &resident), 2);
	fclose(f);
	return resident * 4096;
}

static int many_done;

static void wait_as_one_of_many(void *arg)
{
	volatile char deep[6000]; /* two pages of stack, so that there is something to give back */

	memset((char *)deep, 1, sizeof(deep));
	assert_int_equal(event_wait(arg), ST_OK);
	many_done += deep[5999];
}

static void story_many(void)
{
	struct event event = { 0 };
	size_t before = resident_bytes(), peak;

	many_done = 0;
	for (int i = 0; i < MANY; i++)
		fiber_set_deadline(fiber_spawn(loop_self(), wait_as_one_of_many, &event),
			clock_mono_us() + MINUTE);
	fiber_yield();
	assert_int_equal(fiber_count(loop_self()), MANY + 1);
	assert_int_equal(many_done, 0);
	peak = resident_bytes();
	event_set(&event);
	fiber_yield();
	assert_int_equal(many_done, MANY);
	assert_int_equal(fiber_count(loop_self()), 1);
	if (UNDER_ASAN || UNDER_TSAN)
		return; /* what they note about memory stays */
	/* the stacks go back to the system, in steps; ten seconds are far more than it takes */
	for (int i = 0; i < 1000 && resident_bytes() > before + (peak - before) / 4; i++)
		assert_int_equal(fiber_sleep_us(10 * MS), ST_OK);
	assert_true(resident_bytes() <= before + (peak - before) / 4);
}

static void ten_thousand_fibers_wait_at_once(void **state)
{
	run(state, story_many);
}

static void hold_and_wait(void *arg)
{
	struct event never = { 0 };

	(void)arg;
	assert_int_equal(event_wait(&never), ST_OK);
}

static void fibers_still_waiting_are_dropped_with_the_loop(void **state)
{
	static struct story stop = { let_all_wait };

	for (int i = 0; i < 100; i++)
		fiber_spawn(*state, hold_and_wait, NULL);
	fiber_spawn(*state, tell, &stop);
	loop_run(*state);
	assert_int_equal(fiber_count(*state), 100);
}

#define FIBER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIBER_TEST(fibers_run_in_the_order_they_were_spawned),
		FIBER_TEST(a_fiber_keeps_its_data_and_a_new_one_starts_clean),
		FIBER_TEST(a_switch_keeps_what_a_fiber_computes_with),
		FIBER_TEST(sleep_lasts_as_long_as_asked),
		FIBER_TEST(sleepers_wake_in_order_of_time),
		FIBER_TEST(a_wait_ends_at_the_deadline),
		FIBER_TEST(a_wait_may_have_a_limit_of_its_own),
		FIBER_TEST(limits_may_move_while_a_fiber_waits),
		FIBER_TEST(a_finished_fiber_leaves_no_timer_behind),
		FIBER_TEST(a_child_inherits_the_deadline),
		FIBER_TEST(cancelling_wakes_a_sleeper),
		FIBER_TEST(cancellation_is_sticky),
		FIBER_TEST(a_cancelled_waiter_leaves_the_queue),
		FIBER_TEST(a_wake_up_is_not_taken_back_by_cancelling),
		FIBER_TEST(shielded_waits_ignore_deadline_and_cancellation),
		FIBER_TEST(an_event_wakes_all_in_order_and_stays_set),
		FIBER_TEST(a_limiter_lets_n_in_and_queues_the_others_in_order),
		FIBER_TEST(nobody_overtakes_a_queued_fiber),
		FIBER_TEST(who_gives_up_leaves_the_limiters_queue),
		FIBER_TEST(a_group_is_waited_for_and_can_be_used_again),
		FIBER_TEST(one_childs_error_leaves_the_others_alone),
		FIBER_TEST(a_cancelled_parent_cancels_and_still_waits),
		FIBER_TEST(a_parent_past_its_deadline_waits_for_its_children),
		FIBER_TEST(ten_thousand_fibers_wait_at_once),
		FIBER_TEST(fibers_still_waiting_are_dropped_with_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
