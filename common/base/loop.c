/*
 * Loop: turns around epoll.
 *
 * Posting is a push on a lock-free stack that the loop takes whole and reverses. Only who finds the
 * stack empty and the loop asleep pays for a system call. The loop announces its sleep first and
 * looks at the stack after, a poster pushes first and looks for the announcement after; with
 * sequential consistency at least one sees the other.
 */
#include "base/loop.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/loop_private.h"

enum {
	EVENTS_PER_TURN = 64,
	/* fibers and hooks that ready each other may not keep epoll waiting for ever */
	PASSES_PER_ROUND = 16,
	ROUNDS_PER_TURN = 4,
};

static _Thread_local struct loop *this_loop;

/* For what fails only when the process is out of descriptors or memory, or is wrong. */
static int checked(int result, const char *what)
{
	if (result >= 0)
		return result;
	perror(what);
	abort();
}

struct loop *loop_new(void)
{
	struct loop *l = mem_zalloc(sizeof(*l));
	struct epoll_event wake = { .events = EPOLLIN | EPOLLET, .data.ptr = NULL };

	l->epoll_fd = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
	l->wake_fd = checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
	checked(epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &wake), "epoll_ctl");
	l->signal_io.fd = -1;
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	assert(this_loop != l);
	fibers_done(l);
	timers_done(l);
	if (l->signal_io.fd >= 0)
		close(l->signal_io.fd);
	close(l->wake_fd);
	close(l->epoll_fd);
	mem_free(l);
}

struct loop *loop_self(void)
{
	return this_loop;
}

static void wake(struct loop *l)
{
	const uint64_t one = 1;

	/* fails only on a full counter, and then the loop is being woken already */
	(void)!write(l->wake_fd, &one, sizeof(one));
}

void loop_stop(struct loop *l)
{
	int saved = errno;

	atomic_store(&l->is_stopping, true);
	wake(l);
	errno = saved;
}

void loop_post(struct loop *l, struct loop_task *task)
{
	struct loop_task *top = atomic_load_explicit(&l->posted, memory_order_relaxed);

	do {
		task->next = top;
	} while (!atomic_compare_exchange_weak(&l->posted, &top, task));
	/* the task may be gone by now; whoever pushed on an empty stack wakes for those after him
	 */
	if (!top && atomic_load(&l->is_asleep) && atomic_exchange(&l->is_asleep, false))
		wake(l);
}

static struct loop_task *take_posted(struct loop *l)
{
	struct loop_task *newest = NULL, *oldest = NULL;

	if (atomic_load_explicit(&l->posted, memory_order_relaxed))
		newest = atomic_exchange(&l->posted, NULL);
	while (newest) {
		struct loop_task *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

static bool run_posted(struct loop *l)
{
	struct loop_task *task = take_posted(l);
	bool any = task;

	while (task) {
		struct loop_task *next = task->next; /* the task may free itself */

		task->fn(task);
		task = next;
	}
	return any;
}

/* Callbacks of this turn may stop watching, and free, what was reported with them. */
static void forget_events(struct loop *l, const struct loop_io *io)
{
	for (int i = 0; i < l->event_count; i++) {
		if (l->events[i].data.ptr == io)
			l->events[i].events = 0;
	}
}

void loop_io_set(struct loop *l, struct loop_io *io, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = io };
	uint32_t before = io->events;

	if (events == before)
		return;
	io->events = events;
	if (events == 0) {
		forget_events(l, io);
		/* fails if the descriptor is closed already, which took it off */
		(void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, &e);
		return;
	}
	checked(epoll_ctl(l->epoll_fd, before ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, io->fd, &e),
		"epoll_ctl");
}

static void run_event(struct epoll_event *e)
{
	struct loop_io *io = e->data.ptr;
	uint32_t events = e->events & (io->events | EPOLLERR | EPOLLHUP);

	if (events)
		io->fn(io, events);
}

static bool run_events(struct loop *l, struct epoll_event *events, int count)
{
	bool any = false;

	l->events = events;
	l->event_count = count;
	for (int i = 0; i < count; i++) {
		/* without an io it is the wake-up, whose work is done */
		if (events[i].events && events[i].data.ptr) {
			run_event(&events[i]);
			any = true;
		}
	}
	l->event_count = 0;
	return any;
}

void loop_hook_add(struct loop *l, struct loop_hook *h)
{
	struct loop_hook **at = &l->hooks;

	while (*at)
		at = &(*at)->next;
	h->next = NULL;
	*at = h;
}

void loop_hook_remove(struct loop *l, struct loop_hook *h)
{
	struct loop_hook **at = &l->hooks;

	while (*at && *at != h)
		at = &(*at)->next;
	if (!*at)
		return;
	if (l->next_hook == h)
		l->next_hook = h->next;
	*at = h->next;
}

static void run_hooks(struct loop *l)
{
	for (struct loop_hook *h = l->hooks; h; h = l->next_hook) {
		l->next_hook = h->next;
		h->fn(h);
	}
}

/* Milliseconds until the next timer, rounded up so that it is due then; -1 without timers. */
static int until_timer_ms(const struct loop *l)
{
	int64_t at = timers_next_us(l), us;

	if (at == CLOCK_NEVER)
		return -1;
	us = at - clock_mono_us();
	if (us <= 0)
		return 0;
	return us / 1000 >= INT_MAX ? INT_MAX : (int)((us + 999) / 1000);
}

static int wait_events(struct loop *l, struct epoll_event *events)
{
	int timeout_ms = l->ready.first ? 0 : until_timer_ms(l);
	int count;

	if (timeout_ms != 0) {
		atomic_store(&l->is_asleep, true);
		if (atomic_load(&l->posted) || atomic_load(&l->is_stopping))
			timeout_ms = 0;
	}
	count = epoll_wait(l->epoll_fd, events, EVENTS_PER_TURN, timeout_ms);
	atomic_store_explicit(&l->is_asleep, false, memory_order_relaxed);
	if (count < 0 && errno == EINTR)
		return 0;
	return checked(count, "epoll_wait");
}

static void run_fibers(struct loop *l)
{
	for (int pass = 0; pass < PASSES_PER_ROUND && l->ready.first; pass++)
		fibers_run_ready(l);
}

static void turn(struct loop *l)
{
	struct epoll_event events[EVENTS_PER_TURN];
	bool any = run_events(l, events, wait_events(l, events));

	any |= run_posted(l);
	any |= timers_fire(l);
	if (!any && !l->ready.first)
		return;
	for (int round = 0; round < ROUNDS_PER_TURN; round++) {
		run_fibers(l);
		run_hooks(l);
		if (!l->ready.first)
			break;
	}
}

void loop_run(struct loop *l)
{
	struct loop *outer = this_loop;

	this_loop = l;
	while (!atomic_load(&l->is_stopping))
		turn(l);
	atomic_store(&l->is_stopping, false);
	this_loop = outer;
}

static void on_signal_io(struct loop_io *io, uint32_t events)
{
	struct loop *l = CONTAINER_OF(io, struct loop, signal_io);
	struct signalfd_siginfo info;

	(void)events;
	while (read(io->fd, &info, sizeof(info)) == sizeof(info))
		l->on_signal((int)info.ssi_signo, l->signal_arg);
}

void loop_on_signal(struct loop *l, void (*fn)(int signo, void *arg), void *arg)
{
	sigset_t signals;

	l->on_signal = fn;
	l->signal_arg = arg;
	if (l->signal_io.fd >= 0)
		return;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	checked(-pthread_sigmask(SIG_BLOCK, &signals, NULL), "pthread_sigmask");
	l->signal_io.fd = checked(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd");
	l->signal_io.fn = on_signal_io;
	loop_io_set(l, &l->signal_io, EPOLLIN);
}
