/*
 * Link: the connection. nats.c reconnects by itself; only when it gives up (it does after refused
 * credentials) the supervisor makes a new connection.
 */
#include "adapters/bus/bus_private.h"
#include "adapters/log/log.h"

enum {
	CONNECT_TIMEOUT_MS = 2000,
	REQUEST_TIMEOUT_MS = 3000,
	RECONNECT_WAIT_MS = 250,
	RECONNECT_JITTER_MS = 100,
	PING_INTERVAL_MS = 5000,
	MAX_PINGS_OUT = 2,
	WRITE_DEADLINE_MS = 2000,
	IO_BUFFER = 256 * 1024,
	FLUSH_TIMEOUT_MS = 1000,
};

/* --- what happened, from nats.c's threads --- */

void bus_link_update(struct bus *b)
{
	bool up = b->is_connected && b->has_stream && !b->is_stopping;

	if (up == atomic_load(&b->is_up))
		return;
	atomic_store(&b->is_up, up);
	if (up) {
		b->epoch++;
		b->trouble = NULL;
		log_info("bus_up");
	}
	bus_ring(b);
}

/* The broker is there, or gone. */
static void set_connected(struct bus *b, bool is_connected)
{
	(void)pthread_mutex_lock(&b->mu);
	b->is_connected = is_connected;
	b->has_stream = false; /* it may be another broker now */
	if (!is_connected) {
		bus_publish_fail(b, ST_UNAVAILABLE);
		if (atomic_load(&b->is_up))
			log_warn("bus_down", LOG_STR("reason", "connection lost"));
	}
	bus_link_update(b);
	(void)pthread_cond_broadcast(&b->news);
	(void)pthread_mutex_unlock(&b->mu);
}

static void on_connected(natsConnection *nc, void *arg)
{
	(void)nc;
	set_connected(arg, true);
}

static void on_disconnected(natsConnection *nc, void *arg)
{
	(void)nc;
	set_connected(arg, false);
}

static void on_closed(natsConnection *nc, void *arg)
{
	struct bus *b = arg;

	(void)nc;
	(void)pthread_mutex_lock(&b->mu);
	b->is_closed = true;
	(void)pthread_cond_broadcast(&b->news);
	(void)pthread_mutex_unlock(&b->mu);
}

static void on_sub_complete(void *arg)
{
	struct bus *b = arg;

	(void)pthread_mutex_lock(&b->mu);
	b->live_subs--;
	(void)pthread_cond_broadcast(&b->news);
	(void)pthread_mutex_unlock(&b->mu);
}

/* Without a handler of ours nats.c would write to standard error. */
static void on_error(natsConnection *nc, natsSubscription *sub, natsStatus err, void *arg)
{
	(void)nc;
	(void)sub;
	(void)arg;
	log_debug("bus_error", LOG_STR("reason", natsStatus_GetText(err)));
}

/* --- sending --- */

void bus_link_send(struct bus *b, const char *subject, const char *reply, struct str data)
{
	natsStatus s = NATS_OK;

	(void)pthread_rwlock_rdlock(&b->connection_lock);
	if (b->nc && reply)
		s = natsConnection_PublishRequest(b->nc, subject, reply, data.p, (int)data.n);
	else if (b->nc)
		s = natsConnection_Publish(b->nc, subject, data.p, (int)data.n);
	(void)pthread_rwlock_unlock(&b->connection_lock);
	if (s != NATS_OK)
		log_debug("bus_send_failed", LOG_STR("reason", natsStatus_GetText(s)));
}

/* --- connecting --- */

static natsStatus set_options(natsOptions *o, struct bus *b)
{
	natsStatus s = natsOptions_SetURL(o, b->url);

#define AND(call)                                                                                  \
	if (s == NATS_OK)                                                                          \
	s = natsOptions_##call
	AND(SetName)(o, b->name);
	AND(SetTimeout)(o, CONNECT_TIMEOUT_MS);
	AND(SetPingInterval)(o, PING_INTERVAL_MS);
	AND(SetMaxPingsOut)(o, MAX_PINGS_OUT);
	AND(SetWriteDeadline)(o, WRITE_DEADLINE_MS);
	AND(SetIOBufSize)(o, IO_BUFFER);
	AND(SetMaxReconnect)(o, -1);
	AND(SetReconnectWait)(o, RECONNECT_WAIT_MS);
	AND(SetReconnectJitter)(o, RECONNECT_JITTER_MS, RECONNECT_JITTER_MS);
	AND(SetRetryOnFailedConnect)(o, true, on_connected, b);
	AND(SetReconnectedCB)(o, on_connected, b);
	AND(SetDisconnectedCB)(o, on_disconnected, b);
	AND(SetClosedCB)(o, on_closed, b);
	AND(SetErrorHandler)(o, on_error, b);
	AND(SetFailRequestsOnDisconnect)(o, true);
#undef AND
	return s;
}

static natsStatus open_connection(struct bus *b, natsConnection **ret)
{
	natsOptions *o = NULL;
	natsStatus s = natsOptions_Create(&o);

	if (s == NATS_OK)
		s = set_options(o, b);
	if (s == NATS_OK)
		s = natsConnection_Connect(ret, o);
	natsOptions_Destroy(o);
	return s;
}

/* Answers to `kind` come to <inbox>.<kind>.<...>. */
static natsStatus subscribe(struct bus *b, natsConnection *nc, const char *kind, natsMsgHandler fn,
	natsSubscription **ret)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	natsStatus s = natsConnection_Subscribe(
		ret, nc, arena_printf(a, "%s.%s.>", b->inbox, kind), fn, b);

	if (s != NATS_OK)
		return s;
	(void)pthread_mutex_lock(&b->mu);
	b->live_subs++;
	(void)pthread_mutex_unlock(&b->mu);
	s = natsSubscription_SetOnCompleteCB(*ret, on_sub_complete, b);
	if (s != NATS_OK)
		on_sub_complete(b); /* it will not be called */
	else
		s = natsSubscription_SetPendingLimits(
			*ret, -1, -1); /* both are bounded by what we ask for */
	return s;
}

void bus_link_disconnect(struct bus *b)
{
	natsConnection *nc;

	(void)pthread_rwlock_wrlock(&b->connection_lock);
	nc = b->nc;
	b->nc = NULL;
	(void)pthread_rwlock_unlock(&b->connection_lock);
	if (!nc)
		return;
	natsConnection_Close(nc);
	(void)pthread_mutex_lock(&b->mu);
	while (!b->is_closed || b->live_subs > 0)
		(void)pthread_cond_wait(&b->news, &b->mu);
	b->is_closed = false;
	(void)pthread_mutex_unlock(&b->mu);
	natsSubscription_Destroy(b->ack_sub);
	natsSubscription_Destroy(b->event_sub);
	jsCtx_Destroy(b->js);
	natsConnection_Destroy(nc);
	b->ack_sub = b->event_sub = NULL;
	b->js = NULL;
}

const char *bus_link_connect(struct bus *b)
{
	natsConnection *nc = NULL;
	jsOptions options;
	natsStatus s = open_connection(b, &nc);
	bool is_there = s == NATS_OK;

	if (s != NATS_OK && s != NATS_NOT_YET_CONNECTED)
		return natsStatus_GetText(s);
	(void)pthread_rwlock_wrlock(&b->connection_lock);
	b->nc = nc;
	(void)pthread_rwlock_unlock(&b->connection_lock);
	(void)jsOptions_Init(
		&options); /* fails on NULL only, as natsInbox_Create does without memory */
	options.Wait = REQUEST_TIMEOUT_MS;
	s = b->inbox ? NATS_OK : natsInbox_Create(&b->inbox);
	if (s == NATS_OK)
		s = natsConnection_JetStream(&b->js, nc, &options);
	if (s == NATS_OK)
		s = subscribe(b, nc, "ack", bus_publish_on_ack, &b->ack_sub);
	if (s == NATS_OK)
		s = subscribe(b, nc, "event", bus_receive_on_message, &b->event_sub);
	if (s != NATS_OK) {
		bus_link_disconnect(b);
		return natsStatus_GetText(s);
	}
	if (is_there) /* no callback tells of a first attempt that succeeds */
		set_connected(b, true);
	return NULL;
}

void bus_link_hush(struct bus *b)
{
	(void)pthread_rwlock_rdlock(&b->connection_lock);
	if (b->event_sub)
		(void)natsSubscription_Drain(b->event_sub); /* fails when it is hushed already */
	(void)pthread_rwlock_unlock(&b->connection_lock);
}

/* Until what nats.c still had of events has come; one subscription, of acknowledgements, stays. */
void bus_link_await_hush(struct bus *b)
{
	int64_t until_us = clock_mono_us() + FLUSH_TIMEOUT_MS * US_PER_MS;

	(void)pthread_mutex_lock(&b->mu);
	while (b->is_connected && b->live_subs > 1 && clock_mono_us() < until_us)
		bus_wait(b, until_us);
	(void)pthread_mutex_unlock(&b->mu);
}

void bus_link_close(struct bus *b)
{
	if (b->nc && natsConnection_Status(b->nc) == NATS_CONN_STATUS_CONNECTED)
		(void)natsConnection_FlushTimeout(
			b->nc, FLUSH_TIMEOUT_MS); /* acknowledgements; else they come again */
	bus_link_disconnect(b);
}
