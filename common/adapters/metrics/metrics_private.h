/* What the files of metrics share: the registry. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include "adapters/metrics/metrics.h"
#include "base/map.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct counter {
	struct counter *next;
	const char *labels; /* "" for none */
	_Atomic int64_t value;
	int64_t (*fn)(void *arg); /* NULL: value is the value */
	void *arg;
};

enum { METRIC_BUCKETS = 14 };
extern const int64_t METRIC_BOUNDS_US[METRIC_BUCKETS];

struct histogram {
	struct histogram *next;
	const char *labels;
	_Atomic uint64_t buckets[METRIC_BUCKETS + 1]; /* not cumulative; the last has no bound */
	_Atomic int64_t sum_us;
};

/* All series of one name: they share help and type. */
struct family {
	struct family *next;
	const char *name, *help;
	enum metric_kind kind;
	struct counter *counters; /* in the order of registration, as below */
	struct histogram *histograms;
};

struct metrics {
	pthread_mutex_t mu;
	struct arena *arena; /* guarded by mu, like all below but is_ready */
	struct family *families;
	struct map by_name;        /* name -> struct family */
	struct map by_series;      /* name{labels} -> struct counter or histogram */
	struct MHD_Daemon *daemon; /* set at start, cleared at the end */
	_Atomic bool is_ready;
};

void metrics_stop(struct metrics *m); /* ends the HTTP thread, if any */
