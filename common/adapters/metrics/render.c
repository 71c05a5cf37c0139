/* The Prometheus text format, version 0.0.4: for each name its help and type, then all its series.
 */
#include <stdio.h>
#include "adapters/metrics/metrics_private.h"

static const char *const KIND_NAMES[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

static void put_help(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if (*s == '\n')
			buf_puts(b, "\\n");
		else if (*s == '\\')
			buf_puts(b, "\\\\");
		else
			buf_put_c(b, *s);
	}
}

/* Microseconds as seconds, without zeros at the end: "0.0005", "10". */
static void put_seconds(struct buf *b, int64_t us)
{
	uint64_t v = us < 0 ? -(uint64_t)us : (uint64_t)us;
	size_t n = 6;
	char digits[8];

	buf_printf(b, "%s%llu", us < 0 ? "-" : "", (unsigned long long)(v / 1000000));
	(void)snprintf(digits, sizeof(digits), "%06d", (int)(v % 1000000));
	while (n > 0 && digits[n - 1] == '0')
		n--;
	if (n > 0)
		buf_put_c(b, '.');
	buf_put(b, digits, n);
}

static void put_name(struct buf *b, const char *name, const char *suffix, const char *labels)
{
	buf_puts(b, name);
	buf_puts(b, suffix);
	if (*labels)
		buf_printf(b, "{%s}", labels);
	buf_put_c(b, ' ');
}

static void put_counter(struct buf *b, const struct family *f, const struct counter *c)
{
	put_name(b, f->name, "", c->labels);
	buf_printf(b, "%lld\n", (long long)(c->fn ? c->fn(c->arg) : counter_get(c)));
}

static void put_bucket(
	struct buf *b, const struct family *f, const struct histogram *h, size_t i, uint64_t count)
{
	buf_printf(b, "%s_bucket{%s%sle=\"", f->name, h->labels, *h->labels ? "," : "");
	if (i < METRIC_BUCKETS)
		put_seconds(b, METRIC_BOUNDS_US[i]);
	else
		buf_puts(b, "+Inf");
	buf_printf(b, "\"} %llu\n", (unsigned long long)count);
}

/* The count is the last bucket's by construction, even while others observe. */
static void put_histogram(struct buf *b, const struct family *f, const struct histogram *h)
{
	int64_t sum_us = atomic_load_explicit(&h->sum_us, memory_order_relaxed);
	uint64_t count = 0;

	for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
		count += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
		put_bucket(b, f, h, i, count);
	}
	put_name(b, f->name, "_sum", h->labels);
	put_seconds(b, sum_us);
	buf_put_c(b, '\n');
	put_name(b, f->name, "_count", h->labels);
	buf_printf(b, "%llu\n", (unsigned long long)count);
}

static void put_family(struct buf *b, const struct family *f)
{
	buf_printf(b, "# HELP %s ", f->name);
	put_help(b, f->help);
	buf_printf(b, "\n# TYPE %s %s\n", f->name, KIND_NAMES[f->kind]);
	for (const struct counter *c = f->counters; c; c = c->next)
		put_counter(b, f, c);
	for (const struct histogram *h = f->histograms; h; h = h->next)
		put_histogram(b, f, h);
}

struct str metrics_render(struct metrics *m, struct arena *a)
{
	struct buf b = buf_new(a, 0);

	(void)pthread_mutex_lock(&m->mu);
	for (const struct family *f = m->families; f; f = f->next)
		put_family(&b, f);
	(void)pthread_mutex_unlock(&m->mu);
	return buf_str(&b);
}
