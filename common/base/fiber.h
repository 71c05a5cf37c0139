/*
 * Fibers: straight-line code that waits without holding a thread. A fiber runs on its loop's thread
 * until it waits or returns; nothing else on that thread runs meanwhile, so plain data needs no
 * locks.
 *
 * Stacks are mmapped with a guard page below and pooled. Switches are annotated for ASan and TSan.
 * Every fiber has a deadline and can be cancelled; every wait below honours both:
 * ST_DEADLINE_EXCEEDED when the fiber's deadline passes, ST_CANCELLED once fiber_cancel was called
 * (sticky).
 * Threads: the loop's only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/loop.h"
#include "base/status.h"

struct fiber;

/* Ready to run in this turn or the next. Inherits the deadline of the fiber that spawns it, if
 * any. */
struct fiber *fiber_spawn(struct loop *l, void (*fn)(void *arg), void *arg);
struct fiber *fiber_self(void);           /* NULL outside fibers */
size_t fiber_count(const struct loop *l); /* alive on this loop */

void fiber_set_deadline(struct fiber *f, int64_t mono_us); /* CLOCK_NEVER for none */
int64_t fiber_deadline(const struct fiber *f);
/* Waits of f return ST_CANCELLED from now on; a present wait is woken. */
void fiber_cancel(struct fiber *f);
bool fiber_is_cancelled(const struct fiber *f);

/* one pointer for the owner, e.g. the call being served */
void fiber_set_data(struct fiber *f, void *data);
void *fiber_data(const struct fiber *f);

enum status fiber_sleep_us(int64_t us) MUST_CHECK;
void fiber_yield(void); /* let the others run, go on in the same turn or the next */

/* While shielded, waits ignore deadline and cancellation: for clean-up that must finish.
 * Nestable. */
void fiber_shield(void);
void fiber_unshield(void);

/* An event: set once, any number of fibers wait for it. Reset to use again. */
struct event {
	bool is_set;
	struct waiter *first; /* the fibers waiting; on their stacks */
};
void event_set(struct event *e);
void event_reset(struct event *e);
enum status event_wait(struct event *e) MUST_CHECK;
/* As event_wait, but gives up at the earlier of mono_us and the fiber's deadline. */
enum status event_wait_until(struct event *e, int64_t mono_us) MUST_CHECK;

/* A counting limit: at most n holders; the others queue in order, at most max_waiting of them (else
 * ST_RESOURCE_EXHAUSTED). */
struct limiter {
	size_t n, held, max_waiting, waiting;
	struct waiter *first, *last;
};
void limiter_init(struct limiter *l, size_t n, size_t max_waiting);
enum status limiter_enter(struct limiter *l) MUST_CHECK;
void limiter_leave(struct limiter *l);

/* Children that run side by side and are waited for together. If the waiting fiber is cancelled or
 * its deadline passes, the children are cancelled and still waited for: their arguments may live on
 * the parent's stack. */
struct group {
	struct group_child *first;
	size_t running;
	struct event done;
};
void group_init(struct group *g);
void group_spawn(struct group *g, void (*fn)(void *arg), void *arg);
/* ST_OK once all have returned, else why the wait was cut short */
enum status group_wait(struct group *g) MUST_CHECK;
