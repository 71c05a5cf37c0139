/* What fibers wait for: time, events, limiters. */
#include <assert.h>
#include "base/clock.h"
#include "base/fiber_private.h"

static struct fiber *self(void)
{
	struct fiber *f = fiber_self();

	assert(f); /* only fibers can wait */
	return f;
}

enum status fiber_sleep_us(int64_t us)
{
	struct waiter w = { .fiber = self() };
	int64_t until;
	enum status s;

	if (fiber_must_stop(w.fiber))
		return ST_CANCELLED;
	if (__builtin_add_overflow(clock_mono_us(), us > 0 ? us : 0, &until))
		until = CLOCK_NEVER;
	s = fiber_wait(&w, until);
	return s == ST_DEADLINE_EXCEEDED && clock_mono_us() >= until ? ST_OK : s;
}

void event_set(struct event *e)
{
	struct waiter *w = e->first;

	e->is_set = true;
	/* newcomers stand first, so wake from the other end: who came first runs first */
	while (w && w->next)
		w = w->next;
	while (w) {
		struct waiter *before = w->prev;

		fiber_wake(w, ST_OK);
		w = before;
	}
}

void event_reset(struct event *e)
{
	e->is_set = false;
}

enum status event_wait_until(struct event *e, int64_t mono_us)
{
	struct waiter w = { .fiber = self(), .first = &e->first, .next = e->first };

	if (fiber_must_stop(w.fiber))
		return ST_CANCELLED;
	if (e->is_set)
		return ST_OK;
	if (e->first)
		e->first->prev = &w;
	e->first = &w;
	return fiber_wait(&w, mono_us);
}

enum status event_wait(struct event *e)
{
	return event_wait_until(e, CLOCK_NEVER);
}

void limiter_init(struct limiter *l, size_t n, size_t max_waiting)
{
	*l = (struct limiter){ .n = n, .max_waiting = max_waiting };
}

static enum status queue_up(struct limiter *l, struct fiber *f)
{
	struct waiter w = {
		.fiber = f,
		.prev = l->last,
		.first = &l->first,
		.last = &l->last,
		.count = &l->waiting,
	};

	if (l->last)
		l->last->next = &w;
	else
		l->first = &w;
	l->last = &w;
	l->waiting++;
	return fiber_wait(&w, CLOCK_NEVER);
}

enum status limiter_enter(struct limiter *l)
{
	struct fiber *f = self();

	if (fiber_must_stop(f))
		return ST_CANCELLED;
	if (l->held < l->n) {
		l->held++;
		return ST_OK;
	}
	if (l->waiting >= l->max_waiting)
		return ST_RESOURCE_EXHAUSTED;
	return queue_up(l, f);
}

void limiter_leave(struct limiter *l)
{
	assert(l->held > 0);
	/* the place is handed over, so that nobody can come between */
	if (l->first)
		fiber_wake(l->first, ST_OK);
	else
		l->held--;
}
