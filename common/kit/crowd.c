/* Crowd: a number per caller that has streams open. */
#include "kit/crowd_private.h"
#include "base/arena.h"
#include "base/map.h"

struct crowd {
	struct map counts; /* caller to size_t */
	size_t max_each, max_total, total;
};

struct place {
	struct crowd *crowd;
	struct str caller;
};

struct crowd *crowd_new(size_t max_each, size_t max_total)
{
	struct crowd *c = mem_zalloc(sizeof(*c));

	map_init(&c->counts);
	c->max_each = max_each;
	c->max_total = max_total;
	return c;
}

void crowd_free(struct crowd *c)
{
	struct str caller;
	void *count;

	if (!c)
		return;
	for (size_t i = 0; map_next(&c->counts, &i, &caller, &count);)
		mem_free(count);
	map_done(&c->counts);
	mem_free(c);
}

static void leave(void *arg)
{
	struct place *p = arg;
	size_t *count = map_get(&p->crowd->counts, p->caller);

	p->crowd->total--;
	if (--*count == 0)
		mem_free(map_del(&p->crowd->counts, p->caller));
}

bool crowd_enter(struct crowd *c, struct arena *a, struct str caller)
{
	size_t *count = map_get(&c->counts, caller);
	struct place *p;

	if (c->total >= c->max_total || (count && *count >= c->max_each))
		return false;
	if (!count) {
		count = mem_zalloc(sizeof(*count));
		(void)map_set(&c->counts, caller, count); /* there was none */
	}
	c->total++;
	++*count;
	p = arena_zalloc(a, sizeof(*p));
	p->crowd = c;
	p->caller = str_n(arena_dup(a, caller.p, caller.n), caller.n);
	arena_defer(a, leave, p);
	return true;
}
