/*
 * The relay: takes rows of the outbox in order, publishes them, deletes what the broker has stored.
 * While the broker stores a batch, the database deletes the one before and reads the next.
 *
 * The advisory lock is held only while there is something to do and for a few seconds after, so
 * that any replica that is woken by a write of its own gets it. A replica that finds it taken looks
 * again every second until it was its turn: when the holder dies, the server frees the lock and the
 * next one goes on.
 */
#include "kit/outbox.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include "adapters/bus/bus.h"
#include "adapters/db/sync.h"
#include "adapters/log/log.h"
#include "adapters/metrics/metrics.h"
#include "base/clock.h"
#include "common/kit/sql.h"
#include "crm/events/v1/event.pb-c.h"
#include "kit/service.h"

enum {
	MS = 1000, /* in microseconds */
	SECOND = 1000 * MS,
	BATCH = 256, /* as in outbox_take */
	/* batches, then from the start of the table: a row may come to light behind one that was
	 * taken */
	RUN = 16,
	SWEEP_US = SECOND,
	IDLE_SWEEP_US = 30 * SECOND,
	/* after a wake-up: writes come in crowds, and a batch costs little more than one event */
	GATHER_US = 20 * MS,
	ALERT_SWEEPS = 5, /* without a row until the relay counts as idle */
	PUBLISH_MS = 5000,
	MIN_BACKOFF_US = 100 * MS,
	MAX_BACKOFF_US = 2 * SECOND,
	EXPIRE_EVERY_US = 600 * SECOND,
	EXPIRE_ROUNDS = 20, /* of 500 rows */
};

struct outbox {
	struct service *service;
	struct db_sync *db;
	pthread_t thread;
	bool has_thread;

	/* the thread's */
	uint64_t locked_session; /* the session that holds the lock; 0: none */
	unsigned quiet_sweeps;
	int64_t backoff_us; /* 0 while all is well */
	int64_t expire_at_us;
	bool is_contended; /* another replica holds the lock */
	bool is_failing;   /* said in the log */

	struct counter *published, *lag_s, *failures;
	atomic_bool is_woken;

	pthread_mutex_t mu;
	pthread_cond_t changed;
	bool is_stopping; /* guarded by mu */
	bool is_draining; /* guarded by mu */
	/* guarded by mu: a look that began after is_draining was set found nothing to do */
	bool is_drained;
};

/* ---- one batch ---- */

struct batch {
	struct arena *arena;
	size_t n;
	struct bus_event *events;
	const char *seqs; /* as an array for outbox_delete */
	const char *last; /* place of the last one, for outbox_take */
};

static struct bus_event read_event(const struct outbox *o, struct arena *a, size_t i)
{
	struct str payload = db_sync_bytes(o->db, i, "payload");
	return (struct bus_event){
		.subject = str_dup(a, db_sync_bytes(o->db, i, "subject")),
		.id = str_dup(a, db_sync_bytes(o->db, i, "id")),
		.payload = str_n(arena_dup(a, payload.p, payload.n), payload.n),
	};
}

static void read_batch(const struct outbox *o, struct batch *b)
{
	struct buf seqs = buf_new(b->arena, 0);
	b->events = arena_new_array(b->arena, struct bus_event, b->n);
	buf_put_c(&seqs, '{');
	for (size_t i = 0; i < b->n; i++) {
		b->events[i] = read_event(o, b->arena, i);
		buf_printf(&seqs, "%s%lld", i ? "," : "", (long long)db_sync_int(o->db, i, "seq"));
	}
	buf_put_c(&seqs, '}');
	b->seqs = buf_cstr(&seqs);
	b->last = arena_printf(b->arena, "%lld", (long long)db_sync_int(o->db, b->n - 1, "seq"));
}

static void batch_free(struct batch *b)
{
	if (b)
		arena_free(b->arena);
}

/* The next batch behind a place; NULL if there is nothing. */
static enum status take(struct outbox *o, const char *after, struct batch **ret)
{
	TRY(db_sync_run(o->db, &sql_outbox_take, &after));
	*ret = NULL;
	if (db_sync_count(o->db) == 0)
		return ST_OK;
	struct arena *a = arena_new();
	struct batch *b = arena_zalloc(a, sizeof(*b));
	b->arena = a;
	b->n = db_sync_count(o->db);
	read_batch(o, b);
	*ret = b;
	return ST_OK;
}

/* What the broker has stored. */
static enum status forget(struct outbox *o, const struct batch *b)
{
	if (!b)
		return ST_OK;
	TRY(db_sync_run(o->db, &sql_outbox_delete, &b->seqs));
	counter_add(o->published, (int64_t)b->n);
	return ST_OK;
}

/* An event larger than the broker takes travels without the resource; consumers ask for it by its
 * id. */
static struct str without_resource(struct arena *a, struct str payload)
{
	Crm__Event *event;
	if (pb_unpack(a, &crm__event__descriptor, payload, &event) != ST_OK)
		return STR("");
	event->before = event->after = (ProtobufCBinaryData){ 0 };
	return pb_pack(a, event);
}

static enum status publish_alone(struct outbox *o, struct arena *a, struct bus_event *e)
{
	enum status st = bus_publish(o->service->bus, e, 1, PUBLISH_MS);
	if (st != ST_INVALID_ARGUMENT)
		return st;
	log_warn("event_too_large", LOG_STR("subject", e->subject), LOG_STR("event_id", e->id),
		LOG_INT("bytes", e->payload.n));
	e->payload = without_resource(a, e->payload);
	st = bus_publish(o->service->bus, e, 1, PUBLISH_MS);
	if (st != ST_INVALID_ARGUMENT)
		return st;
	/* it would stand in the way of all others for ever */
	log_error("event_cannot_be_stored", LOG_STR("subject", e->subject),
		LOG_STR("event_id", e->id));
	return ST_OK;
}

/* The end of publishing: one by one if one of them cannot be stored. */
static enum status finish_publishing(struct outbox *o, struct batch *b)
{
	enum status st = bus_publish_end(o->service->bus, PUBLISH_MS);
	if (st != ST_INVALID_ARGUMENT)
		return st;
	for (size_t i = 0; i < b->n; i++)
		TRY(publish_alone(o, b->arena, &b->events[i]));
	return ST_OK;
}

static void say_lag(struct outbox *o)
{
	counter_set(o->lag_s, db_sync_count(o->db) > 0 ? db_sync_int(o->db, 0, "age_s") : 0);
}

/* ---- a run of batches ---- */

/* Of a run: the batch before, which the broker has stored, and the present one; either may be
 * NULL. */
struct run {
	struct batch *stored, *now;
};

static enum status relay_now(struct outbox *o, struct run *r, bool is_last, struct batch **ret_next)
{
	bool has_more = r->now->n == BATCH && !is_last;
	bus_publish_begin(o->service->bus, r->now->events, r->now->n);
	enum status st = forget(o, r->stored);
	if (st == ST_OK && has_more)
		st = take(o, r->now->last, ret_next);
	TRY(finish_publishing(o, r->now));
	return st;
}

static enum status relay_batches(struct outbox *o, struct run *r)
{
	for (int i = 1; r->now; i++) {
		struct batch *next = NULL;
		enum status st = relay_now(o, r, i == RUN, &next);
		batch_free(r->stored);
		r->stored = r->now;
		r->now = next;
		TRY(st);
	}
	return forget(o, r->stored);
}

/* What there was to do: nothing, all that there is, or more is waiting. */
enum found { FOUND_NOTHING, FOUND_ALL, FOUND_MORE };

static enum status relay(struct outbox *o, enum found *ret)
{
	struct run r = { NULL, NULL };
	TRY(take(o, "0", &r.now));
	say_lag(o);
	*ret = r.now ? FOUND_ALL : FOUND_NOTHING;
	if (!r.now)
		return ST_OK;
	enum status st = relay_batches(o, &r);
	if (r.stored->n == BATCH)
		*ret = FOUND_MORE;
	batch_free(r.stored);
	batch_free(r.now);
	return st;
}

/* ---- the lock ---- */

static bool is_locked(const struct outbox *o)
{
	return o->locked_session != 0 && o->locked_session == db_sync_session(o->db);
}

static enum status lock(struct outbox *o)
{
	if (is_locked(o))
		return ST_OK;
	TRY(db_sync_run(o->db, &sql_outbox_lock, NULL));
	o->locked_session = db_sync_int(o->db, 0, "is_held") ? db_sync_session(o->db) : 0;
	return ST_OK;
}

static void unlock(struct outbox *o)
{
	if (!is_locked(o))
		return;
	o->locked_session = 0;
	if (db_sync_run(o->db, &sql_outbox_unlock, NULL) != ST_OK)
		/* it goes with the connection */
		log_warn("outbox_unlock_failed", LOG_STR("error", db_sync_error(o->db)));
}

/* ---- housekeeping ---- */

static void expire_with(struct outbox *o, const struct db_statement *s)
{
	for (int round = 0; round < EXPIRE_ROUNDS; round++) {
		if (db_sync_run(o->db, s, NULL) != ST_OK || db_sync_affected(o->db) == 0)
			return; /* what is left goes next time */
	}
}

static void expire(struct outbox *o)
{
	if (clock_mono_us() < o->expire_at_us)
		return;
	expire_with(o, &sql_idempotency_expire);
	expire_with(o, &sql_inbox_expire);
	o->expire_at_us = clock_mono_us() + EXPIRE_EVERY_US;
}

/* ---- the thread ---- */

static void say_failure(struct outbox *o, enum status st)
{
	pthread_mutex_lock(&o->mu);
	bool is_stopping = o->is_stopping;
	pthread_mutex_unlock(&o->mu);
	if (is_stopping)
		return; /* cut short on purpose */
	counter_add(o->failures, 1);
	o->backoff_us = o->backoff_us ? o->backoff_us * 2 : MIN_BACKOFF_US;
	if (o->backoff_us > MAX_BACKOFF_US)
		o->backoff_us = MAX_BACKOFF_US;
	if (!o->is_failing)
		log_warn("outbox_waits", LOG_STR("status", status_name(st)),
			LOG_STR("database", db_sync_error(o->db)),
			LOG_BOOL("bus_is_up", bus_is_up(o->service->bus)));
	o->is_failing = true;
}

static void say_success(struct outbox *o)
{
	if (o->is_failing)
		log_info("outbox_goes_on");
	o->is_failing = false;
	o->backoff_us = 0;
}

/* Without the broker nothing moves, but whoever watches the service must see that. */
static enum status wait_for_bus(struct outbox *o)
{
	if (db_sync_run(o->db, &sql_outbox_age, NULL) == ST_OK)
		say_lag(o);
	return ST_UNAVAILABLE;
}

/* One look: how long to wait until the next, 0 for none. */
static int64_t look(struct outbox *o, bool *ret_is_done)
{
	enum found found = FOUND_NOTHING;
	*ret_is_done = false;
	enum status st = bus_is_up(o->service->bus) ? lock(o) : wait_for_bus(o);
	if (st == ST_OK && is_locked(o))
		st = relay(o, &found);
	if (st != ST_OK) {
		say_failure(o, st);
		return o->backoff_us;
	}
	say_success(o);
	o->is_contended = !is_locked(o);
	if (o->is_contended) {
		*ret_is_done = true; /* the other one's work */
		return SWEEP_US;
	}
	if (found != FOUND_NOTHING) {
		o->quiet_sweeps = 0;
		return found == FOUND_MORE ? 0 : SWEEP_US;
	}
	*ret_is_done = true;
	expire(o);
	if (++o->quiet_sweeps < ALERT_SWEEPS)
		return SWEEP_US;
	unlock(o);
	return IDLE_SWEEP_US;
}

static struct timespec time_of(int64_t mono_us)
{
	return (struct timespec){ .tv_sec = mono_us / SECOND, .tv_nsec = mono_us % SECOND * 1000 };
}

/* Waits until the time is up, stopping, or (if is_woken_early) a wake-up. Under the lock. */
static void wait_us(struct outbox *o, int64_t us, bool is_woken_early)
{
	struct timespec until = time_of(clock_mono_us() + us);
	while (!o->is_stopping && !(is_woken_early && atomic_load(&o->is_woken)) &&
		pthread_cond_timedwait(&o->changed, &o->mu, &until) == 0)
		continue;
}

/* Between two looks. False when stopping. A wake-up does not cut a failure or somebody else's turn
 * short, else each write would make us ask again. */
static bool rest(struct outbox *o, int64_t us, bool *ret_is_draining)
{
	pthread_mutex_lock(&o->mu);
	if (us > 0)
		wait_us(o, us, o->backoff_us == 0 && !o->is_contended);
	if (us > 0 && atomic_load(&o->is_woken) && !o->is_draining)
		wait_us(o, GATHER_US, false);
	*ret_is_draining = o->is_draining;
	bool go = !o->is_stopping;
	pthread_mutex_unlock(&o->mu);
	atomic_store(&o->is_woken, false); /* whatever was written until now, the next look sees */
	return go;
}

static void say_drained(struct outbox *o)
{
	pthread_mutex_lock(&o->mu);
	o->is_drained = true;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->mu);
}

static void *run(void *arg)
{
	struct outbox *o = arg;
	bool is_draining = false, is_done;
	int64_t us;
	do {
		us = look(o, &is_done);
		if (is_draining && is_done)
			say_drained(o);
	} while (rest(o, us, &is_draining));
	return NULL;
}

/* ---- life ---- */

struct outbox *outbox_new(struct service *s)
{
	struct outbox *o = mem_zalloc(sizeof(*o));
	o->service = s;
	o->db = db_sync_new(s->settings.database, (int)s->settings.statement_timeout_ms);
	o->published = metrics_counter(s->metrics, "crm_outbox_published_total",
		"Events that the broker has stored.", NULL);
	o->failures = metrics_counter(s->metrics, "crm_outbox_failures_total",
		"Attempts to publish that failed and are repeated.", NULL);
	o->lag_s = metrics_gauge(
		s->metrics, "crm_outbox_lag_seconds", "Age of the oldest event that waits.", NULL);
	atomic_init(&o->is_woken, false);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&o->mu, NULL);
	pthread_cond_init(&o->changed, &attr);
	pthread_condattr_destroy(&attr);
	int failed = pthread_create(&o->thread, NULL, run, o);
	assert(!failed); /* a process that can have no thread cannot serve */
	o->has_thread = true;
	(void)pthread_setname_np(o->thread, "outbox"); /* only a name */
	return o;
}

void outbox_wake(struct outbox *o)
{
	if (atomic_exchange(&o->is_woken, true))
		return; /* it has not looked since */
	pthread_mutex_lock(&o->mu);
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->mu);
}

void outbox_stop(struct outbox *o, long ms)
{
	struct timespec until = time_of(clock_mono_us() + ms * MS);
	if (!o->has_thread)
		return;
	pthread_mutex_lock(&o->mu);
	o->is_draining = true;
	pthread_mutex_unlock(&o->mu);
	outbox_wake(o);
	pthread_mutex_lock(&o->mu);
	while (!o->is_drained && pthread_cond_timedwait(&o->changed, &o->mu, &until) == 0)
		continue;
	o->is_stopping = true;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->mu);
	db_sync_interrupt(o->db);
	pthread_join(o->thread, NULL);
	o->has_thread = false;
}

void outbox_free(struct outbox *o)
{
	if (!o)
		return;
	outbox_stop(o, 0);
	db_sync_free(o->db);
	pthread_cond_destroy(&o->changed);
	pthread_mutex_destroy(&o->mu);
	mem_free(o);
}
