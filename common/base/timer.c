/* Timers of a loop: a binary heap, in which each timer knows its slot. */
#include <assert.h>
#include "base/arena.h"
#include "base/clock.h"
#include "base/loop_private.h"

enum { FIRST_CAP = 64 };

static void put(struct timer_heap *h, uint32_t slot, struct loop_timer *t)
{
	h->at[slot] = t;
	t->slot = slot;
}

static void sift_up(struct timer_heap *h, struct loop_timer *t, uint32_t slot)
{
	while (slot > 1 && h->at[slot / 2]->at_us > t->at_us) {
		put(h, slot, h->at[slot / 2]);
		slot /= 2;
	}
	put(h, slot, t);
}

static void sift_down(struct timer_heap *h, struct loop_timer *t, uint32_t slot)
{
	for (;;) {
		uint32_t child = slot * 2;

		if (child < h->count && h->at[child + 1]->at_us < h->at[child]->at_us)
			child++;
		if (child > h->count || h->at[child]->at_us >= t->at_us)
			break;
		put(h, slot, h->at[child]);
		slot = child;
	}
	put(h, slot, t);
}

static void settle(struct timer_heap *h, struct loop_timer *t, uint32_t slot)
{
	if (slot > 1 && h->at[slot / 2]->at_us > t->at_us)
		sift_up(h, t, slot);
	else
		sift_down(h, t, slot);
}

static uint32_t add_slot(struct timer_heap *h)
{
	if (h->count + 1 >= h->cap) {
		h->cap = h->cap ? h->cap * 2 : FIRST_CAP;
		assert(h->cap > h->count + 1); /* two billion timers */
		h->at = mem_realloc(h->at, h->cap * sizeof(struct loop_timer *));
	}
	return ++h->count;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at_mono_us)
{
	struct timer_heap *h = &l->timers;
	uint32_t slot = t->slot ? t->slot : add_slot(h);

	assert(slot <= h->count);
	t->at_us = at_mono_us;
	settle(h, t, slot);
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
	struct timer_heap *h = &l->timers;
	uint32_t slot = t->slot;
	struct loop_timer *last;

	if (slot == 0)
		return;
	assert(slot <= h->count && h->at[slot] == t);
	t->slot = 0;
	last = h->at[h->count--];
	if (last != t)
		settle(h, last, slot);
}

bool timers_fire(struct loop *l)
{
	struct timer_heap *h = &l->timers;
	uint32_t most = h->count; /* a timer that sets itself again waits for the next turn */
	int64_t now = most > 0 ? clock_mono_us() : 0;
	uint32_t fired = 0;

	while (fired < most && h->count > 0 && h->at[1]->at_us <= now) {
		struct loop_timer *t = h->at[1];

		assert(t->slot == 1); /* else someone wiped a timer that was set */
		loop_timer_cancel(l, t);
		t->fn(t);
		fired++;
	}
	return fired > 0;
}

int64_t timers_next_us(const struct loop *l)
{
	return l->timers.count > 0 ? l->timers.at[1]->at_us : CLOCK_NEVER;
}

void timers_done(struct loop *l)
{
	mem_free(l->timers.at);
	l->timers = (struct timer_heap){ 0 };
}
