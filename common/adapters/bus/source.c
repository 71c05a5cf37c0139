/*
 * Source: one JetStream consumer, spoken to by its wire protocol, which never blocks: a request for
 * events goes out, they come back one by one, each is answered on its reply subject.
 *
 * At most one request is open; it asks for as many events as there is room for and expires after
 * EXPIRES_S, so an idle source costs one message in that time. Status lines come to
 * <inbox>.event.<index>.<request>; events keep their own subject, and their reply subject names the
 * consumer.
 */
#include <inttypes.h>
#include <stdio.h>
#include "adapters/bus/bus_private.h"
#include "adapters/log/log.h"

enum {
	EXPIRES_S = 30,
	GRACE_S = 5, /* by which an expired request is given up for lost */
	PAUSE_S = 1,
	ABANDONED_S = 1, /* later than our request is forgotten: else the broker would answer it
			    with these */
	PROGRESS_S = 10, /* well under the broker's 30 s of patience */
};

/* --- items --- */

void bus_item_free(struct item *i)
{
	natsMsg_Destroy(i->msg);
	mem_free(i->reply);
	mem_free(i);
}

static void on_progress(struct loop_timer *t)
{
	struct source *s = CONTAINER_OF(t, struct source, progress);

	for (const struct item *i = s->held; i; i = i->next_held)
		bus_link_send(s->bus, i->reply, NULL, STR("+WPI"));
	if (s->held)
		loop_timer_set(s->bus->loop, t, clock_mono_us() + PROGRESS_S * US_PER_S);
}

static void hold(struct source *s, struct item *i)
{
	i->source = s;
	i->next_held = s->held;
	if (s->held)
		s->held->prev_held = i;
	s->held = i;
	s->held_count++;
	s->progress.fn = on_progress;
	if (s->progress.slot == 0)
		loop_timer_set(s->bus->loop, &s->progress, clock_mono_us() + PROGRESS_S * US_PER_S);
}

/* Out of the held and gone. */
static void release(struct item *i)
{
	struct source *s = i->source;

	if (i->prev_held)
		i->prev_held->next_held = i->next_held;
	else
		s->held = i->next_held;
	if (i->next_held)
		i->next_held->prev_held = i->prev_held;
	s->held_count--;
	bus_item_free(i);
	bus_source_pull(s);
}

/* --- answering --- */

void bus_source_ack(struct item *i)
{
	bus_link_send(i->source->bus, i->reply, NULL, STR("+ACK"));
	release(i);
}

void bus_source_term(struct item *i)
{
	bus_link_send(i->source->bus, i->reply, NULL, STR("+TERM"));
	release(i);
}

void bus_source_send_return(struct bus *b, const char *reply, int64_t delay_us)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *text = arena_printf(a, "-NAK {\"delay\":%" PRId64 "}", delay_us * 1000);

	bus_link_send(b, reply, NULL, str_c(text));
}

void bus_source_return(struct item *i, int64_t delay_us)
{
	struct source *s = i->source;

	if (s->returned_sequence == 0 || i->sequence < s->returned_sequence)
		s->returned_sequence = i->sequence;
	bus_source_send_return(s->bus, i->reply, delay_us);
	release(i);
}

/* --- asking --- */

static void forget_request(struct source *s)
{
	s->is_pulling = false;
	loop_timer_cancel(s->bus->loop, &s->watchdog);
}

/* The first sequence that is not known to be handled. */
static uint64_t unfinished_from(const struct source *s)
{
	uint64_t first = s->last_sequence > 0 ? s->last_sequence + 1 : 0;

	for (const struct item *i = s->held; i; i = i->next_held) {
		if (i->sequence < first)
			first = i->sequence;
	}
	if (s->returned_sequence > 0 && s->returned_sequence < first)
		first = s->returned_sequence;
	return first;
}

static void ask_for_consumer(struct source *s)
{
	struct bus *b = s->bus;

	forget_request(s);
	if (s->is_asked)
		return;
	s->is_asked = true;
	(void)pthread_mutex_lock(&b->mu);
	s->resume_from = unfinished_from(s);
	s->wants_making = true;
	(void)pthread_cond_broadcast(&b->news);
	(void)pthread_mutex_unlock(&b->mu);
}

/* The broker answers a request to a consumer that it does not know with silence. */
static void on_silence(struct loop_timer *t)
{
	ask_for_consumer(CONTAINER_OF(t, struct source, watchdog));
}

static void pull(struct source *s, size_t n)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *subject =
		arena_printf(a, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", BUS_STREAM, s->name);
	const char *request =
		arena_printf(a, "{\"batch\":%zu,\"expires\":%" PRId64 "}", n, EXPIRES_S * NS_PER_S);

	s->pull++;
	s->pull_left = n;
	s->is_pulling = true;
	bus_link_send(s->bus, subject,
		arena_printf(a, "%s.event.%zu.%" PRIu64, s->bus->inbox, s->index, s->pull),
		str_c(request));
	s->watchdog.fn = on_silence;
	loop_timer_set(
		s->bus->loop, &s->watchdog, clock_mono_us() + (EXPIRES_S + GRACE_S) * US_PER_S);
}

/* Not for every event: a request is worth half of the room. */
void bus_source_pull(struct source *s)
{
	size_t room = s->capacity > s->held_count ? s->capacity - s->held_count : 0;

	if (s->name && !s->is_asked && !s->is_pulling && room >= s->capacity / 2 &&
		bus_is_up(s->bus) && !s->bus->is_draining)
		pull(s, room);
}

static void on_pause_over(struct loop_timer *t)
{
	struct source *s = CONTAINER_OF(t, struct source, watchdog);

	s->is_pulling = false;
	bus_source_pull(s);
}

/* A request stays open on our side meanwhile, so that nothing is asked for before. */
static void pause(struct source *s)
{
	s->is_pulling = true;
	s->watchdog.fn = on_pause_over;
	loop_timer_set(s->bus->loop, &s->watchdog, clock_mono_us() + PAUSE_S * US_PER_S);
}

/* --- the consumer at the broker --- */

void bus_source_made(struct source *s, char *name)
{
	mem_free(s->name);
	s->name = name;
	s->is_asked = false;
	s->returned_sequence = 0; /* the new one starts there */
	forget_request(s);
	bus_source_pull(s);
}

/* Asked for whenever the bus comes up, so that the consumer exists and has our settings: the broker
 * may have come back without its data. */
void bus_source_resume(struct source *s)
{
	ask_for_consumer(s);
}

void bus_source_suspend(struct source *s)
{
	forget_request(s);
}

/* What handlers had when their loop ended: others get it soon, not after the broker's patience. */
void bus_source_abandon(struct source *s)
{
	for (const struct item *i = s->held; i; i = i->next_held)
		bus_source_send_return(s->bus, i->reply, ABANDONED_S * US_PER_S);
}

void bus_source_free(struct source *s)
{
	for (struct item *i = s->held, *next; i; i = next) {
		next = i->next_held;
		bus_item_free(i);
	}
	loop_timer_cancel(s->bus->loop, &s->watchdog);
	loop_timer_cancel(s->bus->loop, &s->progress);
	mem_free((char *)(uintptr_t)s->filter);
	mem_free(s->durable);
	mem_free(s->name);
	mem_free(s->made_name);
	mem_free(s);
}

/* --- what came --- */

/* 408: expired, the usual end. 409: among others "Consumer Deleted". 503: nobody serves the
 * consumer. */
void bus_source_request_ended(struct source *s, const char *status, const char *description)
{
	if (strcmp(status, "100") == 0)
		return;
	if (strcmp(status, "408") == 0) {
		forget_request(s);
		bus_source_pull(s);
	} else if (strcmp(status, "503") == 0 || strstr(description, "Deleted")) {
		ask_for_consumer(s);
	} else {
		pause(s);
	}
}

/* The same event again while it is still in our hands: from now on it is answered to under the new
 * address. */
static bool is_held(struct source *s, struct item *again)
{
	for (struct item *i = s->held; i; i = i->next_held) {
		if (i->sequence == again->sequence && i->stored_us == again->stored_us) {
			mem_free(i->reply);
			i->reply = mem_strdup(natsMsg_GetReply(again->msg));
			return true;
		}
	}
	return false;
}

/*
 * An ephemeral is ours alone: what we had and did not give back is handled, even if the broker lost
 * our acknowledgement in a crash. A lower sequence that was stored later belongs to a stream made
 * anew.
 */
static bool is_past(struct source *s, const struct item *i)
{
	if (s->durable)
		return false;
	if (i->sequence <= s->last_sequence && i->stored_us > s->last_stored_us)
		s->last_sequence = s->returned_sequence = 0;
	return i->stored_us < s->listener->wanted.since_us ||
	       (i->sequence <= s->last_sequence &&
		       (s->returned_sequence == 0 || i->sequence < s->returned_sequence));
}

static void note_seen(struct source *s, const struct item *i)
{
	if (i->sequence <= s->last_sequence)
		return;
	s->last_sequence = i->sequence;
	s->last_stored_us = i->stored_us;
}

static void count_delivery(struct source *s)
{
	if (!s->is_pulling || s->pull_left == 0)
		return;
	s->pull_left--;
	if (s->pull_left == 0)
		forget_request(s);
}

bool bus_source_take(struct source *s, struct item *i)
{
	count_delivery(s);
	if (is_held(s, i)) {
		bus_item_free(i);
		return false;
	}
	if (is_past(s, i)) {
		bus_link_send(s->bus, natsMsg_GetReply(i->msg), NULL, STR("+ACK"));
		bus_item_free(i);
		return false;
	}
	note_seen(s, i);
	i->reply = mem_strdup(natsMsg_GetReply(i->msg));
	hold(s, i);
	return true;
}
