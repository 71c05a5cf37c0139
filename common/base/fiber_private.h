/* The inside of struct fiber, for fiber.c and what waits: wait.c, group.c, offload.c. */
#pragma once
#include "base/context_private.h"
#include "base/fiber.h"

/* A fiber in a queue of an event or limiter, or asleep. Lives on the stack of the fiber for as long
 * as it waits. */
struct waiter {
	struct fiber *fiber;
	struct waiter *prev, *next;
	struct waiter **first,
		**last; /* the queue's ends; NULL: in no queue, or a queue without that end */
	size_t *count;  /* of the queue, or NULL */
};

struct group_child {
	struct group *group;
	struct group_child *prev, *next;
	void (*fn)(void *arg);
	void *arg;
};

/* Stands at the top of its own stack. */
struct fiber {
	struct context context;
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
	void *data;
	struct fiber *prev, *next; /* in loop->fibers; next also in loop->pool */
	struct fiber *next_ready;

	int64_t deadline_us;
	int64_t wait_until_us;   /* a limit of the present wait alone */
	struct waiter *waiter;   /* set while it waits */
	enum status wake;        /* how the wait ended */
	struct loop_timer timer; /* see arm in fiber.c */
	unsigned shields;
	bool is_cancelled;
	bool is_finished;

	struct group_child child;
};

/*
 * Suspends the running fiber until fiber_wake, cancellation, or the earlier of until_us and its
 * deadline. The waiter is in its queue already and in none afterwards.
 */
enum status fiber_wait(struct waiter *w, int64_t until_us) MUST_CHECK;
/* Takes the waiter out of its queue and readies its fiber. */
void fiber_wake(struct waiter *w, enum status how);
/* Whether a wait may not even begin. */
bool fiber_must_stop(const struct fiber *f);

/* stack.c: a fiber on a stack that executes main, new or from the loop's pool. Only context and
 * loop are set. */
struct fiber *stack_take(struct loop *l, void (*main)(void));
/* Of a finished fiber: into the pool. */
void stack_put(struct fiber *f);
void stack_free(struct fiber *f);
void stacks_done(struct loop *l);
