/*
 * Map: a hash table from a byte string to a pointer. Keys are copied; values belong to the caller.
 * Owner: the struct that embeds it. Threads: one at a time; lookups alone may run side by side.
 */
#pragma once
#include "base/str.h"

struct map_slot;
struct map {
	struct map_slot *slots;
	size_t count, cap, used;
};

void map_init(struct map *m);
void map_done(struct map *m);
void *map_get(const struct map *m, struct str key); /* NULL if absent */
/* returns the value it replaced, or NULL; value must not be NULL */
void *map_set(struct map *m, struct str key, void *value);
void *map_del(struct map *m, struct str key); /* returns the value removed, or NULL */
/* for (size_t i = 0; map_next(m, &i, &key, &value);) — order is unspecified; do not change the map
 * meanwhile (map_del of the current key is fine). */
bool map_next(const struct map *m, size_t *i, struct str *ret_key, void **ret_value);
