/* Stream: what the broker is to hold, made and kept as we want it: the stream and the consumers.
 * Blocking calls, for the supervisor. */
#include "adapters/bus/bus_private.h"
#include "adapters/log/log.h"

enum {
	DUPLICATE_WINDOW_S = 120,
	ACK_WAIT_S = 30,
	MAX_ACK_PENDING = 10000,
	EPHEMERAL_INACTIVE_S = 60,
};

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
	if (c->MaxAge > 0 && c->Duplicates > c->MaxAge)
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

natsStatus bus_stream_check(struct bus *b, bool may_update, struct stream_mark *ret)
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
	*ret = (struct stream_mark){ .created_ns = info->Created, .last = info->State.LastSeq };
	jsStreamInfo_Destroy(info);
	return NATS_OK;
}

/* --- consumers --- */

/*
 * A stream made anew counts from 1 again, and one that was restored may be behind: then a sequence
 * of before means nothing.
 * Times are given in whole seconds, since nats.c 3.4 drops the zeros at the start of a fraction;
 * the source leaves out what is too early.
 */
static void configure_start(const struct source *s, struct stream_mark now, jsConsumerConfig *c)
{
	if (s->durable) {
		c->DeliverPolicy = js_DeliverAll;
	} else if (s->resume_from > 0 && s->stream_created_ns == now.created_ns &&
		   s->resume_from <= now.last + 1) {
		c->DeliverPolicy = js_DeliverByStartSequence;
		c->OptStartSeq = s->resume_from;
	} else {
		c->DeliverPolicy = js_DeliverByStartTime;
		c->OptStartTime = s->listener->wanted.since_us / US_PER_S * NS_PER_S;
	}
}

natsStatus bus_stream_make_consumer(struct bus *b, struct source *s, char **ret_name)
{
	jsConsumerInfo *info = NULL;
	jsConsumerConfig c;
	struct stream_mark now;
	natsStatus status = bus_stream_check(b, false, &now);

	if (status == NATS_OK)
		status = jsConsumerConfig_Init(&c);
	if (status != NATS_OK)
		return status;
	configure_start(s, now, &c);
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
	s->stream_created_ns = now.created_ns;
	*ret_name = mem_strdup(info->Name);
	jsConsumerInfo_Destroy(info);
	return NATS_OK;
}
