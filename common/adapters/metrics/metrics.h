/*
 * metrics: counters, gauges and histograms in the Prometheus text format (version 0.0.4) on a port
 * of its own (libmicrohttpd): GET /metrics, /healthz (process is alive), /readyz (503 while not
 * ready).
 * Owner: struct metrics belongs to the service; metric handles live as long. Threads: updating is
 * lock-free from any thread; registering at start only.
 */
#pragma once
#include "base/str.h"

struct metrics;
struct counter;
struct histogram;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
/* labels: ready-made text such as `method="/x/Y",code="OK"`, or NULL. Registering the same name and
 * labels again gives the same handle. */
struct counter *metrics_counter(
	struct metrics *m, const char *name, const char *help, const char *labels);
struct counter *metrics_gauge(
	struct metrics *m, const char *name, const char *help, const char *labels);
/* Buckets for durations in seconds, 0.0005 to 10. */
struct histogram *metrics_histogram(
	struct metrics *m, const char *name, const char *help, const char *labels);
/* Asked at scrape time, on the HTTP thread: must be safe to read from there. */
void metrics_gauge_fn(struct metrics *m, const char *name, const char *help, const char *labels,
	int64_t (*fn)(void *arg), void *arg);
void counter_add(struct counter *c, int64_t n);
void counter_set(struct counter *c, int64_t n); /* gauges */
int64_t counter_get(const struct counter *c);
void histogram_observe_us(struct histogram *h, int64_t us);
struct str metrics_render(struct metrics *m, struct arena *a);

/* listen "127.0.0.1:9101"; port 0 picks one. ST_UNAVAILABLE if it cannot be bound. */
enum status metrics_serve(struct metrics *m, const char *listen, int *ret_port) MUST_CHECK;
void metrics_set_ready(struct metrics *m, bool ready);
