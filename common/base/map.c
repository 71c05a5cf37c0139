/*
 * Map: open addressing with linear probing, at most three quarters full, sizes a power of two. A
 * removed slot becomes a grave only if a probe may have to pass over it; graves are swept when the
 * table is next rebuilt.
 */
#include "base/map.h"

enum { FIRST_CAP = 16 };

/* A slot with a value is live. Without one, the hash tells: */
enum { EMPTY = 0, GRAVE = 1 };

struct map_slot {
	uint64_t hash;
	char *key; /* ours */
	size_t key_n;
	void *value;
};

void map_init(struct map *m)
{
	*m = (struct map){ 0 };
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->cap; i++)
		mem_free(m->slots[i].key);
	mem_free(m->slots);
	map_init(m);
}

static bool is_empty(const struct map_slot *s)
{
	return !s->value && s->hash == EMPTY;
}

static struct map_slot *find(const struct map *m, struct str key, uint64_t hash)
{
	if (m->cap == 0)
		return NULL;
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_slot *s = &m->slots[i];

		if (is_empty(s))
			return NULL;
		if (s->value && s->hash == hash && str_eq(str_n(s->key, s->key_n), key))
			return s;
	}
}

void *map_get(const struct map *m, struct str key)
{
	const struct map_slot *s = m->count > 0 ? find(m, key, hash_bytes(key.p, key.n)) : NULL;

	return s ? s->value : NULL;
}

static void place(struct map *m, struct map_slot slot)
{
	size_t i = slot.hash & (m->cap - 1);

	while (m->slots[i].value)
		i = (i + 1) & (m->cap - 1);
	if (is_empty(&m->slots[i]))
		m->used++;
	m->slots[i] = slot;
	m->count++;
}

/* Sized for the live entries to fill at most half: grows, shrinks or only sweeps the graves. */
static void rebuild(struct map *m)
{
	struct map old = *m;

	*m = (struct map){ .cap = FIRST_CAP };
	while (m->cap < old.count * 2 + 2)
		m->cap *= 2;
	m->slots = mem_zalloc(m->cap * sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++) {
		if (old.slots[i].value)
			place(m, old.slots[i]);
	}
	mem_free(old.slots);
}

void *map_set(struct map *m, struct str key, void *value)
{
	uint64_t hash = hash_bytes(key.p, key.n);
	struct map_slot *s = find(m, key, hash);
	void *old;

	if (s) {
		old = s->value;
		s->value = value;
		return old;
	}
	if (m->used >= m->cap / 4 * 3)
		rebuild(m);
	place(m, (struct map_slot){ hash, mem_dup(key.p, key.n), key.n, value });
	return NULL;
}

static void bury(struct map *m, struct map_slot *s)
{
	size_t mask = m->cap - 1, i = (size_t)(s - m->slots);

	mem_free(s->key);
	*s = (struct map_slot){ .hash = GRAVE };
	/* no probe goes on beyond an empty slot, so graves right before one are not needed */
	if (!is_empty(&m->slots[(i + 1) & mask]))
		return;
	while (!m->slots[i].value && m->slots[i].hash == GRAVE) {
		m->slots[i].hash = EMPTY;
		m->used--;
		i = (i - 1) & mask;
	}
}

void *map_del(struct map *m, struct str key)
{
	struct map_slot *s = find(m, key, hash_bytes(key.p, key.n));
	void *value = s ? s->value : NULL;

	if (s) {
		bury(m, s);
		m->count--;
	}
	return value;
}

bool map_next(const struct map *m, size_t *i, struct str *ret_key, void **ret_value)
{
	for (; *i < m->cap; (*i)++) {
		const struct map_slot *s = &m->slots[*i];

		if (!s->value)
			continue;
		*ret_key = str_n(s->key, s->key_n);
		*ret_value = s->value;
		(*i)++;
		return true;
	}
	return false;
}
