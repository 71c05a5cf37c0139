/*
 * A unary call on the client: one batch, one wait.
 *
 * The struct belongs to the batch as much as to the fiber. A fiber that is cancelled or out of time
 * leaves it behind; the loop releases it when gRPC has reported the batch.
 */
#include <grpc/byte_buffer.h>
#include "adapters/rpc/rpc_private.h"

struct unary {
	struct rpc_client client;
	struct rpc_op op;
	struct event done;
	bool is_abandoned;
	struct rpc_metadata metadata;
	grpc_byte_buffer *request, *response;
	grpc_metadata_array headers;
	struct rpc_ending ending;
};

static void unary_free(struct unary *u)
{
	rpc_metadata_done(&u->metadata);
	grpc_byte_buffer_destroy(u->request);
	grpc_byte_buffer_destroy(u->response);
	grpc_metadata_array_destroy(&u->headers);
	rpc_ending_done(&u->ending);
	rpc_client_end(&u->client);
	mem_free(u);
}

static void release(struct rpc_client *c)
{
	unary_free(CONTAINER_OF(c, struct unary, client));
}

static void on_done(struct rpc_op *op)
{
	struct unary *u = CONTAINER_OF(op, struct unary, op);

	if (u->is_abandoned)
		unary_free(u);
	else
		event_set(&u->done);
}

static struct unary *unary_new(struct rpc_channel *ch, const struct rpc_request *q)
{
	struct unary *u = mem_zalloc(sizeof(*u));

	u->client.release = release;
	u->op.on_loop = on_done;
	u->request = rpc_bytes_buffer(q->message);
	grpc_metadata_array_init(&u->headers);
	rpc_ending_init(&u->ending);
	rpc_client_begin(&u->client, ch, q);
	return u;
}

static bool unary_start(struct unary *u, const struct rpc_request *q)
{
	grpc_op ops[] = {
		rpc_client_start_op(q, &u->metadata),
		{ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = u->request },
		{ .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
		{ .op = GRPC_OP_RECV_INITIAL_METADATA,
			.data.recv_initial_metadata.recv_initial_metadata = &u->headers },
		{ .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &u->response },
		rpc_ending_op(&u->ending),
	};

	return rpc_op_start(u->client.call, &u->op, ops, sizeof(ops) / sizeof(ops[0]));
}

static void unref_message(void *message)
{
	rpc_bytes_unref(message);
}

static struct rpc_outcome outcome_of(enum status status, const char *message)
{
	return (struct rpc_outcome){ .status = status, .message = message, .details = STR("") };
}

static struct rpc_response response_of(struct unary *u, struct arena *a)
{
	struct rpc_response r = {
		.outcome = rpc_ending_outcome(&u->ending, &u->client, a),
		.headers = rpc_headers_in(a, &u->headers),
		.trailers = rpc_headers_in(a, &u->ending.trailers),
	};

	if (r.outcome.status != ST_OK)
		return r;
	if (!u->response) {
		r.outcome = outcome_of(ST_INTERNAL, "the server answered OK without a message");
		return r;
	}
	r.message = rpc_bytes_wrap(u->response);
	u->response = NULL;
	arena_defer(a, unref_message, r.message);
	return r;
}

/* The fiber cannot wait for the end: the batch keeps what it needs. */
static struct rpc_outcome abandon(struct unary *u, enum status why)
{
	u->is_abandoned = true;
	rpc_client_cancel(&u->client);
	return outcome_of(why, why == ST_DEADLINE_EXCEEDED ? "deadline exceeded" : "cancelled");
}

enum status rpc_unary(struct rpc_channel *ch, struct arena *a, const struct rpc_request *q,
	struct rpc_response *ret)
{
	struct unary *u = unary_new(ch, q);
	enum status waited;

	if (!unary_start(u, q)) {
		unary_free(u);
		*ret = (struct rpc_response){ .outcome = outcome_of(
						      ST_INTERNAL, "gRPC refused the call") };
		return ret->outcome.status;
	}
	waited = event_wait(&u->done);
	if (waited == ST_OK || u->done.is_set) {
		*ret = response_of(u, a);
		unary_free(u);
	} else {
		*ret = (struct rpc_response){ .outcome = abandon(u, waited) };
	}
	return ret->outcome.status;
}
