/*
 * The inside of struct bus, for the files that make it up.
 *
 * - bus.c: making and freeing, what the loop is told
 * - supervisor.c: the thread that makes the calls that block
 * - link.c: the connection; stream.c: the stream and the consumers at the broker
 * - publish.c: publishing with acknowledgement
 * - source.c: one JetStream consumer, asking for events and answering; receive.c: what comes
 * - lane.c: events of one resource in order, fibers, retries
 *
 * Threads: nats.c's own threads and the supervisor put what happened behind mu and ring the bell;
 * the loop does the rest.
 */
#pragma once
#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include "adapters/bus/bus.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/map.h"

#define BUS_STREAM   "CRM"
#define BUS_SUBJECTS "crm.>"

enum { US_PER_MS = 1000, US_PER_S = 1000000 };
#define NS_PER_S INT64_C(1000000000)

/* An event on its way, or a status line of the broker. */
struct item {
	struct item *next;                  /* in the bus's inbox, then in its lane */
	struct item *next_held, *prev_held; /* in its source */
	natsMsg *msg;
	struct source *source;
	char *reply; /* where to acknowledge: of the last delivery */
	uint64_t sequence, attempt;
	int64_t stored_us;
};

/* The events of one resource: one after the other. */
struct lane {
	struct lane *next_ready;
	struct listener *listener;
	struct item *first, *last;
	enum { LANE_READY, LANE_RUNNING, LANE_RESTING } state;
	struct loop_timer rest; /* until the first is tried again */
	char *key;
};

/* One bus_consume. */
struct listener {
	struct listener *next;
	struct bus *bus;
	struct bus_consumer wanted; /* strings are copies */
	struct map lanes;           /* key -> struct lane */
	struct lane *ready_first, *ready_last;
	size_t running;
};

/* One JetStream consumer of a listener: one filter. The loop's, but for the fields that mu guards.
 */
struct source {
	struct source *next; /* guarded by mu for writing */
	struct bus *bus;
	struct listener *listener;
	size_t index;
	const char *filter;
	char *durable; /* NULL: ephemeral */
	char *name;    /* at the broker; NULL while unknown */
	bool is_asked; /* the supervisor is to make it */
	bool is_pulling;
	uint64_t pull;              /* number of the present or last request */
	size_t pull_left;           /* events it may still bring */
	struct loop_timer watchdog; /* a request that was forgotten, or a pause before the next */
	size_t capacity, held_count;
	struct item *held;
	struct loop_timer progress; /* tells the broker that the held are being worked on */
	uint64_t last_sequence;     /* seen, and when it was stored */
	int64_t last_stored_us;
	uint64_t returned_sequence; /* lowest given back since the consumer was made; 0: none */

	bool wants_making;    /* guarded by mu, as below */
	uint64_t resume_from; /* ephemeral: first sequence wanted; 0: by time */
	char *made_name;      /* news for the loop */

	int64_t stream_created_ns; /* the supervisor's: of the stream that sequences belong to */
};

struct bus {
	struct loop *loop;
	char *url, *name;
	int64_t max_age_ms;
	int replicas;
	natsInbox *inbox; /* prefix of the subjects that answers come to */

	pthread_rwlock_t connection_lock; /* read to use nc, written to replace it */
	natsConnection *nc;               /* NULL when there is none */
	jsCtx *js;                        /* the supervisor's */
	natsSubscription *ack_sub, *event_sub;
	pthread_t supervisor;

	pthread_mutex_t mu;
	pthread_cond_t news; /* for the supervisor, and for who closes the connection */
	bool is_stopping;    /* guarded by mu, as all down to `told` */
	bool is_connected, is_closed, has_stream, is_check_due;
	size_t live_subs;
	uint64_t epoch; /* counts the times the bus came up */
	struct item *inbox_first, *inbox_last;
	bool is_rung;
	const char *trouble; /* what was logged last, so that it is logged once */

	pthread_mutex_t publish_mu; /* one batch at a time; taken before mu */
	enum status batch_sent;     /* guarded by publish_mu */
	pthread_cond_t acks;
	uint64_t batch;
	size_t acks_missing;
	enum status batch_outcome;

	_Atomic bool is_up;

	/* the loop's */
	struct loop_task bell;
	uint64_t seen_epoch;
	bool told;
	void (*on_change)(bool up, void *arg);
	void *on_change_arg;
	struct source *sources;
	struct listener *listeners;
	bool is_draining;
	struct event quiet; /* set while draining, when no handler runs */
};

/* bus.c; with mu held */
void bus_ring(struct bus *b);

/* supervisor.c */
void bus_supervisor_start(struct bus *b);
void bus_supervisor_stop(struct bus *b);
/* With mu held: until there is news, at most until until_us (CLOCK_NEVER for no end). */
void bus_wait(struct bus *b, int64_t until_us);

/* stream.c: for the supervisor */
struct stream_mark { /* which stream it is and how far it goes */
	int64_t created_ns;
	uint64_t last;
};
natsStatus bus_stream_check(struct bus *b, bool may_update, struct stream_mark *ret);
natsStatus bus_stream_make_consumer(struct bus *b, struct source *s, char **ret_name);

/* link.c */
/* NULL if all is well, else the reason in words that stay. */
const char *bus_link_connect(struct bus *b);
void bus_link_disconnect(struct bus *b); /* and waits until nats.c calls us no more */
void bus_link_hush(struct bus *b);       /* asks that no more events come */
void bus_link_await_hush(struct bus *b); /* until what nats.c still had of events has come */
void bus_link_close(struct bus *b);
void bus_link_update(struct bus *b); /* with mu held: is_up follows its parts */
/* Sends without waiting. What is lost with the connection is made good by the caller's time-outs.
 */
void bus_link_send(struct bus *b, const char *subject, const char *reply, struct str data);

/* publish.c: on nats.c's thread; and with mu held when the connection broke */
void bus_publish_on_ack(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg);
void bus_publish_fail(struct bus *b, enum status s);

/* receive.c: on nats.c's thread; on the loop; and when nobody will look at it any more */
void bus_receive_on_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg);
void bus_receive(struct bus *b, struct item *i);
void bus_receive_and_reject(struct bus *b, struct item *i);

/* source.c: the loop's */
void bus_item_free(struct item *i);
void bus_source_made(struct source *s, char *name);
void bus_source_resume(struct source *s);  /* the bus came up */
void bus_source_suspend(struct source *s); /* it went down */
void bus_source_pull(struct source *s);    /* if it is due */
void bus_source_request_ended(struct source *s, const char *status, const char *description);
/* True: a new event, now held. False: it is freed. */
bool bus_source_take(struct source *s, struct item *i);
void bus_source_ack(struct item *i);
void bus_source_term(struct item *i);
void bus_source_return(struct item *i, int64_t delay_us); /* to the broker, for later */
void bus_source_send_return(struct bus *b, const char *reply, int64_t delay_us);
void bus_source_abandon(struct source *s); /* answers for what is still held; before link_close */
void bus_source_free(struct source *s);

/* lane.c */
void bus_lane_put(struct listener *l, struct item *i);
void bus_listener_give_back(struct listener *l); /* returns what no handler has begun */
void bus_listener_free(struct listener *l);
