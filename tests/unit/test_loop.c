/* Loop: posts from other threads, timers, descriptors, hooks, signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/loop.h"

enum { MS = 1000 };

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

static void on_stop(struct loop_task *t)
{
	(void)t;
	loop_stop(loop_self());
}

static void post_stop(struct loop *l)
{
	static struct loop_task stop = { .fn = on_stop };

	loop_post(l, &stop);
}

static void stopping_before_the_run_counts(void **state)
{
	loop_stop(*state);
	loop_run(*state);
	assert_null(loop_self());
}

/* Posting threads number their tasks; the loop checks that each thread's arrive complete and in
 * order. */
enum { POSTERS = 4, TASKS = 25000 };

struct poster;
struct numbered {
	struct loop_task task;
	struct poster *poster;
	int number;
};

struct poster {
	struct loop *loop;
	struct numbered *tasks;
	int next; /* the loop's */
	int *total;
};

static void on_numbered(struct loop_task *t)
{
	struct numbered *n = CONTAINER_OF(t, struct numbered, task);

	assert_int_equal(n->number, n->poster->next);
	n->poster->next++;
	if (++*n->poster->total == POSTERS * TASKS)
		loop_stop(loop_self());
}

static void *post_all(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < TASKS; i++) {
		p->tasks[i] = (struct numbered){ { .fn = on_numbered }, p, i };
		loop_post(p->loop, &p->tasks[i].task);
	}
	return NULL;
}

static void posts_of_four_threads_all_arrive_in_order(void **state)
{
	struct poster posters[POSTERS];
	pthread_t threads[POSTERS];
	int total = 0;

	for (int i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){ .loop = *state, .total = &total };
		posters[i].tasks = mem_zalloc(TASKS * sizeof(struct numbered));
		assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
	}
	loop_run(*state);
	for (int i = 0; i < POSTERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(posters[i].next, TASKS);
		mem_free(posters[i].tasks);
	}
}

/* Ping-pong with a loop that sleeps between posts: each must wake it. */
struct ping {
	struct loop_task task;
	struct loop *loop;
	pthread_barrier_t barrier;
};

static void on_ping(struct loop_task *t)
{
	struct ping *p = CONTAINER_OF(t, struct ping, task);

	pthread_barrier_wait(&p->barrier);
}

static void *send_pings(void *arg)
{
	static struct loop_task stop = { .fn = on_stop };
	struct ping *p = arg;

	for (int i = 0; i < 2000; i++) {
		loop_post(p->loop, &p->task);
		pthread_barrier_wait(&p->barrier);
	}
	loop_post(p->loop, &stop);
	return NULL;
}

static void a_post_wakes_a_sleeping_loop_each_time(void **state)
{
	struct ping p = { .task.fn = on_ping, .loop = *state };
	pthread_t thread;

	assert_int_equal(pthread_barrier_init(&p.barrier, NULL, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_pings, &p), 0);
	loop_run(*state);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_barrier_destroy(&p.barrier);
}

static void *stop_from_outside(void *loop)
{
	loop_stop(loop);
	return NULL;
}

static void any_thread_may_stop_the_loop(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, stop_from_outside, *state), 0);
	loop_run(*state);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Timers */

enum { TIMERS = 500 };

struct alarm {
	struct loop_timer timer;
	struct alarms *all;
};

struct alarms {
	struct alarm a[TIMERS];
	int fired, expected;
	int64_t last_us;
};

static void on_alarm(struct loop_timer *t)
{
	struct alarms *all = CONTAINER_OF(t, struct alarm, timer)->all;

	assert_true(t->at_us >= all->last_us);
	assert_true(clock_mono_us() >= t->at_us);
	assert_int_equal(t->slot, 0);
	all->last_us = t->at_us;
	if (++all->fired == all->expected)
		loop_stop(loop_self());
}

static void timers_fire_in_order_of_time(void **state)
{
	static struct alarms all;
	int64_t now = clock_mono_us();
	unsigned seed = 7;

	all = (struct alarms){ .expected = TIMERS };
	for (int i = 0; i < TIMERS; i++) {
		all.a[i] = (struct alarm){ .timer.fn = on_alarm, .all = &all };
		loop_timer_set(*state, &all.a[i].timer, now + rand_r(&seed) % (20 * MS));
	}
	loop_run(*state);
	assert_int_equal(all.fired, TIMERS);
}

static void timers_can_be_moved_and_cancelled(void **state)
{
	static struct alarms all;
	int64_t now = clock_mono_us();

	all = (struct alarms){ 0 };
	for (int i = 0; i < TIMERS; i++) {
		all.a[i] = (struct alarm){ .timer.fn = on_alarm, .all = &all };
		loop_timer_set(*state, &all.a[i].timer, now + (i * 7919) % 1000);
	}
	for (int i = 0; i < TIMERS; i++) {
		if (i % 3 == 0)
			loop_timer_cancel(*state, &all.a[i].timer);
		else if (i % 3 == 1)
			loop_timer_set(*state, &all.a[i].timer, now + 1000 + (i * 6007) % 1000);
		if (i % 3 != 0)
			all.expected++;
	}
	loop_timer_cancel(*state, &all.a[0].timer); /* again: nothing happens */
	loop_run(*state);
	assert_int_equal(all.fired, all.expected);
	for (int i = 0; i < TIMERS; i++)
		assert_int_equal(all.a[i].timer.slot, 0);
}

static void on_again(struct loop_timer *t)
{
	struct alarms *all = CONTAINER_OF(t, struct alarm, timer)->all;

	loop_timer_set(loop_self(), t, 0);
	if (++all->fired == all->expected)
		post_stop(loop_self());
}

static void a_timer_may_set_itself_again(void **state)
{
	static struct alarms all;

	all = (struct alarms){ .expected = 5 };
	all.a[0] = (struct alarm){ .timer.fn = on_again, .all = &all };
	loop_timer_set(*state, &all.a[0].timer, clock_mono_us());
	loop_run(*state); /* the rest of the loop gets its turns all the same */
	assert_in_range(all.fired, 5, 7);
}

static void on_cancel_other(struct loop_timer *t)
{
	struct alarms *all = CONTAINER_OF(t, struct alarm, timer)->all;

	all->fired++;
	loop_timer_cancel(loop_self(), &all->a[1].timer);
	loop_stop(loop_self());
}

static void a_timer_may_cancel_another_that_is_due(void **state)
{
	static struct alarms all;

	all = (struct alarms){ 0 };
	all.a[0] = (struct alarm){ .timer.fn = on_cancel_other, .all = &all };
	all.a[1] = (struct alarm){ .timer.fn = on_alarm, .all = &all };
	loop_timer_set(*state, &all.a[0].timer, 1);
	loop_timer_set(*state, &all.a[1].timer, 2);
	loop_run(*state);
	assert_int_equal(all.fired, 1);
}

/* Descriptors */

struct end {
	struct loop_io io;
	struct end *other;
	int reads, writes, bytes;
};

static void pair_up(struct end ends[2], void (*fn)(struct loop_io *, uint32_t))
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	for (int i = 0; i < 2; i++)
		ends[i] = (struct end){ .io = { .fd = fds[i], .fn = fn }, .other = &ends[1 - i] };
}

static void close_both(struct loop *l, struct end ends[2])
{
	for (int i = 0; i < 2; i++) {
		loop_io_set(l, &ends[i].io, 0);
		close(ends[i].io.fd);
	}
}

static void on_echo(struct loop_io *io, uint32_t events)
{
	struct end *e = CONTAINER_OF(io, struct end, io);
	char byte;

	if (events & EPOLLOUT) {
		e->writes++;
		loop_io_set(loop_self(), io, EPOLLIN);
		assert_int_equal(write(io->fd, "x", 1), 1);
		return;
	}
	assert_int_equal(read(io->fd, &byte, 1), 1);
	if (++e->reads == 100)
		loop_stop(loop_self());
	loop_io_set(loop_self(), io, EPOLLIN | EPOLLOUT);
}

static void descriptors_report_what_is_asked_for(void **state)
{
	struct end ends[2];

	pair_up(ends, on_echo);
	loop_io_set(*state, &ends[0].io, EPOLLIN | EPOLLOUT);
	loop_io_set(*state, &ends[1].io, EPOLLIN);
	loop_run(*state);
	assert_int_equal(ends[1].reads, 100);
	assert_int_equal(ends[0].writes, 100);
	close_both(*state, ends);
}

static void on_hangup(struct loop_io *io, uint32_t events)
{
	struct end *e = CONTAINER_OF(io, struct end, io);

	e->reads++;
	assert_true(events & EPOLLHUP);
	loop_stop(loop_self());
}

static void a_hangup_is_reported_unasked(void **state)
{
	struct end ends[2];

	pair_up(ends, on_hangup);
	loop_io_set(*state, &ends[0].io, EPOLLOUT);
	close(ends[1].io.fd);
	loop_run(*state);
	assert_int_equal(ends[0].reads, 1);
	loop_io_set(*state, &ends[0].io, 0);
	close(ends[0].io.fd);
}

static void on_free_other(struct loop_io *io, uint32_t events)
{
	struct end *e = CONTAINER_OF(io, struct end, io);

	(void)events;
	e->reads++;
	loop_io_set(loop_self(), &e->other->io, 0);
	close(e->other->io.fd);
	memset(e->other, 0xff, sizeof(*e->other)); /* as if freed: looking at it would crash */
	loop_stop(loop_self());
}

static void one_callback_may_stop_watching_another_of_the_same_turn(void **state)
{
	struct end ends[2];

	pair_up(ends, on_free_other);
	loop_io_set(*state, &ends[0].io, EPOLLOUT);
	loop_io_set(*state, &ends[1].io, EPOLLOUT);
	loop_run(*state);
	for (int i = 0; i < 2; i++) {
		if (ends[i].reads == 1)
			loop_io_set(*state, &ends[i].io, 0);
		else
			assert_int_equal(ends[i].reads, -1);
	}
}

static void a_closed_descriptor_can_be_forgotten(void **state)
{
	struct end ends[2];

	pair_up(ends, on_echo);
	loop_io_set(*state, &ends[0].io, EPOLLIN);
	close(ends[0].io.fd);
	loop_io_set(*state, &ends[0].io, 0);
	assert_int_equal(ends[0].io.events, 0);
	close(ends[1].io.fd);
}

/* Hooks */

struct counted {
	struct loop_hook hook;
	struct counted *victim;
	int calls, fibers;
};

static void on_hook(struct loop_hook *h)
{
	struct counted *c = CONTAINER_OF(h, struct counted, hook);

	c->calls++;
	if (c->victim)
		loop_hook_remove(loop_self(), &c->victim->hook);
}

static void count_fiber(void *arg)
{
	struct counted *c = arg;

	c->fibers++;
}

static void on_spawning_hook(struct loop_hook *h)
{
	struct counted *c = CONTAINER_OF(h, struct counted, hook);

	if (++c->calls == 1)
		fiber_spawn(loop_self(), count_fiber, c);
}

static void hooks_run_once_in_a_turn(void **state)
{
	struct counted a = { .hook.fn = on_hook }, b = { .hook.fn = on_hook };

	loop_hook_add(*state, &a.hook);
	loop_hook_add(*state, &b.hook);
	post_stop(*state);
	loop_run(*state);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 1);
	loop_hook_remove(*state, &a.hook);
	loop_hook_remove(*state, &a.hook); /* again: nothing happens */
	post_stop(*state);
	loop_run(*state);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 2);
}

static void a_hook_may_remove_itself_or_the_next(void **state)
{
	struct counted a = { .hook.fn = on_hook }, b = { .hook.fn = on_hook };
	struct counted c = { .hook.fn = on_hook };

	a.victim = &b;
	c.victim = &c;
	loop_hook_add(*state, &a.hook);
	loop_hook_add(*state, &b.hook);
	loop_hook_add(*state, &c.hook);
	for (int i = 0; i < 2; i++) {
		post_stop(*state);
		loop_run(*state);
	}
	assert_int_equal(a.calls, 2);
	assert_int_equal(b.calls, 0);
	assert_int_equal(c.calls, 1);
}

static void fibers_readied_by_a_hook_run_in_the_same_turn(void **state)
{
	struct counted c = { .hook.fn = on_spawning_hook };

	loop_hook_add(*state, &c.hook);
	post_stop(*state);
	loop_run(*state);
	assert_int_equal(c.fibers, 1);
	assert_int_equal(c.calls, 2);
}

/* Signals */

static void on_signal(int signo, void *arg)
{
	int *got = arg;

	*got = signo;
	loop_stop(loop_self());
}

static void signals_arrive_as_callbacks(void **state)
{
	int got = 0, signals[] = { SIGTERM, SIGINT };

	loop_on_signal(*state, on_signal, &got);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(kill(getpid(), signals[i]), 0);
		loop_run(*state);
		assert_int_equal(got, signals[i]);
	}
}

static int64_t cpu_us(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void waiting_costs_no_cpu(void **state)
{
	static struct alarms all;
	int64_t before = cpu_us();

	all = (struct alarms){ 0 };
	all.a[0] = (struct alarm){ .timer.fn = on_alarm, .all = &all };
	/* waits of less than a millisecond must not be spun away either */
	for (int i = 1; i <= 100; i++) {
		all.expected = i;
		loop_timer_set(*state, &all.a[0].timer, clock_mono_us() + 900);
		loop_run(*state);
	}
	assert_true(cpu_us() - before < 45 * MS);
}

static long times_slept(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_THREAD, &u), 0);
	return u.ru_nvcsw;
}

static void *stop_later(void *loop)
{
	usleep(100 * MS);
	loop_stop(loop);
	return NULL;
}

static void an_idle_loop_sleeps_in_one_piece(void **state)
{
	pthread_t thread;
	long before;

	assert_int_equal(pthread_create(&thread, NULL, stop_later, *state), 0);
	before = times_slept();
	loop_run(*state);
	assert_true(times_slept() - before < 10);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(stopping_before_the_run_counts),
		LOOP_TEST(posts_of_four_threads_all_arrive_in_order),
		LOOP_TEST(a_post_wakes_a_sleeping_loop_each_time),
		LOOP_TEST(any_thread_may_stop_the_loop),
		LOOP_TEST(timers_fire_in_order_of_time),
		LOOP_TEST(timers_can_be_moved_and_cancelled),
		LOOP_TEST(a_timer_may_set_itself_again),
		LOOP_TEST(a_timer_may_cancel_another_that_is_due),
		LOOP_TEST(descriptors_report_what_is_asked_for),
		LOOP_TEST(a_hangup_is_reported_unasked),
		LOOP_TEST(one_callback_may_stop_watching_another_of_the_same_turn),
		LOOP_TEST(a_closed_descriptor_can_be_forgotten),
		LOOP_TEST(hooks_run_once_in_a_turn),
		LOOP_TEST(a_hook_may_remove_itself_or_the_next),
		LOOP_TEST(fibers_readied_by_a_hook_run_in_the_same_turn),
		LOOP_TEST(signals_arrive_as_callbacks),
		LOOP_TEST(waiting_costs_no_cpu),
		LOOP_TEST(an_idle_loop_sleeps_in_one_piece),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
