/*
 * Lanes: the events of one resource one after the other, those of different resources side by side,
 * each in a fiber of its own.
 *
 * An event that fails rests at the head of its lane and is tried again here: what came after it for
 * the same resource waits, so order holds. When such events take half of the room, they go back to
 * the broker with a delay instead, so that one bad series does not stop the rest.
 */
#include "adapters/bus/bus_private.h"
#include "adapters/log/log.h"

enum {
	MAX_DELAY_S = 60,
	GIVE_BACK_S = 1, /* so that the broker does not send it right back to us */
};

/* "crm.<tenant>.<service>.<entity>.<id>.<verb>" without the verb. */
static struct str key_of(const struct item *i)
{
	const char *subject = natsMsg_GetSubject(i->msg);
	const char *dot = strrchr(subject, '.');

	return dot ? str_n(subject, (size_t)(dot - subject)) : str_c(subject);
}

/* 1 s, 2 s, 4 s ... 60 s */
static int64_t delay_us(uint64_t attempt)
{
	int64_t s = attempt < 7 ? INT64_C(1) << (attempt > 0 ? attempt - 1 : 0) : MAX_DELAY_S;

	return (s < MAX_DELAY_S ? s : MAX_DELAY_S) * US_PER_S;
}

static void lane_free(struct lane *lane)
{
	loop_timer_cancel(lane->listener->bus->loop, &lane->rest);
	mem_free(lane->key);
	mem_free(lane);
}

static void make_ready(struct lane *lane)
{
	struct listener *l = lane->listener;

	lane->state = LANE_READY;
	lane->next_ready = NULL;
	if (l->ready_last)
		l->ready_last->next_ready = lane;
	else
		l->ready_first = lane;
	l->ready_last = lane;
}

static struct lane *take_ready(struct listener *l)
{
	struct lane *lane = l->ready_first;

	l->ready_first = lane->next_ready;
	if (!l->ready_first)
		l->ready_last = NULL;
	return lane;
}

/* Its first item is gone: the next one's turn, or the lane's end. */
static void advance(struct lane *lane, struct item *next)
{
	lane->first = next;
	if (next) {
		make_ready(lane);
		return;
	}
	(void)map_del(&lane->listener->lanes, str_c(lane->key));
	lane_free(lane);
}

static void dispatch(struct listener *l);

static void on_rested(struct loop_timer *t)
{
	struct lane *lane = CONTAINER_OF(t, struct lane, rest);

	make_ready(lane);
	dispatch(lane->listener);
}

static void fail(struct lane *lane, enum status s)
{
	struct item *i = lane->first, *next = i->next;
	struct bus *b = lane->listener->bus;
	int64_t delay = delay_us(i->attempt);

	log_warn("event_failed", LOG_STR("subject", natsMsg_GetSubject(i->msg)),
		LOG_INT("sequence", i->sequence), LOG_INT("attempt", i->attempt),
		LOG_STR("status", status_name(s)), LOG_US("retry_ms", delay));
	if (b->is_draining || i->source->held_count > i->source->capacity / 2) {
		bus_source_return(i, delay);
		advance(lane, next);
		return;
	}
	i->attempt++;
	lane->state = LANE_RESTING;
	lane->rest.fn = on_rested;
	loop_timer_set(b->loop, &lane->rest, clock_mono_us() + delay);
}

static void settle(struct lane *lane, enum status s)
{
	struct item *i = lane->first, *next = i->next;

	if (s == ST_OK) {
		bus_source_ack(i);
		advance(lane, next);
	} else if (s == ST_INVALID_ARGUMENT) {
		log_error("event_refused", LOG_STR("subject", natsMsg_GetSubject(i->msg)),
			LOG_INT("sequence", i->sequence));
		bus_source_term(i);
		advance(lane, next);
	} else {
		fail(lane, s);
	}
}

/* While draining: when the last handler of all has returned. */
static void note_quiet(struct bus *b)
{
	size_t running = 0;

	for (const struct listener *l = b->listeners; l; l = l->next)
		running += l->running;
	if (b->is_draining && running == 0)
		event_set(&b->quiet);
}

static void run(void *arg)
{
	struct lane *lane = arg;
	struct listener *l = lane->listener;
	const struct item *i = lane->first;
	const struct bus_delivery d = {
		.subject = natsMsg_GetSubject(i->msg),
		.payload = str_n(natsMsg_GetData(i->msg), (size_t)natsMsg_GetDataLength(i->msg)),
		.sequence = i->sequence,
		.attempt = i->attempt,
		.stored_us = i->stored_us,
	};
	enum status s = l->wanted.handle(&d, l->wanted.arg);

	l->running--;
	settle(lane, s);
	if (l->bus->is_draining)
		bus_listener_give_back(l);
	note_quiet(l->bus);
	dispatch(l);
}

static void dispatch(struct listener *l)
{
	while (l->ready_first && l->running < l->wanted.concurrency && !l->bus->is_draining) {
		struct lane *lane = take_ready(l);

		lane->state = LANE_RUNNING;
		l->running++;
		(void)fiber_spawn(l->bus->loop, run, lane);
	}
}

void bus_lane_put(struct listener *l, struct item *i)
{
	struct str key = key_of(i);
	struct lane *lane = map_get(&l->lanes, key);

	if (lane) {
		lane->last->next = i;
		lane->last = i;
	} else {
		lane = mem_zalloc(sizeof(*lane));
		lane->listener = l;
		lane->first = lane->last = i;
		lane->key = mem_zalloc(key.n + 1);
		memcpy(lane->key, key.p, key.n);
		(void)map_set(&l->lanes, key, lane); /* it was not there */
		make_ready(lane);
	}
	if (l->bus->is_draining)
		bus_listener_give_back(l);
	else
		dispatch(l);
}

/* All but the one that a handler has. */
static void give_back_lane(struct lane *lane)
{
	struct item *i = lane->first;

	if (lane->state == LANE_RUNNING) {
		lane->last = i;
		i = i->next;
		lane->first->next = NULL;
	}
	while (i) {
		struct item *next = i->next;

		bus_source_return(i, GIVE_BACK_S * US_PER_S);
		i = next;
	}
}

void bus_listener_give_back(struct listener *l)
{
	struct str key;
	void *value;

	l->ready_first = l->ready_last = NULL;
	for (size_t at = 0; map_next(&l->lanes, &at, &key, &value);) {
		struct lane *lane = value;

		give_back_lane(lane);
		if (lane->state == LANE_RUNNING)
			continue;
		(void)map_del(&l->lanes, key);
		lane_free(lane);
	}
}

/* Handlers that still wait are abandoned with their loop; what they had is redelivered to others.
 */
void bus_listener_free(struct listener *l)
{
	struct str key;
	void *value;

	for (size_t at = 0; map_next(&l->lanes, &at, &key, &value);)
		lane_free(value);
	map_done(&l->lanes);
	mem_free(l);
}
