/*
 * Receive: what comes on the event subscription. Status lines have the subject that we asked on,
 * <inbox>.event.<index>.<request>; events keep their own, and their reply subject names the
 * consumer.
 */
#include "adapters/bus/bus_private.h"

enum {
	MAX_TOKENS = 16,
	REJECTED_S = 1, /* as for what is abandoned: later than our request is forgotten */
};

void bus_receive_on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
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

static const char *header(const struct item *i, const char *name)
{
	const char *value;

	return natsMsgHeader_Get(i->msg, name, &value) == NATS_OK ? value : "";
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
		bus_source_request_ended(s, header(i, "Status"), header(i, "Description"));
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

static void receive_event(struct bus *b, struct item *i)
{
	struct source *s = read_reply(b, i);

	if (!s) { /* of a consumer that is no longer ours */
		bus_item_free(i);
		return;
	}
	if (bus_source_take(s, i))
		bus_lane_put(s->listener, i);
	bus_source_pull(s);
}

void bus_receive_and_reject(struct bus *b, struct item *i)
{
	if (!str_starts(str_c(natsMsg_GetSubject(i->msg)), b->inbox) && natsMsg_GetReply(i->msg))
		bus_source_send_return(b, natsMsg_GetReply(i->msg), REJECTED_S * US_PER_S);
	bus_item_free(i);
}

void bus_receive(struct bus *b, struct item *i)
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
	bus_item_free(i);
}
