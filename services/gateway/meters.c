/*
 * What forwarded calls are counted by: the metrics that every service has of its own methods, so
 * that one question of the monitoring covers both. A method that no upstream is known to have is
 * counted as "other": clients must not be able to make metrics.
 */
#include "services/gateway/gateway.h"

#include "base/map.h"

enum { CODES = ST_UNAUTHENTICATED + 1 };

struct meter { /* made on the first call */
	struct counter *calls[CODES];
	struct histogram *seconds;
};

struct meters {
	struct service *service;
	struct map by_method;
};

static void meters_done(void *meters)
{
	map_done(&((struct meters *)meters)->by_method);
}

struct meters *meters_new(struct service *s)
{
	struct meters *m = arena_zalloc(s->arena, sizeof(*m));
	m->service = s;
	map_init(&m->by_method);
	arena_defer(s->arena, meters_done, m);
	return m;
}

static struct meter *meter_of(struct meters *m, const char *method)
{
	struct service *s = m->service;
	struct meter *found = map_get(&m->by_method, str_c(method));
	if (found)
		return found;
	found = arena_zalloc(s->arena, sizeof(*found));
	found->seconds = metrics_histogram(s->metrics, "crm_call_seconds",
		"Time from a call's arrival to its answer.",
		arena_printf(s->arena, "method=\"%s\"", method));
	(void)map_set(&m->by_method, str_c(method), found); /* there was none */
	return found;
}

void meters_count(struct meters *m, const char *method, enum status status, int64_t us)
{
	struct service *s = m->service;
	struct meter *meter = meter_of(m, method ? method : "other");
	/* it is what an upstream sent */
	const enum status code = (unsigned)status < CODES ? status : ST_UNKNOWN;
	if (!meter->calls[code])
		meter->calls[code] = metrics_counter(s->metrics, "crm_calls_total", "Calls served.",
			arena_printf(s->arena, "method=\"%s\",code=\"%s\"",
				method ? method : "other", status_name(code)));
	counter_add(meter->calls[code], 1);
	histogram_observe_us(meter->seconds, us);
}
