/* Groups: children that a fiber waits for together. */
#include <assert.h>
#include "base/fiber_private.h"

void group_init(struct group *g)
{
	*g = (struct group){ 0 };
}

static void remove_child(struct group *g, struct group_child *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		g->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (--g->running == 0)
		event_set(&g->done);
}

static void child_main(void *arg)
{
	struct group_child *c = arg;

	c->fn(c->arg);
	remove_child(c->group, c);
}

void group_spawn(struct group *g, void (*fn)(void *arg), void *arg)
{
	struct fiber *f = fiber_spawn(loop_self(), child_main, NULL);
	struct group_child *c = &f->child;

	*c = (struct group_child){ .group = g, .next = g->first, .fn = fn, .arg = arg };
	f->arg = c;
	if (g->first)
		g->first->prev = c;
	g->first = c;
	g->running++;
	event_reset(&g->done);
}

static void cancel_children(struct group *g)
{
	for (struct group_child *c = g->first; c; c = c->next)
		fiber_cancel(CONTAINER_OF(c, struct fiber, child));
}

enum status group_wait(struct group *g)
{
	enum status s = g->running > 0 ? event_wait(&g->done) : ST_OK;

	if (g->running == 0)
		return ST_OK;
	cancel_children(g);
	fiber_shield();
	while (g->running > 0) {
		enum status shielded = event_wait(&g->done);

		assert(shielded == ST_OK); /* nothing else ends a shielded wait */
	}
	fiber_unshield();
	return s;
}
