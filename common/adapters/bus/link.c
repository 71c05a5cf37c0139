/*
 * Link: the connection, and the supervisor thread, which alone makes calls that block.
 *
 * nats.c reconnects by itself; only when it gives up (it does after refused credentials) the
 * supervisor makes a new connection. The stream is looked at when the connection comes, when
 * somebody finds it missing, and every CHECK_S seconds.
 */
#include <signal.h>
#include <stdlib.h>
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
	CHECK_S = 30,
	RETRY_S = 1,
	DUPLICATE_WINDOW_S = 120,
	ACK_WAIT_S = 30,
	MAX_ACK_PENDING = 10000,
	EPHEMERAL_INACTIVE_S = 60,
};

/* --- what happened, from nats.c's threads --- */

void link_update(struct bus *b)
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
		publish_fail(b, ST_UNAVAILABLE);
		if (atomic_load(&b->is_up))
			log_warn("bus_down", LOG_STR("reason", "connection lost"));
	}
	link_update(b);
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

void link_send(struct bus *b, const char *subject, const char *reply, struct str data)
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

/* Closes and waits until nats.c calls us no more. */
static void close_connection(struct bus *b)
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

/* The reason in words that stay. NULL if all is well. */
static const char *connect_now(struct bus *b)
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
		s = subscribe(b, nc, "ack", publish_on_ack, &b->ack_sub);
	if (s == NATS_OK)
		s = subscribe(b, nc, "event", source_on_message, &b->event_sub);
	if (s != NATS_OK) {
		close_connection(b);
		return natsStatus_GetText(s);
	}
	if (is_there) /* no callback tells of a first attempt that succeeds */
		set_connected(b, true);
	return NULL;
}

/* --- the stream --- */

static void configure_stream(const struct bus *b, jsStreamConfig *c)
{
	static const char *SUBJECTS[] = { BUS_SUBJECTS };

	c->Name = BUS_STREAM;
	c->Subjects = SUBJECTS;
	c->SubjectsLen = 1;
	c->Retention = js_LimitsPolicy;
	c->Discard = js_DiscardOld;
	c->Storage = js_FileStorage;
	c->MaxAge = b->max_age_ms * (NS_PER_S / 1000);
	c->Duplicates = DUPLICATE_WINDOW_S * NS_PER_S;
	if (c->Duplicates > c->MaxAge)
		c->Duplicates = c->MaxAge; /* the broker insists */
	c->Replicas = b->replicas;
}

static bool is_as_wanted(const struct bus *b, const jsStreamConfig *now)
{
	jsStreamConfig wanted = *now;

	configure_stream(b, &wanted);
	return now->MaxAge == wanted.MaxAge && now->Duplicates == wanted.Duplicates &&
	       now->Replicas == wanted.Replicas && now->SubjectsLen == 1 &&
	       strcmp(now->Subjects[0], BUS_SUBJECTS) == 0;
}

static natsStatus add_stream(struct bus *b)
{
	jsStreamConfig c;
	jsErrCode code = 0;
	natsStatus s = jsStreamConfig_Init(&c);

	configure_stream(b, &c);
	if (s == NATS_OK)
		s = js_AddStream(NULL, b->js, &c, NULL, &code);
	return code == JSStreamNameExistErr ? NATS_OK : s; /* another service was faster */
}

/* What an operator or another service set beside our fields stays. An update that is refused is no
 * reason not to use the stream. */
static void update_stream(struct bus *b, const jsStreamConfig *now)
{
	jsStreamConfig c = *now;
	natsStatus s;

	configure_stream(b, &c);
	s = js_UpdateStream(NULL, b->js, &c, NULL, NULL);
	if (s != NATS_OK)
		log_warn("bus_stream_not_updated", LOG_STR("reason", natsStatus_GetText(s)));
}

/* A stream made anew has no consumers: the sources are made to look for theirs. */
static void note_new_stream(struct bus *b)
{
	(void)pthread_mutex_lock(&b->mu);
	b->epoch++;
	bus_ring(b);
	(void)pthread_mutex_unlock(&b->mu);
}

/* ret_last: the last sequence in the stream. */
static natsStatus check_stream(struct bus *b, bool may_update, uint64_t *ret_last)
{
	jsStreamInfo *info = NULL;
	natsStatus s = js_GetStreamInfo(&info, b->js, BUS_STREAM, NULL, NULL);

	if (s == NATS_NOT_FOUND) {
		s = add_stream(b);
		note_new_stream(b);
		if (s == NATS_OK)
			s = js_GetStreamInfo(&info, b->js, BUS_STREAM, NULL, NULL);
	}
	if (s != NATS_OK)
		return s;
	if (may_update && !is_as_wanted(b, info->Config))
		update_stream(b, info->Config);
	*ret_last = info->State.LastSeq;
	jsStreamInfo_Destroy(info);
	return NATS_OK;
}

/* --- consumers --- */

/*
 * A stream made anew counts from 1 again: then a sequence of before means nothing.
 * Times are given in whole seconds, since nats.c 3.4 drops the zeros at the start of a fraction;
 * the source leaves out what is too early.
 */
static void configure_start(const struct source *s, uint64_t last, jsConsumerConfig *c)
{
	if (s->durable) {
		c->DeliverPolicy = js_DeliverAll;
	} else if (s->resume_from > 0 && s->resume_from <= last + 1) {
		c->DeliverPolicy = js_DeliverByStartSequence;
		c->OptStartSeq = s->resume_from;
	} else {
		c->DeliverPolicy = js_DeliverByStartTime;
		c->OptStartTime = s->listener->wanted.since_us / US_PER_S * NS_PER_S;
	}
}

static natsStatus make_consumer(struct bus *b, const struct source *s, char **ret_name)
{
	jsConsumerInfo *info = NULL;
	jsConsumerConfig c;
	uint64_t last;
	natsStatus status = check_stream(b, false, &last);

	if (status == NATS_OK)
		status = jsConsumerConfig_Init(&c);
	if (status != NATS_OK)
		return status;
	configure_start(s, last, &c);
	c.Durable = s->durable;
	c.FilterSubject = s->filter;
	c.AckPolicy = js_AckExplicit;
	c.AckWait = ACK_WAIT_S * NS_PER_S;
	c.MaxDeliver = -1;
	c.MaxAckPending = MAX_ACK_PENDING;
	c.InactiveThreshold = s->durable ? 0 : EPHEMERAL_INACTIVE_S * NS_PER_S;
	status = js_AddConsumer(&info, b->js, BUS_STREAM, &c, NULL, NULL);
	if (status != NATS_OK)
		return status;
	*ret_name = mem_strdup(info->Name);
	jsConsumerInfo_Destroy(info);
	return NATS_OK;
}

/* --- the supervisor; its state is guarded by mu, which is let go around what blocks --- */

/* until_us: CLOCK_NEVER for no end. */
static void wait_for_news(struct bus *b, int64_t until_us)
{
	struct timespec until = { .tv_sec = (time_t)(until_us / US_PER_S),
		.tv_nsec = (long)(until_us % US_PER_S) * 1000 };

	if (until_us == CLOCK_NEVER)
		(void)pthread_cond_wait(&b->news, &b->mu);
	else
		(void)pthread_cond_timedwait(&b->news, &b->mu, &until);
}

static void rest(struct bus *b)
{
	int64_t until_us = clock_mono_us() + RETRY_S * US_PER_S;

	while (!b->is_stopping && clock_mono_us() < until_us)
		wait_for_news(b, until_us);
}

/* Texts of natsStatus_GetText are constant: the pointer tells whether it was said before. */
static void report(struct bus *b, const char *event, const char *reason)
{
	if (reason == b->trouble)
		return;
	b->trouble = reason;
	log_warn(event, LOG_STR("reason", reason));
}

static void step_connect(struct bus *b)
{
	const char *trouble;

	b->is_connected = b->has_stream = false;
	link_update(b);
	(void)pthread_mutex_unlock(&b->mu);
	close_connection(b);
	trouble = connect_now(b);
	(void)pthread_mutex_lock(&b->mu);
	if (!trouble)
		return;
	report(b, "bus_cannot_connect", trouble);
	rest(b);
}

static void step_check(struct bus *b, int64_t *check_at_us)
{
	bool may_update = !b->has_stream;
	uint64_t last;
	natsStatus s;

	b->is_check_due = false;
	(void)pthread_mutex_unlock(&b->mu);
	s = check_stream(b, may_update, &last);
	(void)pthread_mutex_lock(&b->mu);
	*check_at_us = clock_mono_us() + CHECK_S * US_PER_S;
	b->has_stream = s == NATS_OK && b->is_connected;
	if (s != NATS_OK && b->is_connected)
		report(b, "bus_stream_unavailable", natsStatus_GetText(s));
	link_update(b);
	if (s != NATS_OK)
		rest(b);
}

static struct source *next_to_make(struct bus *b)
{
	struct source *s = b->sources;

	while (s && !s->wants_making)
		s = s->next;
	return s;
}

static void step_make(struct bus *b, struct source *s)
{
	char *name = NULL;
	natsStatus status;

	(void)pthread_mutex_unlock(&b->mu);
	status = make_consumer(b, s, &name);
	(void)pthread_mutex_lock(&b->mu);
	if (status != NATS_OK) {
		report(b, "bus_consumer_unavailable", natsStatus_GetText(status));
		b->is_check_due = true;
		rest(b);
		return;
	}
	s->wants_making = false;
	s->made_name = name;
	bus_ring(b);
}

static void *supervise(void *arg)
{
	struct bus *b = arg;
	int64_t check_at_us = 0;
	struct source *s;

	(void)pthread_mutex_lock(&b->mu);
	while (!b->is_stopping) {
		if (!b->nc || b->is_closed)
			step_connect(b);
		else if (!b->is_connected)
			wait_for_news(b, CLOCK_NEVER);
		else if (!b->has_stream || b->is_check_due || clock_mono_us() >= check_at_us)
			step_check(b, &check_at_us);
		else if ((s = next_to_make(b)))
			step_make(b, s);
		else
			wait_for_news(b, check_at_us);
	}
	link_update(b);
	(void)pthread_mutex_unlock(&b->mu);
	nats_ReleaseThreadMemory();
	return NULL;
}

/* Its thread, and those that nats.c starts from it, leave the signals to the loop's. */
void link_start(struct bus *b)
{
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&b->supervisor, NULL, supervise, b) != 0)
		abort(); /* the process is out of threads before it began */
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void link_hush(struct bus *b)
{
	(void)pthread_rwlock_rdlock(&b->connection_lock);
	if (b->event_sub)
		(void)natsSubscription_Drain(b->event_sub); /* fails when it is hushed already */
	(void)pthread_rwlock_unlock(&b->connection_lock);
}

/* Until what nats.c still had of events has come; one subscription, of acknowledgements, stays. */
static void await_hush(struct bus *b)
{
	int64_t until_us = clock_mono_us() + FLUSH_TIMEOUT_MS * US_PER_MS;

	(void)pthread_mutex_lock(&b->mu);
	while (b->is_connected && b->live_subs > 1 && clock_mono_us() < until_us)
		wait_for_news(b, until_us);
	(void)pthread_mutex_unlock(&b->mu);
}

void link_stop(struct bus *b)
{
	(void)pthread_mutex_lock(&b->mu);
	b->is_stopping = true;
	(void)pthread_cond_broadcast(&b->news);
	(void)pthread_mutex_unlock(&b->mu);
	(void)pthread_join(b->supervisor, NULL);
	link_hush(b);
	await_hush(b);
}

void link_close(struct bus *b)
{
	if (b->nc && natsConnection_Status(b->nc) == NATS_CONN_STATUS_CONNECTED)
		(void)natsConnection_FlushTimeout(
			b->nc, FLUSH_TIMEOUT_MS); /* acknowledgements; else they come again */
	close_connection(b);
}
