/*
 * The texts of :page statements that one connection has prepared. Filters make many; the least
 * recently used goes.
 */
#include <inttypes.h>
#include <stdio.h>
#include "adapters/db/db_private.h"

enum { VARIANTS_MAX = 128 };

static void unlink_variant(struct variants *vs, struct variant *v)
{
	*(v->newer ? &v->newer->older : &vs->newest) = v->older;
	*(v->older ? &v->older->newer : &vs->oldest) = v->newer;
	v->newer = v->older = NULL;
}

static void link_newest(struct variants *vs, struct variant *v)
{
	v->older = vs->newest;
	*(vs->newest ? &vs->newest->newer : &vs->oldest) = v;
	vs->newest = v;
}

struct variant *variants_get(struct conn *c, struct str text)
{
	struct variants *vs = &c->variants;
	struct variant *v = map_get(&vs->by_text, text);
	if (v) {
		unlink_variant(vs, v);
	} else {
		v = mem_zalloc(sizeof(*v));
		v->number = vs->next_number++;
		v->text = str_n(mem_dup(text.p, text.n), text.n);
		map_set(&vs->by_text, text, v);
	}
	link_newest(vs, v);
	return v;
}

struct variant *variants_evict(struct conn *c)
{
	struct variants *vs = &c->variants;
	struct variant *v = vs->oldest;
	if (vs->by_text.count <= VARIANTS_MAX)
		return NULL;
	while (v && v->commands > 0)
		v = v->newer;
	if (!v)
		return NULL;
	unlink_variant(vs, v);
	map_del(&vs->by_text, v->text);
	return v;
}

void variants_clear(struct conn *c)
{
	struct variants *vs = &c->variants;
	while (vs->newest) {
		struct variant *v = vs->newest;
		unlink_variant(vs, v);
		variant_free(v);
	}
	map_done(&vs->by_text);
	map_init(&vs->by_text);
}

void variant_free(struct variant *v)
{
	mem_free((void *)(uintptr_t)v->text.p);
	mem_free(v);
}

void variant_name(char out[STMT_NAME_MAX], const struct variant *v)
{
	if (v->prepared.generation == 0)
		snprintf(out, STMT_NAME_MAX, "v%" PRIu32, v->number);
	else
		snprintf(out, STMT_NAME_MAX, "v%" PRIu32 "_%" PRIu32, v->number,
			v->prepared.generation);
}
