/*
 * The server: listens, takes calls as they come, and goes down without dropping any.
 *
 * RPC_SLOTS grpc_server_request_call are posted at any time; the RPC thread posts a slot again as
 * soon as it has fired, so that clients who open calls and then say nothing hold up nobody. refs
 * counts everything that gRPC or a fiber still holds of the server; the one who drops the last
 * tells the loop.
 */
#include <grpc/grpc_security.h>
#include <assert.h>
#include <limits.h>
#include <sys/resource.h>
#include "adapters/rpc/rpc_private.h"
#include "base/clock.h"

enum {
	DEFAULT_MAX_MESSAGE = 4 * 1024 * 1024,
	DEFAULT_MAX_CALLS = 10000,
	DEFAULT_MAX_STREAMS = 1000,
	DEFAULT_MEMORY = 256 * 1024 * 1024,
	DEFAULT_MIN_PING_MS = 10 * 1000,
	KEEPALIVE_MS = 60 * 1000, /* finds clients that vanished in the middle of a call */
	KEEPALIVE_TIMEOUT_MS = 20 * 1000,
	HANDSHAKE_TIMEOUT_MS = 20 * 1000,
	QUIET_MS = 1000,
	QUIET_CHECK_MS = 100,
	MAX_METADATA = 32 * 1024, /* a token may take three quarters of it */
};

static int to_int(int64_t n, int otherwise)
{
	if (n <= 0)
		return otherwise;
	return n > INT_MAX ? INT_MAX : (int)n;
}

static grpc_arg int_arg(const char *key, int value)
{
	return (grpc_arg){
		.type = GRPC_ARG_INTEGER, .key = (char *)(uintptr_t)key, .value.integer = value
	};
}

/*
 * gRPC stops listening for good when accept finds no descriptor free, so a crowd of connections
 * would close the service to everyone: the process takes as many descriptors as it may have.
 */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* then it stays as it is */
}

/*
 * gRPC takes in a message as a whole, however large, before it looks at its size. Beyond this much
 * of everything it ends streams, so that the memory of the process is not for a client to choose.
 */
static grpc_resource_quota *quota_create(const struct rpc_server_config *c)
{
	grpc_resource_quota *quota = grpc_resource_quota_create(NULL);

	grpc_resource_quota_resize(
		quota, c->max_receive_memory ? c->max_receive_memory : DEFAULT_MEMORY);
	return quota;
}

static grpc_arg quota_arg(grpc_resource_quota *quota)
{
	return (grpc_arg){ .type = GRPC_ARG_POINTER,
		.key = (char *)(uintptr_t)GRPC_ARG_RESOURCE_QUOTA,
		.value.pointer = { .p = quota, .vtable = grpc_resource_quota_arg_vtable() } };
}

static grpc_server *server_create(const struct rpc_server_config *c)
{
	grpc_resource_quota *quota = quota_create(c);
	grpc_arg list[] = {
		quota_arg(quota),
		/* else a second server would silently share the port */
		int_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
		int_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
			to_int((int64_t)c->max_message_bytes, DEFAULT_MAX_MESSAGE)),
		int_arg(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, -1),
		int_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS,
			to_int((int64_t)c->max_calls_per_connection, DEFAULT_MAX_STREAMS)),
		int_arg(GRPC_ARG_MAX_CONNECTION_AGE_MS, to_int(c->max_connection_age_ms, INT_MAX)),
		int_arg(GRPC_ARG_MAX_METADATA_SIZE, MAX_METADATA),
		int_arg(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS),
		int_arg(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS),
		int_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_TIMEOUT_MS),
		int_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
		int_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
			to_int(c->min_ping_interval_ms, DEFAULT_MIN_PING_MS)),
		/* gRPC inflates a message before it looks at its size: four megabytes of zeros
		   become four gigabytes */
		int_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET,
			1 << GRPC_COMPRESS_NONE),
		int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0),
		int_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
		int_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
	};
	grpc_channel_args args = { .num_args = sizeof(list) / sizeof(list[0]), .args = list };

	grpc_server *server = grpc_server_create(&args, NULL);

	grpc_resource_quota_unref(quota);
	return server;
}

void rpc_server_unref(struct rpc_server *s)
{
	struct rpc *r = s->rpc;

	if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		rpc_hand_over(r, &s->drained);
}

static void slot_post(struct rpc_slot *slot)
{
	struct rpc_server *s = slot->server;
	grpc_call_error e;

	atomic_store_explicit(&slot->op.posted, true, memory_order_release);
	e = grpc_server_request_call(s->server, &slot->call, &slot->details, &slot->metadata,
		s->rpc->queue, s->rpc->queue, &slot->op);
	assert(e == GRPC_CALL_OK);
}

static bool slot_on_done(struct rpc_op *op)
{
	struct rpc_slot *slot = CONTAINER_OF(op, struct rpc_slot, op);

	if (!op->ok) { /* the server goes down */
		rpc_server_unref(slot->server);
		return false;
	}
	rpc_call_accept(slot->server, slot);
	grpc_call_details_destroy(&slot->details);
	grpc_call_details_init(&slot->details);
	slot->metadata.count = 0;
	slot_post(slot);
	return false;
}

static void slot_init(struct rpc_slot *slot, struct rpc_server *s)
{
	slot->server = s;
	slot->op.on_done = slot_on_done;
	grpc_call_details_init(&slot->details);
	grpc_metadata_array_init(&slot->metadata);
}

static void slot_done(struct rpc_slot *slot)
{
	grpc_call_details_destroy(&slot->details);
	grpc_metadata_array_destroy(&slot->metadata);
}

static void on_stopped(struct rpc_op *op)
{
	event_set(&CONTAINER_OF(op, struct rpc_server, stopped)->is_stopped);
}

static void on_drained(struct rpc_op *op)
{
	event_set(&CONTAINER_OF(op, struct rpc_server, drained)->is_drained);
}

static void start(struct rpc_server *s)
{
	grpc_server_start(s->server);
	atomic_init(&s->refs, RPC_SLOTS + 1);
	for (size_t i = 0; i < RPC_SLOTS; i++)
		slot_init(&s->slots[i], s);
	for (size_t i = 0; i < RPC_SLOTS; i++)
		slot_post(&s->slots[i]);
}

static struct rpc_server *server_new(
	struct rpc *r, const struct rpc_server_config *c, const struct rpc_handlers *h)
{
	struct rpc_server *s = mem_zalloc(sizeof(*s));

	s->rpc = r;
	s->handlers = *h;
	s->max_calls = c->max_calls ? c->max_calls : DEFAULT_MAX_CALLS;
	s->stopped.on_loop = on_stopped;
	s->drained.on_loop = on_drained;
	s->server = server_create(c);
	grpc_server_register_completion_queue(s->server, r->queue, NULL);
	return s;
}

enum status rpc_server_new(struct rpc *r, const struct rpc_server_config *c,
	const struct rpc_handlers *h, struct rpc_server **ret)
{
	grpc_server_credentials *credentials = rpc_server_credentials(c);
	struct rpc_server *s;

	if (!credentials)
		return ST_INVALID_ARGUMENT;
	raise_descriptor_limit();
	s = server_new(r, c, h);
	s->port = grpc_server_add_http2_port(s->server, c->listen, credentials);
	grpc_server_credentials_release(credentials);
	if (s->port <= 0) {
		grpc_server_destroy(s->server);
		mem_free(s);
		return ST_UNAVAILABLE;
	}
	start(s);
	*ret = s;
	return ST_OK;
}

int rpc_server_port(const struct rpc_server *s)
{
	return s->port;
}

size_t rpc_server_calls(const struct rpc_server *s)
{
	return atomic_load_explicit(&s->calls, memory_order_relaxed);
}

/* Shielded, so that it ends only when the event is set. */
static void wait_for(struct event *e)
{
	while (event_wait(e) != ST_OK)
		continue;
}

/*
 * Until gRPC has no connection left, or for the grace time. gRPC tells clients to go and waits up
 * to 20 s for each to say that it has read it, which one that only holds its connection never does;
 * when no call has run for a while, nobody is left to wait for. False if there still are
 * connections.
 */
static bool wait_for_calls(struct rpc_server *s, int64_t grace_ms)
{
	int64_t now = clock_mono_us(), end = now + grace_ms * 1000, busy = now;

	while (now < end && now < busy + QUIET_MS * 1000) {
		int64_t next = now + QUIET_CHECK_MS * 1000;

		if (event_wait_until(&s->is_stopped, next < end ? next : end) == ST_OK)
			return true;
		now = clock_mono_us();
		if (rpc_server_calls(s) > 0)
			busy = now;
	}
	return false;
}

void rpc_server_shutdown(struct rpc_server *s, int64_t grace_ms)
{
	if (!s->is_stopping) {
		s->is_stopping = true;
		atomic_store_explicit(&s->stopped.posted, true, memory_order_release);
		grpc_server_shutdown_and_notify(s->server, s->rpc->queue, &s->stopped);
		rpc_server_unref(s);
	}
	fiber_shield();
	if (!wait_for_calls(s, grace_ms)) {
		grpc_server_cancel_all_calls(s->server);
		wait_for(&s->is_stopped);
	}
	wait_for(&s->is_drained);
	fiber_unshield();
}

void rpc_server_free(struct rpc_server *s)
{
	if (!s)
		return;
	assert(s->is_drained.is_set);
	for (size_t i = 0; i < RPC_SLOTS; i++)
		slot_done(&s->slots[i]);
	grpc_server_destroy(s->server);
	mem_free(s);
}
