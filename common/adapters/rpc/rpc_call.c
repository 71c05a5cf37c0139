/*
 * One call on the server.
 *
 * Its life: the RPC thread accepts it; a unary request is handed over when its message is there,
 * any other at once; a fiber runs the handler; the last batch carries the status. refs counts the
 * batches that gRPC has not reported yet and the handler; who drops the last one releases the call,
 * on either thread.
 *
 * A batch of which the handler no longer waits for the end (it was cancelled meanwhile) goes on;
 * the next rpc_recv or rpc_send first waits for that one.
 */
#include <grpc/byte_buffer.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include "adapters/rpc/rpc_private.h"
#include "base/clock.h"

enum {
	/* What a client takes in trailers is 8 KiB by default, of which "-bin" values in base64 and
	 * escaped text count more than their length. */
	MAX_DETAILS = 4096,
	MAX_MESSAGE = 512,
};

struct rpc_call {
	struct rpc_server *server;
	grpc_call *call;
	struct fiber *fiber; /* runs the handler; NULL before and after */
	atomic_int refs;
	int was_cancelled; /* gRPC's, with closed */
	int64_t deadline;

	struct rpc_op recv, send, finish, closed;
	struct event received, sent;
	grpc_byte_buffer *incoming, *outgoing, *last;
	struct rpc_metadata headers, trailers;

	/* the loop's, like everything above but refs once the call is handed over */
	bool is_unary, is_cancelled;
	bool is_receiving, is_half_closed; /* a batch is posted, or its message not taken yet;
					      nothing more will come */
	bool is_sending, is_sending_message;
	bool has_sent_headers, is_finished;

	/* RPC thread: among the server's calls whose message has not come */
	struct rpc_call *older, *newer;
	bool is_silent, is_put_out;

	struct rpc_headers request_headers;
	char *method;
	char *peer; /* gRPC's memory, when asked for */
};

/* ---- life ---- */

static void call_free(struct rpc_call *c)
{
	struct rpc_server *s = c->server;

	grpc_call_unref(c->call);
	grpc_byte_buffer_destroy(c->incoming);
	grpc_byte_buffer_destroy(c->outgoing);
	grpc_byte_buffer_destroy(c->last);
	rpc_metadata_done(&c->headers);
	rpc_metadata_done(&c->trailers);
	gpr_free(c->peer);
	mem_free(c);
	atomic_fetch_sub_explicit(&s->calls, 1, memory_order_relaxed);
	rpc_server_unref(s);
}

static void call_unref(struct rpc_call *c)
{
	if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		call_free(c);
}

static void call_ref(struct rpc_call *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

/* Posts a batch, which holds the call until it is reported. */
static bool post(struct rpc_call *c, struct rpc_op *op, const grpc_op *ops, size_t n)
{
	call_ref(c);
	if (rpc_op_start(c->call, op, ops, n))
		return true;
	call_unref(c);
	return false;
}

static void serve(void *arg)
{
	struct rpc_call *c = arg;
	const struct rpc_handlers *h = &c->server->handlers;

	h->serve(c, h->arg);
	rpc_finish(c, &(struct rpc_outcome){ .status = ST_UNKNOWN, .message = "no answer" });
	c->fiber = NULL;
	call_unref(c);
}

static void on_begin(struct rpc_op *op)
{
	struct rpc_call *c = CONTAINER_OF(op, struct rpc_call, recv);

	c->fiber = fiber_spawn(c->server->rpc->loop, serve, c);
	fiber_set_deadline(c->fiber, c->deadline);
	if (c->is_cancelled)
		fiber_cancel(c->fiber);
	if (c->is_unary) {
		event_set(&c->received);
		call_unref(c); /* the batch; the handler has a reference of its own */
	}
}

static bool on_closed_rpc(struct rpc_op *op)
{
	struct rpc_call *c = CONTAINER_OF(op, struct rpc_call, closed);

	if (c->was_cancelled)
		return true;
	call_unref(c);
	return false;
}

static void on_cancelled(struct rpc_op *op)
{
	struct rpc_call *c = CONTAINER_OF(op, struct rpc_call, closed);

	c->is_cancelled = true;
	/* gRPC also ends calls whose time is over; the fiber then learns the real reason from its
	 * own deadline */
	if (c->fiber && clock_mono_us() < fiber_deadline(c->fiber))
		fiber_cancel(c->fiber);
	call_unref(c);
}

static void on_received(struct rpc_op *op)
{
	struct rpc_call *c = CONTAINER_OF(op, struct rpc_call, recv);

	event_set(&c->received);
	call_unref(c);
}

static void on_sent(struct rpc_op *op)
{
	struct rpc_call *c = CONTAINER_OF(op, struct rpc_call, send);

	c->is_sending = c->is_sending_message = false;
	grpc_byte_buffer_destroy(c->outgoing);
	c->outgoing = NULL;
	event_set(&c->sent);
	call_unref(c);
}

static bool on_finished_rpc(struct rpc_op *op)
{
	call_unref(CONTAINER_OF(op, struct rpc_call, finish));
	return false;
}

/* ---- unary calls whose message has not come, on the RPC thread ---- */

static void silent_add(struct rpc_call *c)
{
	struct rpc_server *s = c->server;

	c->is_silent = true;
	c->older = s->newest;
	if (c->older)
		c->older->newer = c;
	else
		s->oldest = c;
	s->newest = c;
}

static void silent_remove(struct rpc_call *c)
{
	struct rpc_server *s = c->server;

	if (!c->is_silent)
		return;
	c->is_silent = false;
	if (c->older)
		c->older->newer = c->newer;
	else
		s->oldest = c->newer;
	if (c->newer)
		c->newer->older = c->older;
	else
		s->newest = c->older;
}

static bool on_request_rpc(struct rpc_op *op)
{
	struct rpc_call *c = CONTAINER_OF(op, struct rpc_call, recv);

	silent_remove(c);
	if (!c->is_put_out)
		return true;
	call_unref(c); /* the batch, */
	call_unref(c); /* and the handler that it does not get */
	return false;
}

/*
 * No deadline ends a call that never sends its message, and it has no handler that could: enough of
 * them would close the server to everyone. So when there are too many calls, the one that has been
 * silent the longest makes room. False if all are being served.
 */
static bool put_out_oldest(struct rpc_server *s)
{
	struct rpc_call *c = s->oldest;

	if (!c)
		return false;
	silent_remove(c);
	c->is_put_out = true;
	(void)grpc_call_cancel_with_status(c->call, GRPC_STATUS_RESOURCE_EXHAUSTED,
		"too many calls, and this one sent no message", NULL);
	return true;
}

/* ---- acceptance, on the RPC thread ---- */

static struct rpc_call *call_new(struct rpc_server *s, const struct rpc_slot *slot)
{
	struct str method = rpc_slice_str(&slot->details.method);
	size_t room = rpc_headers_room(&slot->metadata);
	struct rpc_call *c = mem_zalloc(sizeof(*c) + room + method.n + 1);
	char *behind = (char *)(c + 1);

	c->server = s;
	c->call = slot->call;
	c->deadline = rpc_mono_us(slot->details.deadline);
	c->request_headers = rpc_headers_copy(&slot->metadata, behind);
	c->method = behind + room;
	memcpy(c->method, method.p, method.n);
	c->recv.on_loop = on_begin;
	c->send.on_loop = on_sent;
	c->closed.on_done = on_closed_rpc;
	c->closed.on_loop = on_cancelled;
	c->finish.on_done = on_finished_rpc;
	return c;
}

/* google.rpc.Status{code: 8, message, details: [RetryInfo{retry_delay: 1 s}]} */
#define BUSY_TEXT "too many calls"
static const char BUSY_DETAILS[] = "\x08\x08"
				   "\x12\x0e" BUSY_TEXT "\x1a\x30"
				   "\x0a\x28type.googleapis.com/google.rpc.RetryInfo"
				   "\x12\x04\x0a\x02\x08\x01";
_Static_assert(sizeof(BUSY_TEXT) - 1 == 0x0e, "length of the message");
_Static_assert(sizeof(BUSY_DETAILS) - 1 == 2 + 2 + 0x0e + 2 + 0x30, "length of the details");

/* Beyond the limit a call costs one batch and no fiber. */
static void refuse(struct rpc_call *c)
{
	grpc_slice text = grpc_slice_from_static_string(BUSY_TEXT);
	grpc_op ops[3] = {
		{ .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
			.data.recv_close_on_server.cancelled = &c->was_cancelled },
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
	};

	rpc_metadata_add_details(&c->trailers, STR(BUSY_DETAILS));
	ops[2].data.send_status_from_server.status = GRPC_STATUS_RESOURCE_EXHAUSTED;
	ops[2].data.send_status_from_server.status_details = &text;
	ops[2].data.send_status_from_server.trailing_metadata = c->trailers.list;
	ops[2].data.send_status_from_server.trailing_metadata_count = c->trailers.n;
	(void)post(c, &c->finish, ops, 3); /* refused, the call ends with its last reference */
	call_unref(c);
}

static void watch_close(struct rpc_call *c)
{
	grpc_op op = { .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
		.data.recv_close_on_server.cancelled = &c->was_cancelled };

	(void)post(c, &c->closed, &op, 1); /* refused, nobody will cancel */
}

static bool post_recv(struct rpc_call *c)
{
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &c->incoming };

	c->is_receiving = true;
	return post(c, &c->recv, &op, 1);
}

static void accept_unary(struct rpc_call *c)
{
	c->recv.on_done = on_request_rpc;
	silent_add(c);
	if (post_recv(c))
		return;
	silent_remove(c);
	call_unref(c);
}

void rpc_call_accept(struct rpc_server *s, const struct rpc_slot *slot)
{
	const struct rpc_handlers *h = &s->handlers;
	struct rpc_call *c = call_new(s, slot);

	atomic_init(&c->refs, 1);
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&s->calls, 1, memory_order_relaxed) >= s->max_calls &&
		!put_out_oldest(s)) {
		refuse(c);
		return;
	}
	c->is_unary = h->is_unary_request && h->is_unary_request(c->method, h->arg);
	watch_close(c);
	if (c->is_unary)
		accept_unary(c);
	else
		rpc_hand_over(s->rpc, &c->recv);
}

/* ---- what the handler reads ---- */

grpc_call *rpc_call_of(struct rpc_call *c)
{
	return c ? c->call : NULL;
}

const char *rpc_method(const struct rpc_call *c)
{
	return c->method;
}

const char *rpc_peer(const struct rpc_call *c)
{
	struct rpc_call *call = (struct rpc_call *)(uintptr_t)c; /* remembers the answer */

	if (!c->peer)
		call->peer = grpc_call_get_peer(c->call);
	return c->peer;
}

int64_t rpc_deadline(const struct rpc_call *c)
{
	return c->deadline;
}

const struct rpc_headers *rpc_request_headers(const struct rpc_call *c)
{
	return &c->request_headers;
}

bool rpc_is_cancelled(const struct rpc_call *c)
{
	return c->is_cancelled;
}

static enum status take_message(struct rpc_call *c, struct rpc_bytes **ret)
{
	grpc_byte_buffer *buffer = c->incoming;

	c->incoming = NULL;
	c->is_receiving = false;
	c->is_half_closed = c->is_unary || !buffer;
	if (!buffer && grpc_call_failed_before_recv_message(c->call))
		return ST_CANCELLED;
	*ret = buffer ? rpc_bytes_wrap(buffer) : NULL;
	return ST_OK;
}

enum status rpc_recv(struct rpc_call *c, struct rpc_bytes **ret)
{
	if (c->is_half_closed) {
		*ret = NULL;
		return c->is_cancelled ? ST_CANCELLED : ST_OK;
	}
	if (!c->is_receiving) {
		c->recv.on_loop = on_received;
		event_reset(&c->received);
		if (!post_recv(c))
			return ST_CANCELLED;
	}
	if (!c->received.is_set)
		TRY(event_wait(&c->received));
	return take_message(c, ret);
}

/* ---- what it sends ---- */

void rpc_add_header(struct rpc_call *c, const char *key, struct str value)
{
	rpc_metadata_add(&c->headers, key, value);
}

void rpc_add_trailer(struct rpc_call *c, const char *key, struct str value)
{
	rpc_metadata_add(&c->trailers, key, value);
}

/* Appends the initial metadata to a batch of n, once; how many there are then. */
static size_t with_headers(struct rpc_call *c, grpc_op *ops, size_t n)
{
	if (c->has_sent_headers)
		return n;
	c->has_sent_headers = true;
	ops[n] = (grpc_op){ .op = GRPC_OP_SEND_INITIAL_METADATA };
	ops[n].data.send_initial_metadata.count = c->headers.n;
	ops[n].data.send_initial_metadata.metadata = c->headers.list;
	return n + 1;
}

static size_t with_message(grpc_byte_buffer *buffer, grpc_op *ops, size_t n)
{
	ops[n] = (grpc_op){ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = buffer };
	return n + 1;
}

/* Waits for a batch that an earlier wait left behind. */
static enum status settle(struct rpc_call *c)
{
	if (c->is_finished)
		return ST_FAILED_PRECONDITION;
	while (c->is_sending)
		TRY(event_wait(&c->sent));
	return c->is_cancelled ? ST_CANCELLED : ST_OK;
}

static enum status post_send(struct rpc_call *c, const grpc_op *ops, size_t n)
{
	event_reset(&c->sent);
	c->is_sending = post(c, &c->send, ops, n);
	return c->is_sending ? ST_OK : ST_CANCELLED;
}

enum status rpc_send_headers(struct rpc_call *c)
{
	grpc_op ops[1];

	TRY(settle(c));
	if (with_headers(c, ops, 0) == 0)
		return ST_OK;
	return post_send(c, ops, 1);
}

enum status rpc_send(struct rpc_call *c, struct rpc_bytes *b)
{
	grpc_op ops[2];
	size_t n;

	TRY(settle(c));
	grpc_byte_buffer_destroy(c->outgoing); /* left where a batch was refused */
	c->outgoing = rpc_bytes_buffer(b);
	n = with_message(c->outgoing, ops, with_headers(c, ops, 0));
	TRY(post_send(c, ops, n));
	c->is_sending_message = true;
	TRY(event_wait(&c->sent));
	return c->send.ok ? ST_OK : ST_CANCELLED;
}

/* At most max bytes, not ending inside a UTF-8 sequence. */
static struct str cut_text(const char *text, size_t max)
{
	size_t n = text ? strlen(text) : 0;

	if (n <= max)
		return str_n(text ? text : "", n);
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return str_n(text, max);
}

static void post_finish(struct rpc_call *c, grpc_byte_buffer *message, const struct rpc_outcome *o)
{
	struct str cut = cut_text(o->message, MAX_MESSAGE);
	grpc_slice text = grpc_slice_from_copied_buffer(cut.p, cut.n);
	grpc_op ops[3];
	size_t n = with_headers(c, ops, 0);

	if (message)
		n = with_message(message, ops, n);
	if (o->status != ST_OK && o->details.n > 0 && o->details.n <= MAX_DETAILS)
		rpc_metadata_add_details(&c->trailers, o->details);
	ops[n] = (grpc_op){ .op = GRPC_OP_SEND_STATUS_FROM_SERVER };
	ops[n].data.send_status_from_server.status = (grpc_status_code)o->status;
	ops[n].data.send_status_from_server.status_details = &text;
	ops[n].data.send_status_from_server.trailing_metadata = c->trailers.list;
	ops[n].data.send_status_from_server.trailing_metadata_count = c->trailers.n;
	if (!post(c, &c->finish, ops, n + 1))
		(void)grpc_call_cancel_with_status(c->call, (grpc_status_code)o->status, "", NULL);
	grpc_slice_unref(text);
}

/* The client does not take the message that is on its way: the status would wait behind it. */
static void break_off(struct rpc_call *c, const struct rpc_outcome *o)
{
	enum status status = o->status == ST_OK ? ST_CANCELLED : o->status;

	(void)grpc_call_cancel_with_status(
		c->call, (grpc_status_code)status, o->message ? o->message : "", NULL);
}

static void finish(struct rpc_call *c, struct rpc_bytes *b, const struct rpc_outcome *o)
{
	if (c->is_finished)
		return;
	c->is_finished = true;
	if (c->is_cancelled)
		return; /* nobody listens */
	if (c->is_sending_message) {
		break_off(c, o);
		return;
	}
	c->last = b ? rpc_bytes_buffer(b) : NULL;
	post_finish(c, c->last, o);
}

void rpc_reply(struct rpc_call *c, struct rpc_bytes *b)
{
	finish(c, b, &(struct rpc_outcome){ .status = ST_OK });
}

void rpc_finish(struct rpc_call *c, const struct rpc_outcome *o)
{
	finish(c, NULL, o);
}
