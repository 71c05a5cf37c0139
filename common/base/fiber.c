/* Fibers: the ready queue, and the one way to wait. Their stacks come from stack.c. */
#include "base/fiber.h"
#include <assert.h>
#include "base/clock.h"
#include "base/fiber_private.h"
#include "base/loop_private.h"

struct fiber *fiber_self(void)
{
	struct loop *l = loop_self();

	return l ? l->running : NULL;
}

static void suspend(struct fiber *f)
{
	context_switch(&f->context, &f->loop->thread, f->is_finished);
}

/* What every stack executes: one fiber after the other. */
static void stack_main(void)
{
	struct fiber *f = fiber_self();

	context_entered(&f->context);
	for (;;) {
		f->fn(f->arg);
		f->is_finished = true;
		suspend(f);
	}
}

static void make_ready(struct fiber *f)
{
	struct fiber_queue *q = &f->loop->ready;

	f->next_ready = NULL;
	if (q->first)
		q->last->next_ready = f;
	else
		q->first = f;
	q->last = f;
}

static void list_add(struct loop *l, struct fiber *f)
{
	f->prev = NULL;
	f->next = l->fibers;
	if (f->next)
		f->next->prev = f;
	l->fibers = f;
	l->fiber_count++;
}

static void list_remove(struct loop *l, struct fiber *f)
{
	if (f->prev)
		f->prev->next = f->next;
	else
		l->fibers = f->next;
	if (f->next)
		f->next->prev = f->prev;
	l->fiber_count--;
}

/* When the present wait of f must end. */
static int64_t wait_limit(const struct fiber *f)
{
	if (f->shields == 0 && f->deadline_us < f->wait_until_us)
		return f->deadline_us;
	return f->wait_until_us;
}

/*
 * The timer is lazy: it stays set when a wait ends early, since the next wait of the same call
 * mostly has the same limit, and if it fires too early it is set anew. So a call pays for one
 * timer, not for one per wait.
 */
static void arm(struct fiber *f)
{
	int64_t limit = wait_limit(f);

	if (limit != CLOCK_NEVER && (f->timer.slot == 0 || f->timer.at_us > limit))
		loop_timer_set(f->loop, &f->timer, limit);
}

static void on_timer(struct loop_timer *t)
{
	struct fiber *f = CONTAINER_OF(t, struct fiber, timer);

	if (!f->waiter)
		return;
	if (wait_limit(f) <= t->at_us)
		fiber_wake(f->waiter, ST_DEADLINE_EXCEEDED);
	else
		arm(f);
}

struct fiber *fiber_spawn(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct fiber *f = stack_take(l, stack_main), *parent = fiber_self();

	f->fn = fn;
	f->arg = arg;
	f->data = NULL;
	f->deadline_us = parent ? parent->deadline_us : CLOCK_NEVER;
	f->wait_until_us = CLOCK_NEVER;
	f->waiter = NULL;
	f->timer = (struct loop_timer){ .fn = on_timer };
	f->shields = 0;
	f->is_cancelled = false;
	f->is_finished = false;
	list_add(l, f);
	make_ready(f);
	return f;
}

static void finish(struct fiber *f)
{
	assert(f->shields == 0);
	loop_timer_cancel(f->loop, &f->timer);
	list_remove(f->loop, f);
	stack_put(f);
}

static void resume(struct loop *l, struct fiber *f)
{
	l->running = f;
	context_switch(&l->thread, &f->context, false);
	l->running = NULL;
	if (f->is_finished)
		finish(f);
}

void fibers_run_ready(struct loop *l)
{
	struct fiber *f = l->ready.first;

	l->ready = (struct fiber_queue){ 0 };
	while (f) {
		struct fiber *next = f->next_ready;

		resume(l, f);
		f = next;
	}
}

/* Fibers still alive are dropped where they stand. */
void fibers_done(struct loop *l)
{
	for (struct fiber *f = l->fibers, *next; f; f = next) {
		next = f->next;
		stack_free(f);
	}
	stacks_done(l);
	l->fibers = NULL;
	l->fiber_count = 0;
	l->ready = (struct fiber_queue){ 0 };
}

size_t fiber_count(const struct loop *l)
{
	return l->fiber_count;
}

void fiber_set_deadline(struct fiber *f, int64_t mono_us)
{
	f->deadline_us = mono_us;
	if (f->waiter)
		arm(f);
}

int64_t fiber_deadline(const struct fiber *f)
{
	return f->deadline_us;
}

bool fiber_must_stop(const struct fiber *f)
{
	return f->is_cancelled && f->shields == 0;
}

void fiber_cancel(struct fiber *f)
{
	f->is_cancelled = true;
	if (f->waiter && fiber_must_stop(f))
		fiber_wake(f->waiter, ST_CANCELLED);
}

bool fiber_is_cancelled(const struct fiber *f)
{
	return f->is_cancelled;
}

void fiber_set_data(struct fiber *f, void *data)
{
	f->data = data;
}

void *fiber_data(const struct fiber *f)
{
	return f->data;
}

void fiber_shield(void)
{
	struct fiber *f = fiber_self();

	assert(f);
	f->shields++;
}

void fiber_unshield(void)
{
	struct fiber *f = fiber_self();

	assert(f && f->shields > 0);
	f->shields--;
}

void fiber_yield(void)
{
	struct fiber *f = fiber_self();

	assert(f);
	make_ready(f);
	suspend(f);
}

enum status fiber_wait(struct waiter *w, int64_t until_us)
{
	struct fiber *f = w->fiber;

	assert(f == fiber_self());
	f->waiter = w;
	f->wait_until_us = until_us;
	arm(f);
	suspend(f);
	return f->wake;
}

static void unlink_waiter(struct waiter *w)
{
	if (!w->first)
		return;
	if (w->prev)
		w->prev->next = w->next;
	else
		*w->first = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else if (w->last)
		*w->last = w->prev;
	if (w->count)
		--*w->count;
	w->first = NULL;
}

void fiber_wake(struct waiter *w, enum status how)
{
	struct fiber *f = w->fiber;

	unlink_waiter(w);
	f->waiter = NULL;
	f->wake = how;
	make_ready(f);
}
