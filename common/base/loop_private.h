/* The inside of struct loop, for the files that make it up: loop.c, timer.c, fiber.c and wait.c. */
#pragma once
#include <stdatomic.h>
#include "base/context_private.h"
#include "base/loop.h"

struct fiber;
struct epoll_event;

struct fiber_queue {
	struct fiber *first, *last;
};

/* A binary heap, the earliest first; at[0] is not used, so that slot 0 can mean "not set". */
struct timer_heap {
	struct loop_timer **at;
	uint32_t count, cap;
};

struct loop {
	int epoll_fd;
	int wake_fd; /* an eventfd, edge-triggered: never read */
	atomic_bool is_stopping;

	/* set before the loop sleeps; whoever clears it owes a write to wake_fd */
	atomic_bool is_asleep;
	_Atomic(struct loop_task *) posted; /* newest first */

	struct timer_heap timers;
	struct loop_hook *hooks;
	struct loop_hook *next_hook; /* while they run */

	/* what epoll reported and is not yet handled */
	struct epoll_event *events;
	int event_count;

	struct context thread; /* the loop's own stack, while a fiber runs */
	struct fiber *running;
	struct fiber_queue ready;
	struct fiber *fibers; /* alive */
	size_t fiber_count;
	struct fiber *pool; /* finished, their stacks kept for the next */
	size_t pool_count;
	size_t pool_unused; /* since trim_timer was set, never fewer were in the pool */
	struct loop_timer trim_timer;

	struct loop_io signal_io;
	void (*on_signal)(int signo, void *arg);
	void *signal_arg;
};

/* timer.c: fires what is due. Returns whether anything was. */
bool timers_fire(struct loop *l);
/* CLOCK_NEVER if none is set. */
int64_t timers_next_us(const struct loop *l);
void timers_done(struct loop *l);

/* fiber.c: runs all fibers that are ready now, not those that become ready meanwhile. */
void fibers_run_ready(struct loop *l);
void fibers_done(struct loop *l);
