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
	MAX_TOKENS = 16,
};

/* --- from nats.c's thread to the loop --- */

void source_on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
	struct bus *b = arg;
	struct item *i = mem_zalloc(sizeof(*i));

	(void)nc;
	(void)sub;
	i->msg = msg;
	(void)pthread_mutex_lock(&b->mu);
	if (b->inbox_last)
		b->inbox_last->next = i;
	else
		b->inbox_first = i;
	b->inbox_last = i;
	bus_ring(b);
	(void)pthread_mutex_unlock(&b->mu);
}

/* --- items --- */

static void item_free(struct item *i)
{
	natsMsg_Destroy(i->msg);
	mem_free(i->reply);
	mem_free(i);
}

static void on_progress(struct loop_timer *t)
{
	struct source *s = CONTAINER_OF(t, struct source, progress);

	for (const struct item *i = s->held; i; i = i->next_held)
		link_send(s->bus, i->reply, NULL, STR("+WPI"));
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
	item_free(i);
	source_pull(s);
}

/* --- answering --- */

void source_ack(struct item *i)
{
	link_send(i->source->bus, i->reply, NULL, STR("+ACK"));
	release(i);
}

void source_term(struct item *i)
{
	link_send(i->source->bus, i->reply, NULL, STR("+TERM"));
	release(i);
}

static void send_return(struct bus *b, const char *reply, int64_t delay_us)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const char *text = arena_printf(a, "-NAK {\"delay\":%" PRId64 "}", delay_us * 1000);

	link_send(b, reply, NULL, str_c(text));
}

void source_return(struct item *i, int64_t delay_us)
{
	struct source *s = i->source;

	if (s->returned_sequence == 0 || i->sequence < s->returned_sequence)
		s->returned_sequence = i->sequence;
	send_return(s->bus, i->reply, delay_us);
	release(i);
}

/* --- asking --- */

static void forget_request(struct source *s)
{
	s->is_pulling = false;
	loop_timer_cancel(s->bus->loop, &s->watchdog);
}

static void on_watchdog(struct loop_timer *t)
{
	struct source *s = CONTAINER_OF(t, struct source, watchdog);

	s->is_pulling = false;
	source_pull(s);
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
	link_send(s->bus, subject,
		arena_printf(a, "%s.event.%zu.%" PRIu64, s->bus->inbox, s->index, s->pull),
		str_c(request));
	s->watchdog.fn = on_watchdog;
	loop_timer_set(
		s->bus->loop, &s->watchdog, clock_mono_us() + (EXPIRES_S + GRACE_S) * US_PER_S);
}

/* Not for every event: a request is worth half of the room. */
void source_pull(struct source *s)
{
	size_t room = s->capacity > s->held_count ? s->capacity - s->held_count : 0;

	if (s->name && !s->is_asked && !s->is_pulling && room >= s->capacity / 2 &&
		bus_is_up(s->bus) && !s->bus->is_draining)
		pull(s, room);
}

/* A request stays open on our side meanwhile, so that nothing is asked for before. */
static void pause(struct source *s)
{
	s->is_pulling = true;
	s->watchdog.fn = on_watchdog;
	loop_timer_set(s->bus->loop, &s->watchdog, clock_mono_us() + PAUSE_S * US_PER_S);
}

/* --- the consumer at the broker --- */

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

void source_made(struct source *s, char *name)
{
	mem_free(s->name);
	s->name = name;
	s->is_asked = false;
	s->returned_sequence = 0; /* the new one starts there */
	forget_request(s);
	source_pull(s);
}

/* A durable is asked for at each start, so that it exists and has our settings. */
void source_resume(struct source *s)
{
	if (s->name)
		source_pull(s);
	else
		ask_for_consumer(s);
}

void source_suspend(struct source *s)
{
	forget_request(s);
}

/* What handlers had when their loop ended: others get it soon, not after the broker's patience. */
void source_abandon(struct source *s)
{
	for (const struct item *i = s->held; i; i = i->next_held)
		send_return(s->bus, i->reply, ABANDONED_S * US_PER_S);
}

void source_free(struct source *s)
{
	for (struct item *i = s->held, *next; i; i = next) {
		next = i->next_held;
		item_free(i);
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

static const char *header(const struct item *i, const char *name)
{
	const char *value;

	return natsMsgHeader_Get(i->msg, name, &value) == NATS_OK ? value : "";
}

/* 408: expired, the usual end. 409: among others "Consumer Deleted". 503: nobody serves the
 * consumer. */
static void end_request(struct source *s, const struct item *i)
{
	const char *status = header(i, "Status");

	if (strcmp(status, "100") == 0)
		return;
	if (strcmp(status, "408") == 0) {
		forget_request(s);
		source_pull(s);
	} else if (strcmp(status, "503") == 0 || strstr(header(i, "Description"), "Deleted")) {
		ask_for_consumer(s);
	} else {
		pause(s);
	}
}

static void receive_status(struct bus *b, struct item *i, struct str which)
{
	struct str request = which, index = str_cut(&request, '.');
	uint64_t at, number;
	struct source *s = b->sources;

	if (!str_to_u64(index, &at) || !str_to_u64(request, &number))
		return;
	while (s && s->index != at)
		s = s->next;
	if (s && s->is_pulling && s->pull == number)
		end_request(s, i);
}

static struct source *source_named(struct bus *b, struct str name)
{
	struct source *s = b->sources;

	while (s && !(s->name && str_is(name, s->name)))
		s = s->next;
	return s;
}

/*
 * $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time in
 * ns>.<pending>, and newer brokers put <domain>.<account> before the stream.
 */
static struct source *read_reply(struct bus *b, struct item *i)
{
	struct str rest = str_c(natsMsg_GetReply(i->msg)), tokens[MAX_TOKENS];
	const struct str *t = tokens + 2;
	uint64_t stored_ns;
	size_t n = 0;

	while (rest.p && n < MAX_TOKENS)
		tokens[n++] = str_cut(&rest, '.');
	if (n < 9 || !str_is(tokens[0], "$JS") || !str_is(tokens[1], "ACK"))
		return NULL;
	if (n >= 11)
		t += 2;
	if (!str_to_u64(t[2], &i->attempt) || !str_to_u64(t[3], &i->sequence) ||
		!str_to_u64(t[5], &stored_ns))
		return NULL;
	i->stored_us = (int64_t)(stored_ns / 1000);
	return source_named(b, t[1]);
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

static void receive_event(struct bus *b, struct item *i)
{
	struct source *s = read_reply(b, i);

	if (!s) { /* of a consumer that is no longer ours */
		item_free(i);
		return;
	}
	count_delivery(s);
	if (is_held(s, i)) {
		item_free(i);
		return;
	}
	if (is_past(s, i)) {
		link_send(b, natsMsg_GetReply(i->msg), NULL, STR("+ACK"));
		item_free(i);
		source_pull(s);
		return;
	}
	note_seen(s, i);
	i->reply = mem_strdup(natsMsg_GetReply(i->msg));
	hold(s, i);
	lane_put(s->listener, i);
	source_pull(s);
}

void source_reject(struct bus *b, struct item *i)
{
	if (!str_starts(str_c(natsMsg_GetSubject(i->msg)), b->inbox) && natsMsg_GetReply(i->msg))
		send_return(b, natsMsg_GetReply(i->msg), ABANDONED_S * US_PER_S);
	item_free(i);
}

void source_receive(struct bus *b, struct item *i)
{
	struct str subject = str_c(natsMsg_GetSubject(i->msg));
	size_t n = strlen(b->inbox);

	i->next = NULL;
	if (!str_starts(subject, b->inbox)) {
		receive_event(b, i);
		return;
	}
	n += strlen(".event.");
	if (subject.n > n)
		receive_status(b, i, str_n(subject.p + n, subject.n - n));
	item_free(i);
}
