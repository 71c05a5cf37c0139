/*
 * bus: NATS JetStream: publishing with acknowledgement, durable consumers, and "everything since"
 * subscriptions.
 *
 * One stream, CRM, holds every subject crm.> on disk; bus_new creates or updates it. The connection
 * is made in the background and made again for ever.
 * Owner: struct bus belongs to the service. Threads: bus_publish blocks and is for the relay thread
 * (any thread but the loop's); handlers run in fibers of the loop.
 */
#pragma once
#include "base/loop.h"
#include "base/str.h"

struct bus;
struct bus_config {
	const char *url;    /* nats://user:password@host:port, several separated by commas */
	const char *name;   /* client name, the service's */
	int64_t max_age_ms; /* how long the stream keeps events; 0: for ever */
	int replicas;       /* of the stream; 0: 1 */
};

struct bus *bus_new(struct loop *l, const struct bus_config *c);
void bus_free(struct bus *b); /* once the loop will not run again, before loop_free; NULL is fine */
bool bus_is_up(const struct bus *b); /* any thread: connected and the stream is there */
void bus_on_change(struct bus *b, void (*fn)(bool up, void *arg), void *arg); /* on the loop */

struct bus_event {
	const char *subject; /* crm.<tenant>.<service>.<entity>.<id>.<verb> */
	const char *id;      /* Nats-Msg-Id: the broker drops a repeat within its window */
	struct str payload;
};
/* Publishes asynchronously and waits until the broker has stored all: ST_OK, or ST_UNAVAILABLE /
 * ST_DEADLINE_EXCEEDED with unknown outcome for some: publish the same again.
 * ST_INVALID_ARGUMENT: one of them can never be stored (too large, no subject); publish them one by
 * one to see which. */
enum status bus_publish(struct bus *b, const struct bus_event *list, size_t n, int64_t timeout_ms)
	MUST_CHECK;
/* The same in two halves, for who has something to do meanwhile: the first sends, the second waits
 * and tells. Both in the same thread; other publishers wait in between. The events need not live
 * longer than the first. */
void bus_publish_begin(struct bus *b, const struct bus_event *list, size_t n);
enum status bus_publish_end(struct bus *b, int64_t timeout_ms) MUST_CHECK;

struct bus_delivery {
	const char *subject;
	struct str payload;
	uint64_t sequence; /* in the stream */
	uint64_t attempt;  /* 1 for the first delivery */
	int64_t stored_us; /* wall clock when the broker stored it */
};
struct bus_consumer {
	/* name, shared by all replicas: each event goes to one of them. NULL: ephemeral, this
	 * process alone */
	const char *durable;
	/* filters: "crm.*.identity.session.*.revoked"; several make several consumers with the
	 * durable's name and a suffix */
	const char *const *subjects;
	size_t n_subjects;
	int64_t since_us; /* ephemeral only: from this wall-clock time on */
	/* handlers at once; 0: 16. Events of one resource (same subject up to the id) are handled
	 * in order */
	size_t concurrency;
	/* In a fiber. ST_OK acknowledges; anything else is redelivered after a growing delay (1 s
	 * to 60 s), for ever. ST_INVALID_ARGUMENT means it can never be handled: it is logged and
	 * terminated. */
	enum status (*handle)(const struct bus_delivery *d, void *arg);
	void *arg;
};
/* Starts now or as soon as the bus is up, and again after each reconnect. */
void bus_consume(struct bus *b, const struct bus_consumer *c);
/* In a fiber, before the loop stops: takes no more events, gives back those not begun, and waits
 * for the handlers that run. The status tells why the wait was cut short. */
enum status bus_drain(struct bus *b) MUST_CHECK;
