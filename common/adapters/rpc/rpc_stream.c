/*
 * A stream on the client.
 *
 * refs counts the user and the batches that gRPC has not reported yet; everything here happens on
 * the loop. A batch whose waiter has given up goes on, and the next wait of its kind is for that
 * one.
 */
#include <grpc/byte_buffer.h>
#include "adapters/rpc/rpc_private.h"

struct rpc_stream {
	struct rpc_client client;
	size_t refs;
	struct arena *arena; /* of what the user was given, when asked for */

	struct rpc_op start, send, half_close, recv, end;
	struct event started, sent, received, ended;
	bool is_sending, is_receiving, is_half_closed, is_drained;

	struct rpc_metadata metadata;
	grpc_metadata_array headers;
	grpc_byte_buffer *outgoing, *incoming;
	struct rpc_ending ending;
};

static void stream_unref(struct rpc_stream *s)
{
	if (--s->refs > 0)
		return;
	rpc_metadata_done(&s->metadata);
	grpc_metadata_array_destroy(&s->headers);
	grpc_byte_buffer_destroy(s->outgoing);
	grpc_byte_buffer_destroy(s->incoming);
	rpc_ending_done(&s->ending);
	arena_free(s->arena);
	rpc_client_end(&s->client);
	mem_free(s);
}

static void release(struct rpc_client *c)
{
	struct rpc_stream *s = CONTAINER_OF(c, struct rpc_stream, client);

	s->refs = 1; /* the user's, who is gone */
	stream_unref(s);
}

static struct arena *arena_of(struct rpc_stream *s)
{
	if (!s->arena)
		s->arena = arena_new();
	return s->arena;
}

static bool post(struct rpc_stream *s, struct rpc_op *op, const grpc_op *ops, size_t n)
{
	if (!rpc_op_start(s->client.call, op, ops, n))
		return false;
	s->refs++;
	return true;
}

static void on_started(struct rpc_op *op)
{
	struct rpc_stream *s = CONTAINER_OF(op, struct rpc_stream, start);

	event_set(&s->started);
	stream_unref(s);
}

static void on_sent(struct rpc_op *op)
{
	struct rpc_stream *s = CONTAINER_OF(op, struct rpc_stream, send);

	grpc_byte_buffer_destroy(s->outgoing);
	s->outgoing = NULL;
	s->is_sending = false;
	event_set(&s->sent);
	stream_unref(s);
}

static void on_half_closed(struct rpc_op *op)
{
	stream_unref(CONTAINER_OF(op, struct rpc_stream, half_close));
}

static void on_received(struct rpc_op *op)
{
	struct rpc_stream *s = CONTAINER_OF(op, struct rpc_stream, recv);

	event_set(&s->received);
	stream_unref(s);
}

static void on_ended(struct rpc_op *op)
{
	struct rpc_stream *s = CONTAINER_OF(op, struct rpc_stream, end);

	event_set(&s->ended);
	stream_unref(s);
}

static struct rpc_stream *stream_new(struct rpc_channel *ch, const struct rpc_request *q)
{
	struct rpc_stream *s = mem_zalloc(sizeof(*s));

	s->refs = 1;
	s->client.release = release;
	s->start.on_loop = on_started;
	s->send.on_loop = on_sent;
	s->half_close.on_loop = on_half_closed;
	s->recv.on_loop = on_received;
	s->end.on_loop = on_ended;
	grpc_metadata_array_init(&s->headers);
	rpc_ending_init(&s->ending);
	rpc_client_begin(&s->client, ch, q);
	return s;
}

enum status rpc_stream_open(
	struct rpc_channel *ch, const struct rpc_request *q, struct rpc_stream **ret)
{
	struct rpc_stream *s = stream_new(ch, q);
	grpc_op start[] = {
		rpc_client_start_op(q, &s->metadata),
		{ .op = GRPC_OP_RECV_INITIAL_METADATA,
			.data.recv_initial_metadata.recv_initial_metadata = &s->headers },
	};
	grpc_op end = rpc_ending_op(&s->ending);

	if (!post(s, &s->end, &end, 1) || !post(s, &s->start, start, 2)) {
		rpc_stream_close(s);
		return ST_INTERNAL;
	}
	*ret = s;
	return ST_OK;
}

/* What a failed send means: the stream is over, and rpc_stream_finish tells how. */
static enum status sent_status(bool ok)
{
	return ok ? ST_OK : ST_ABORTED;
}

enum status rpc_stream_send(struct rpc_stream *s, struct rpc_bytes *b)
{
	grpc_op op = { .op = GRPC_OP_SEND_MESSAGE };

	if (s->is_half_closed)
		return ST_FAILED_PRECONDITION;
	while (s->is_sending)
		TRY(event_wait(&s->sent));
	grpc_byte_buffer_destroy(s->outgoing); /* left where a batch was refused */
	s->outgoing = rpc_bytes_buffer(b);
	op.data.send_message.send_message = s->outgoing;
	event_reset(&s->sent);
	s->is_sending = post(s, &s->send, &op, 1);
	if (!s->is_sending)
		return ST_ABORTED;
	TRY(event_wait(&s->sent));
	return sent_status(s->send.ok);
}

enum status rpc_stream_half_close(struct rpc_stream *s)
{
	grpc_op op = { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT };

	if (s->is_half_closed)
		return ST_OK;
	s->is_half_closed = true;
	return sent_status(post(s, &s->half_close, &op, 1));
}

enum status rpc_stream_headers(struct rpc_stream *s, struct rpc_headers *ret)
{
	TRY(event_wait(&s->started));
	*ret = rpc_headers_in(arena_of(s), &s->headers);
	return ST_OK;
}

static enum status take_message(struct rpc_stream *s, struct rpc_bytes **ret)
{
	*ret = s->incoming ? rpc_bytes_wrap(s->incoming) : NULL;
	s->is_drained = !s->incoming;
	s->incoming = NULL;
	s->is_receiving = false;
	return ST_OK;
}

enum status rpc_stream_recv(struct rpc_stream *s, struct rpc_bytes **ret)
{
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };

	if (s->is_drained) {
		*ret = NULL;
		return ST_OK;
	}
	if (!s->is_receiving) {
		op.data.recv_message.recv_message = &s->incoming;
		event_reset(&s->received);
		s->is_receiving = post(s, &s->recv, &op, 1);
		if (!s->is_receiving)
			return take_message(s, ret);
	}
	if (!s->received.is_set)
		TRY(event_wait(&s->received));
	return take_message(s, ret);
}

enum status rpc_stream_finish(
	struct rpc_stream *s, struct rpc_outcome *ret, struct rpc_headers *ret_trailers)
{
	if (!s->ended.is_set)
		TRY(event_wait(&s->ended));
	if (ret)
		*ret = rpc_ending_outcome(&s->ending, &s->client, arena_of(s));
	if (ret_trailers)
		*ret_trailers = rpc_headers_in(arena_of(s), &s->ending.trailers);
	return ST_OK;
}

void rpc_stream_cancel(struct rpc_stream *s)
{
	rpc_client_cancel(&s->client);
}

void rpc_stream_close(struct rpc_stream *s)
{
	if (!s)
		return;
	if (!s->ended.is_set)
		rpc_stream_cancel(s);
	stream_unref(s);
}
