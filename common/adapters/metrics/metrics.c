/* Metrics: the registry and the handles. Registering takes a lock, updating a handle does not. */
#include "adapters/metrics/metrics_private.h"
#include <assert.h>

const int64_t METRIC_BOUNDS_US[METRIC_BUCKETS] = { 500, 1000, 2500, 5000, 10000, 25000, 50000,
	100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000 };

struct metrics *metrics_new(void)
{
	struct metrics *m = mem_zalloc(sizeof(*m));

	(void)pthread_mutex_init(&m->mu, NULL); /* cannot fail without attributes */
	m->arena = arena_new();
	map_init(&m->by_name);
	map_init(&m->by_series);
	return m;
}

void metrics_free(struct metrics *m)
{
	if (!m)
		return;
	metrics_stop(m);
	map_done(&m->by_series);
	map_done(&m->by_name);
	arena_free(m->arena);
	(void)pthread_mutex_destroy(&m->mu);
	mem_free(m);
}

/* --- registering, with the lock held --- */

/* [a-zA-Z_:][a-zA-Z0-9_:]* */
static bool is_name(const char *s)
{
	for (const char *p = s; *p; p++) {
		bool is_letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
				 *p == '_' || *p == ':';

		if (!is_letter && (p == s || *p < '0' || *p > '9'))
			return false;
	}
	return *s != '\0';
}

static struct family *family_get(
	struct metrics *m, enum metric_kind kind, const char *name, const char *help)
{
	struct family *f = map_get(&m->by_name, str_c(name));
	struct family **end = &m->families;

	if (f) {
		assert(f->kind == kind); /* one name, one type */
		return f;
	}
	assert(is_name(name));
	f = arena_zalloc(m->arena, sizeof(*f));
	f->name = arena_strdup(m->arena, name);
	f->help = arena_strdup(m->arena, help);
	f->kind = kind;
	while (*end)
		end = &(*end)->next;
	*end = f;
	(void)map_set(&m->by_name, str_c(name), f); /* it was not there */
	return f;
}

static struct counter *counter_new(struct metrics *m, struct family *f, const char *labels)
{
	struct counter *c = arena_zalloc(m->arena, sizeof(*c));
	struct counter **end = &f->counters;

	c->labels = arena_strdup(m->arena, labels);
	while (*end)
		end = &(*end)->next;
	*end = c;
	return c;
}

static struct histogram *histogram_new(struct metrics *m, struct family *f, const char *labels)
{
	struct histogram *h = arena_zalloc(m->arena, sizeof(*h));
	struct histogram **end = &f->histograms;

	h->labels = arena_strdup(m->arena, labels);
	while (*end)
		end = &(*end)->next;
	*end = h;
	return h;
}

static void *series_get(struct metrics *m, enum metric_kind kind, const char *name,
	const char *help, const char *labels)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct str key = str_c(arena_printf(a, "%s{%s}", name, labels ? labels : ""));
	struct family *f = family_get(m, kind, name, help);
	void *series = map_get(&m->by_series, key);

	if (series)
		return series;
	if (kind == METRIC_HISTOGRAM)
		series = histogram_new(m, f, labels ? labels : "");
	else
		series = counter_new(m, f, labels ? labels : "");
	(void)map_set(&m->by_series, key, series); /* it was not there */
	return series;
}

/* --- public --- */

static void *series_get_locked(struct metrics *m, enum metric_kind kind, const char *name,
	const char *help, const char *labels)
{
	void *series;

	(void)pthread_mutex_lock(&m->mu);
	series = series_get(m, kind, name, help, labels);
	(void)pthread_mutex_unlock(&m->mu);
	return series;
}

struct counter *metrics_counter(
	struct metrics *m, const char *name, const char *help, const char *labels)
{
	return series_get_locked(m, METRIC_COUNTER, name, help, labels);
}

struct counter *metrics_gauge(
	struct metrics *m, const char *name, const char *help, const char *labels)
{
	return series_get_locked(m, METRIC_GAUGE, name, help, labels);
}

struct histogram *metrics_histogram(
	struct metrics *m, const char *name, const char *help, const char *labels)
{
	return series_get_locked(m, METRIC_HISTOGRAM, name, help, labels);
}

void metrics_gauge_fn(struct metrics *m, const char *name, const char *help, const char *labels,
	int64_t (*fn)(void *arg), void *arg)
{
	struct counter *c;

	(void)pthread_mutex_lock(&m->mu);
	c = series_get(m, METRIC_GAUGE, name, help, labels);
	c->fn = fn;
	c->arg = arg;
	(void)pthread_mutex_unlock(&m->mu);
}

void counter_add(struct counter *c, int64_t n)
{
	(void)atomic_fetch_add_explicit(&c->value, n, memory_order_relaxed);
}

void counter_set(struct counter *c, int64_t n)
{
	atomic_store_explicit(&c->value, n, memory_order_relaxed);
}

int64_t counter_get(const struct counter *c)
{
	return atomic_load_explicit(&c->value, memory_order_relaxed);
}

void histogram_observe_us(struct histogram *h, int64_t us)
{
	size_t i = 0;

	while (i < METRIC_BUCKETS && us > METRIC_BOUNDS_US[i])
		i++;
	(void)atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
	(void)atomic_fetch_add_explicit(&h->sum_us, us, memory_order_relaxed);
}

void metrics_set_ready(struct metrics *m, bool ready)
{
	atomic_store(&m->is_ready, ready);
}
