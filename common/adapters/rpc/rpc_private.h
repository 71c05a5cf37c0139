/*
 * What the files of this adapter share: operations and their way to the loop, message buffers,
 * metadata.
 */
#pragma once
#include <grpc/grpc.h>
#include <pthread.h>
#include <stdatomic.h>
#include "adapters/rpc/rpc.h"

/*
 * A batch given to gRPC, which is its tag. It stands inside a call, and that call is not released
 * before every batch it posted has been reported.
 */
struct rpc_op {
	struct rpc_op *next;                /* in the inbox */
	bool (*on_done)(struct rpc_op *op); /* RPC thread; true: on_loop too. NULL: on_loop only */
	void (*on_loop)(struct rpc_op *op); /* loop */
	atomic_bool posted;                 /* what the poster wrote is seen by the RPC thread */
	bool ok;
};

/* A client call that gRPC has not ended yet. */
struct rpc_client {
	struct rpc *rpc;
	struct rpc_client *prev, *next;
	grpc_call *call;
	bool is_cancelled; /* by us */
	void (*release)(
		struct rpc_client *c); /* the whole call; once gRPC has reported all its batches */
};

struct rpc {
	struct loop *loop;
	grpc_completion_queue *queue;
	pthread_t thread;
	_Atomic(struct rpc_op *) inbox; /* done, to be run on the loop; the latest first */
	struct loop_task wake;          /* posted when the inbox was empty */
	bool is_wake_posted;            /* goes with wake */
	bool is_freed;                  /* but for wake; loop only */
	struct rpc_client *clients;     /* loop only */
};

/* Any thread: runs op->on_loop on the loop. */
void rpc_hand_over(struct rpc *r, struct rpc_op *op);
/* True if gRPC took the batch; it will then be reported. */
bool rpc_op_start(grpc_call *call, struct rpc_op *op, const grpc_op *ops, size_t n);

/* Before gRPC starts. */
void rpc_relax_mutexes(void);

/* ---- messages ---- */

struct rpc_bytes *rpc_bytes_wrap(grpc_byte_buffer *buffer); /* takes it over */
grpc_byte_buffer *rpc_bytes_buffer(
	const struct rpc_bytes *b); /* a new one that shares the slices; NULL: empty */

/* ---- metadata ---- */

/* Metadata to send. Copies what it is given; drops what gRPC would refuse or sets itself. */
struct rpc_metadata {
	grpc_metadata *list;
	size_t n, cap;
};
void rpc_metadata_add(struct rpc_metadata *m, const char *key, struct str value);
void rpc_metadata_add_details(struct rpc_metadata *m, struct str details);
void rpc_metadata_done(struct rpc_metadata *m);

/* Received metadata as rpc_headers, without what is gRPC's own, in a block of memory of the size
 * asked for before. */
size_t rpc_headers_room(const grpc_metadata_array *md);
struct rpc_headers rpc_headers_copy(const grpc_metadata_array *md, void *room);

/* Like str_n of its bytes; valid as long as *s stays where it is. */
struct str rpc_slice_str(const grpc_slice *s);

/* ---- time ---- */

gpr_timespec rpc_timespec(int64_t mono_us);
int64_t rpc_mono_us(gpr_timespec t);

/* ---- server ---- */

enum { RPC_SLOTS = 64 };

/* One posted grpc_server_request_call. */
struct rpc_slot {
	struct rpc_op op;
	struct rpc_server *server;
	grpc_call *call;
	grpc_call_details details;
	grpc_metadata_array metadata;
};

struct rpc_server {
	struct rpc *rpc;
	grpc_server *server;
	struct rpc_handlers handlers;
	size_t max_calls;
	int port;
	bool is_stopping;
	atomic_size_t calls; /* in flight */
	atomic_size_t refs;  /* posted slots, calls, and one until shutdown */
	struct rpc_op stopped;
	struct rpc_op drained;
	struct event is_stopped; /* gRPC has no connection left */
	struct event is_drained; /* refs is 0 */
	/* RPC thread: unary calls whose message has not come yet */
	struct rpc_call *oldest, *newest;
	struct rpc_slot slots[RPC_SLOTS];
};

void rpc_server_unref(struct rpc_server *s); /* any thread */
/* RPC thread: a new call. Takes over slot->call. */
void rpc_call_accept(struct rpc_server *s, const struct rpc_slot *slot);
grpc_call *rpc_call_of(struct rpc_call *c); /* NULL of NULL */

/* ---- client ---- */

struct rpc_channel {
	struct rpc *rpc;
	grpc_channel *channel;
};

/* Creates the call with the deadline that counts. */
void rpc_client_begin(struct rpc_client *c, struct rpc_channel *ch, const struct rpc_request *q);
void rpc_client_cancel(struct rpc_client *c);
void rpc_client_end(struct rpc_client *c);
/* For rpc_free, before and after the queue is drained. */
void rpc_client_cancel_all(struct rpc *r);
void rpc_client_release_all(struct rpc *r);
/* The first operation of a call: its headers go into m, which must live as long as the batch. */
grpc_op rpc_client_start_op(const struct rpc_request *q, struct rpc_metadata *m);

/* What gRPC says about the end of a client call. */
struct rpc_ending {
	grpc_status_code code;
	grpc_slice message;
	grpc_metadata_array trailers;
};
void rpc_ending_init(struct rpc_ending *e);
void rpc_ending_done(struct rpc_ending *e);
grpc_op rpc_ending_op(struct rpc_ending *e);
struct rpc_outcome rpc_ending_outcome(
	const struct rpc_ending *e, const struct rpc_client *c, struct arena *a);
struct rpc_headers rpc_headers_in(struct arena *a, const grpc_metadata_array *md);

/* ---- credentials ---- */

/* NULL if the files cannot be read. */
grpc_server_credentials *rpc_server_credentials(const struct rpc_server_config *c);
grpc_channel_credentials *rpc_channel_credentials(const struct rpc_channel_config *c);
