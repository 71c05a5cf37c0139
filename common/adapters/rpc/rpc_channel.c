/* Channels, and what unary calls and streams have in common. */
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <limits.h>
#include "adapters/rpc/rpc_private.h"
#include "base/clock.h"

enum {
	DEFAULT_MAX_MESSAGE = 4 * 1024 * 1024,
	DEFAULT_KEEPALIVE_MS = 30 * 1000,
	KEEPALIVE_TIMEOUT_MS = 10 * 1000,
	/* a server that starts again is found soon, one that is away costs little */
	FIRST_BACKOFF_MS = 100,
	MAX_BACKOFF_MS = 2000,
	CONNECT_TIMEOUT_MS = 2000,
	RESOLVE_AGAIN_MS = 1000,
	MAX_METADATA = 32 * 1024, /* a token may take three quarters of it */
};

/* ---- channels ---- */

static grpc_arg int_arg(const char *key, int64_t value)
{
	return (grpc_arg){ .type = GRPC_ARG_INTEGER,
		.key = (char *)(uintptr_t)key,
		.value.integer = value > INT_MAX ? INT_MAX : (int)value };
}

static grpc_channel *channel_create(
	const struct rpc_channel_config *c, grpc_channel_credentials *credentials)
{
	size_t max_message = c->max_message_bytes ? c->max_message_bytes : DEFAULT_MAX_MESSAGE;
	grpc_arg list[] = {
		int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int64_t)max_message),
		int_arg(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1),
		int_arg(GRPC_ARG_MAX_METADATA_SIZE, MAX_METADATA),
		int_arg(GRPC_ARG_ENABLE_RETRIES, 0),
		int_arg(GRPC_ARG_KEEPALIVE_TIME_MS,
			c->keepalive_ms > 0 ? c->keepalive_ms : DEFAULT_KEEPALIVE_MS),
		int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS),
		int_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		int_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
		int_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, FIRST_BACKOFF_MS),
		int_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, MAX_BACKOFF_MS),
		/* despite its name only how long one attempt may take */
		int_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, CONNECT_TIMEOUT_MS),
		int_arg(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, RESOLVE_AGAIN_MS),
		int_arg(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1),
		/* upstreams are our own: a proxy meant for the internet is not in between */
		int_arg(GRPC_ARG_ENABLE_HTTP_PROXY, 0),
		/* a channel is a connection of its own */
		int_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1),
		/* see rpc_server.c */
		int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
			1 << GRPC_COMPRESS_NONE),
		int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
		int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
		int_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
		/* every replica behind a name, and a lost connection is made again without waiting
		   for a call */
		{ .type = GRPC_ARG_STRING,
			.key = (char *)(uintptr_t)GRPC_ARG_LB_POLICY_NAME,
			.value.string = (char *)(uintptr_t) "round_robin" },
	};
	grpc_channel_args args = { .num_args = sizeof(list) / sizeof(list[0]), .args = list };

	return grpc_channel_create(c->target, credentials, &args);
}

struct rpc_channel *rpc_channel_new(struct rpc *r, const struct rpc_channel_config *c)
{
	struct rpc_channel *ch = mem_zalloc(sizeof(*ch));
	grpc_channel_credentials *credentials = rpc_channel_credentials(c);

	ch->rpc = r;
	if (credentials) {
		ch->channel = channel_create(c, credentials);
		grpc_channel_credentials_release(credentials);
	} else {
		ch->channel = grpc_lame_client_channel_create(
			c->target, GRPC_STATUS_UNAVAILABLE, "the TLS CA file cannot be read");
	}
	return ch;
}

void rpc_channel_free(struct rpc_channel *ch)
{
	if (!ch)
		return;
	grpc_channel_destroy(ch->channel);
	mem_free(ch);
}

bool rpc_channel_is_ready(struct rpc_channel *ch, bool connect)
{
	return grpc_channel_check_connectivity_state(ch->channel, connect) == GRPC_CHANNEL_READY;
}

/* ---- calls ---- */

static int64_t deadline_of(const struct rpc_request *q)
{
	int64_t own = fiber_deadline(fiber_self());

	return q->deadline != 0 && q->deadline < own ? q->deadline : own;
}

void rpc_client_begin(struct rpc_client *c, struct rpc_channel *ch, const struct rpc_request *q)
{
	grpc_slice method = grpc_slice_from_copied_string(q->method);

	c->rpc = ch->rpc;
	c->call = grpc_channel_create_call(ch->channel, rpc_call_of(q->parent),
		GRPC_PROPAGATE_DEFAULTS, c->rpc->queue, method, NULL, rpc_timespec(deadline_of(q)),
		NULL);
	grpc_slice_unref(method);
	c->next = c->rpc->clients;
	if (c->next)
		c->next->prev = c;
	c->rpc->clients = c;
}

void rpc_client_end(struct rpc_client *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		c->rpc->clients = c->next;
	if (c->next)
		c->next->prev = c->prev;
	grpc_call_unref(c->call);
}

void rpc_client_cancel(struct rpc_client *c)
{
	c->is_cancelled = true;
	(void)grpc_call_cancel(c->call, NULL); /* one that has ended stays so */
}

void rpc_client_cancel_all(struct rpc *r)
{
	for (struct rpc_client *c = r->clients; c; c = c->next)
		rpc_client_cancel(c);
}

void rpc_client_release_all(struct rpc *r)
{
	while (r->clients)
		r->clients->release(r->clients);
}

grpc_op rpc_client_start_op(const struct rpc_request *q, struct rpc_metadata *m)
{
	grpc_op op = { .op = GRPC_OP_SEND_INITIAL_METADATA };

	for (size_t i = 0; i < q->headers.n; i++)
		rpc_metadata_add(m, q->headers.list[i].key, q->headers.list[i].value);
	if (q->wait_for_ready)
		op.flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY |
			   GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
	op.data.send_initial_metadata.count = m->n;
	op.data.send_initial_metadata.metadata = m->list;
	return op;
}

/* ---- how a call ended ---- */

void rpc_ending_init(struct rpc_ending *e)
{
	e->code = GRPC_STATUS_UNKNOWN;
	e->message = grpc_empty_slice();
	grpc_metadata_array_init(&e->trailers);
}

void rpc_ending_done(struct rpc_ending *e)
{
	grpc_slice_unref(e->message);
	grpc_metadata_array_destroy(&e->trailers);
}

grpc_op rpc_ending_op(struct rpc_ending *e)
{
	grpc_op op = { .op = GRPC_OP_RECV_STATUS_ON_CLIENT };

	op.data.recv_status_on_client.trailing_metadata = &e->trailers;
	op.data.recv_status_on_client.status = &e->code;
	op.data.recv_status_on_client.status_details = &e->message;
	return op;
}

static struct str details_of(const grpc_metadata_array *trailers)
{
	for (size_t i = 0; i < trailers->count; i++)
		if (str_is(rpc_slice_str(&trailers->metadata[i].key), "grpc-status-details-bin"))
			return rpc_slice_str(&trailers->metadata[i].value);
	return STR("");
}

/*
 * A gRPC server that goes down answers calls that reach it too late with a bare CANCELLED. Nobody
 * cancelled them: the caller must read that the server is away.
 */
static bool is_turned_away(const struct rpc_ending *e, const struct rpc_client *c)
{
	return e->code == GRPC_STATUS_CANCELLED && !c->is_cancelled &&
	       str_is(rpc_slice_str(&e->message), "CANCELLED");
}

struct rpc_outcome rpc_ending_outcome(
	const struct rpc_ending *e, const struct rpc_client *c, struct arena *a)
{
	struct str message = rpc_slice_str(&e->message);
	struct str details = details_of(&e->trailers);
	bool is_known = e->code >= GRPC_STATUS_OK && e->code <= GRPC_STATUS_UNAUTHENTICATED;

	if (is_turned_away(e, c))
		return (struct rpc_outcome){ .status = ST_UNAVAILABLE,
			.message = "the server is going down",
			.details = STR("") };
	return (struct rpc_outcome){
		.status = is_known ? (enum status)e->code : ST_UNKNOWN,
		.message = message.n > 0 ? str_dup(a, message) : "",
		.details = details.n > 0 ? str_n(arena_dup(a, details.p, details.n), details.n)
					 : details,
	};
}
