/*
 * crmctl health: Check or Watch of grpc.health.v1. Its two messages have one field each, so that no
 * schema is needed: health can be asked of a server that answers nothing else yet.
 */
#include <stdio.h>
#include "tools/crmctl/target.h"

static const char *const STATES[] = { "UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN" };

static enum status state_print(struct str wire)
{
	struct pb_reader r = pb_reader_of(wire);
	struct pb_wire_field f;
	uint64_t state = 0;

	while (pb_read(&r, &f)) {
		if (f.number == 1 && f.wire_type == 0)
			state = f.value;
	}
	puts(state < sizeof(STATES) / sizeof(STATES[0]) ? STATES[state] : "UNKNOWN");
	fflush(stdout);
	return state == 1 ? ST_OK : ST_UNAVAILABLE; /* printed: that says it */
}

/* Whoever asks for the health wants to hear soon that there is none. */
enum { CHECK_TIMEOUT_MS = 5000 };

static enum status check(struct ctl *c, struct rpc_channel *ch, struct str request)
{
	struct rpc_response r;

	if (!c->options.timeout_ms)
		c->options.timeout_ms = CHECK_TIMEOUT_MS;
	if (target_unary(c, c->arena, ch, "/grpc.health.v1.Health/Check", NULL, request, &r) !=
		ST_OK)
		return ctl_fail_outcome(&r.outcome);
	return state_print(rpc_flat(c->arena, r.message));
}

/* Ends with the stream; its last state is the exit status. */
static enum status states_print(struct rpc_stream *s)
{
	enum status last = ST_UNAVAILABLE;

	for (;;) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct rpc_outcome outcome;
		struct rpc_bytes *b;

		TRY(rpc_stream_recv(s, &b));
		if (b) {
			last = state_print(rpc_flat(a, b));
			rpc_bytes_unref(b);
			continue;
		}
		TRY(rpc_stream_finish(s, &outcome, NULL));
		return outcome.status == ST_OK ? last : ctl_fail_outcome(&outcome);
	}
}

static enum status watch(struct ctl *c, struct rpc_channel *ch, struct str request)
{
	struct rpc_request q =
		target_request(c, c->arena, "/grpc.health.v1.Health/Watch", NULL, true);
	struct rpc_bytes *message = rpc_bytes_of(request);
	struct rpc_stream *s;
	enum status st = rpc_stream_open(ch, &q, &s);

	if (st != ST_OK) {
		rpc_bytes_unref(message);
		return ctl_fail(st, "the call cannot be made");
	}
	st = rpc_stream_send(s, message);
	if (st == ST_OK)
		st = rpc_stream_half_close(s);
	rpc_bytes_unref(message);
	/* why it could not be sent the end of the stream says */
	if (st == ST_OK || st == ST_ABORTED)
		st = states_print(s);
	rpc_stream_close(s);
	return st;
}

enum status health_run(struct ctl *c)
{
	const struct options *o = &c->options;
	size_t n = o->n_args > 0 && strchr(o->args[0], ':') ? 1 : 0;
	const char *target = n ? o->args[0] : o->target;
	struct buf request = buf_new(c->arena, 0);
	struct rpc_channel *ch;

	if (o->n_args > n + 1)
		return ctl_fail_usage(c, "'%s' is no HOST:PORT", o->args[0]);
	if (o->n_args > n)
		pb_put_bytes(&request, 1, str_c(o->args[n]));
	TRY(target_open(c, target, &ch));
	return o->watch ? watch(c, ch, buf_str(&request)) : check(c, ch, buf_str(&request));
}
