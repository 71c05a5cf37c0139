/*
 * Publish: a batch is sent without waiting in between, then its acknowledgements are counted.
 *
 * Acknowledgements come to <inbox>.ack.<batch>: one that arrives after its batch was given up is
 * told by the number and ignored. The broker drops an event it has seen (by Nats-Msg-Id, within its
 * window), so a batch of unknown outcome may be sent again.
 */
#include <inttypes.h>
#include <stdio.h>
#include "adapters/bus/bus_private.h"

/* --- acknowledgements, on nats.c's thread --- */

static bool contains(struct str s, const char *part)
{
	return memmem(s.p, s.n, part, strlen(part)) != NULL;
}

/* {"stream":"CRM","seq":7} or {"error":{"code":400,...}}. 4xx: this event will never be taken. */
static enum status outcome_of(natsMsg *msg)
{
	struct str s = str_n(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));

	if (s.n == 0 || natsMsg_IsNoResponders(msg))
		return ST_UNAVAILABLE;
	if (contains(s, "\"error\":"))
		return contains(s, "\"code\":400,") ? ST_INVALID_ARGUMENT : ST_UNAVAILABLE;
	return contains(s, "\"seq\":") ? ST_OK : ST_UNAVAILABLE;
}

void bus_publish_fail(struct bus *b, enum status s)
{
	if (b->batch_outcome == ST_OK)
		b->batch_outcome = s;
	(void)pthread_cond_broadcast(&b->acks);
}

static void count_ack(struct bus *b, enum status s)
{
	if (b->acks_missing == 0)
		return;
	if (s != ST_OK) {
		if (s == ST_UNAVAILABLE) {
			b->is_check_due = true; /* perhaps the stream is gone */
			(void)pthread_cond_broadcast(&b->news);
		}
		bus_publish_fail(b, s);
		return;
	}
	b->acks_missing--;
	if (b->acks_missing == 0)
		(void)pthread_cond_broadcast(&b->acks);
}

void bus_publish_on_ack(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
	struct bus *b = arg;
	enum status s = outcome_of(msg);
	const char *dot = strrchr(natsMsg_GetSubject(msg), '.');
	uint64_t batch;

	(void)nc;
	(void)sub;
	(void)pthread_mutex_lock(&b->mu);
	if (dot && str_to_u64(str_c(dot + 1), &batch) && batch == b->batch)
		count_ack(b, s);
	(void)pthread_mutex_unlock(&b->mu);
	natsMsg_Destroy(msg);
}

/* --- sending --- */

static enum status status_of(natsStatus s)
{
	switch (s) {
	case NATS_OK:
		return ST_OK;
	case NATS_MAX_PAYLOAD:
	case NATS_INVALID_SUBJECT:
	case NATS_INVALID_ARG:
		return ST_INVALID_ARGUMENT;
	default:
		return ST_UNAVAILABLE;
	}
}

/* With the connection's lock held. */
static natsStatus send_one(struct bus *b, const struct bus_event *e, const char *reply)
{
	natsMsg *msg = NULL;
	natsStatus s;

	if (e->payload.n > INT32_MAX)
		return NATS_MAX_PAYLOAD;
	s = natsMsg_Create(&msg, e->subject, reply, e->payload.p, (int)e->payload.n);
	if (s == NATS_OK)
		s = natsMsgHeader_Set(msg, "Nats-Msg-Id", e->id);
	if (s == NATS_OK)
		s = natsConnection_PublishMsg(b->nc, msg);
	natsMsg_Destroy(msg);
	return s;
}

static enum status send_all(struct bus *b, const struct bus_event *list, size_t n, uint64_t batch)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *reply = arena_printf(a, "%s.ack.%" PRIu64, b->inbox, batch);
	natsStatus s;

	(void)pthread_rwlock_rdlock(&b->connection_lock);
	s = b->nc ? NATS_OK : NATS_CONNECTION_CLOSED;
	for (size_t i = 0; i < n && s == NATS_OK; i++)
		s = send_one(b, &list[i], reply);
	(void)pthread_rwlock_unlock(&b->connection_lock);
	return status_of(s);
}

/* Sends what is buffered now, not with nats.c's flusher a millisecond later. */
static enum status flush(struct bus *b, int64_t timeout_ms)
{
	natsStatus s = NATS_CONNECTION_CLOSED;

	(void)pthread_rwlock_rdlock(&b->connection_lock);
	if (b->nc)
		s = natsConnection_FlushTimeout(b->nc, timeout_ms > 0 ? timeout_ms : 1);
	(void)pthread_rwlock_unlock(&b->connection_lock);
	return s == NATS_TIMEOUT ? ST_DEADLINE_EXCEEDED : status_of(s);
}

static uint64_t begin_batch(struct bus *b, size_t n)
{
	uint64_t batch;

	(void)pthread_mutex_lock(&b->mu);
	batch = ++b->batch;
	b->acks_missing = n;
	b->batch_outcome = atomic_load(&b->is_up) ? ST_OK : ST_UNAVAILABLE;
	(void)pthread_mutex_unlock(&b->mu);
	return batch;
}

static enum status await_acks(struct bus *b, int64_t until_us)
{
	struct timespec until = { .tv_sec = (time_t)(until_us / US_PER_S),
		.tv_nsec = (long)(until_us % US_PER_S) * 1000 };
	enum status s;

	(void)pthread_mutex_lock(&b->mu);
	while (b->acks_missing > 0 && b->batch_outcome == ST_OK && clock_mono_us() < until_us)
		(void)pthread_cond_timedwait(&b->acks, &b->mu, &until);
	s = b->batch_outcome;
	if (s == ST_OK && b->acks_missing > 0)
		s = ST_DEADLINE_EXCEEDED;
	b->acks_missing = 0; /* what comes later is not counted */
	(void)pthread_mutex_unlock(&b->mu);
	return s;
}

void bus_publish_begin(struct bus *b, const struct bus_event *list, size_t n)
{
	uint64_t batch;

	(void)pthread_mutex_lock(&b->publish_mu); /* until bus_publish_end */
	batch = begin_batch(b, n);
	b->batch_sent = bus_is_up(b) ? send_all(b, list, n, batch) : ST_UNAVAILABLE;
}

enum status bus_publish_end(struct bus *b, int64_t timeout_ms)
{
	int64_t until_us = clock_mono_us() + timeout_ms * US_PER_MS;
	enum status s = b->batch_sent;

	if (s == ST_OK)
		s = flush(b, timeout_ms);
	if (s == ST_OK)
		s = await_acks(b, until_us);
	(void)pthread_mutex_unlock(&b->publish_mu);
	return s;
}

enum status bus_publish(struct bus *b, const struct bus_event *list, size_t n, int64_t timeout_ms)
{
	if (n == 0)
		return ST_OK;
	bus_publish_begin(b, list, n);
	return bus_publish_end(b, timeout_ms);
}
