/*
 * Rate limits by the generic cell rate algorithm (ITU-T I.371): per key one number, the time at
 * which its bucket would be empty again. A key whose time has passed is the same as no key, so old
 * ones are simply dropped when the table is full.
 */
#include "services/gateway/gateway.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/map.h"
#include "kit/auth.h"

struct limits {
	struct map times; /* key -> struct cell */
	int64_t per_call_us, burst_us;
	size_t max_keys;
};

struct cell {
	int64_t empty_us; /* monotonic */
};

static const int64_t SECOND_US = 1000000;
enum { MAX_KEY = 128 };

struct limits *limits_new(int64_t rate, int64_t burst, size_t max_keys)
{
	if (rate == 0)
		return NULL;
	struct limits *l = mem_zalloc(sizeof(*l));
	map_init(&l->times);
	/* above a million a second the grain of a microsecond ends: count in whole calls */
	l->per_call_us = rate < SECOND_US ? SECOND_US / rate : 1;
	l->burst_us = burst * l->per_call_us;
	l->max_keys = max_keys;
	return l;
}

static void drop(struct limits *l, int64_t before_us)
{
	struct str key;
	void *cell;
	for (size_t i = 0; map_next(&l->times, &i, &key, &cell);) {
		if (((struct cell *)cell)->empty_us <= before_us)
			mem_free(map_del(&l->times, key));
	}
}

void limits_free(struct limits *l)
{
	if (!l)
		return;
	drop(l, INT64_MAX);
	map_done(&l->times);
	mem_free(l);
}

static struct cell *cell_of(struct limits *l, struct str key, int64_t now)
{
	struct cell *c = map_get(&l->times, key);
	if (c)
		return c;
	if (l->times.count >= l->max_keys)
		drop(l, now);
	if (l->times.count >= l->max_keys)
		return NULL;
	c = mem_zalloc(sizeof(*c));
	(void)map_set(&l->times, key, c); /* there was none */
	return c;
}

bool limits_take(struct limits *l, struct str key, int64_t *ret_retry_ms)
{
	if (!l)
		return true;
	const int64_t now = clock_mono_us();
	struct cell *c = cell_of(l, key, now);
	const int64_t empty = c && c->empty_us > now ? c->empty_us : now;
	const int64_t wait = c ? empty + l->per_call_us - l->burst_us - now : SECOND_US;
	if (wait > 0) { /* also when more keys than the table holds are busy: an attack */
		*ret_retry_ms = wait / 1000 + 1;
		return false;
	}
	c->empty_us = empty + l->per_call_us;
	return true;
}

bool limits_take_principal(struct limits *l, const struct principal *p, int64_t *ret_retry_ms)
{
	char key[MAX_KEY]; /* two UUIDs */
	const int n = snprintf(key, sizeof(key), "%s/%s", p->tenant_id, p->user_id);
	return limits_take(l, str_n(key, n < MAX_KEY ? (size_t)n : MAX_KEY - 1), ret_retry_ms);
}
