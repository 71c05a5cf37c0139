/*
 * Forwarding: unary calls as raw bytes in one batch a side, everything else by a pump of two
 * fibers. A call through the gateway behaves as a direct one: metadata, trailers, status details,
 * deadline, cancellation, half-close.
 *
 * The gateway is no trust boundary - every service verifies the token itself - but it turns away
 * what cannot succeed, before it costs a service anything.
 */
#include "services/gateway/gateway.h"

#include "adapters/log/log.h"
#include "base/clock.h"
#include "kit/auth.h"
#include "kit/dispatch.h"
#include "kit/error_details.h"

enum { OWN_HEADERS = 4, RETRY_MS = 1000 };

struct forward {
	struct service *service;
	struct rpc_call *rpc;
	struct arena *arena;
	const struct upstream *upstream;
	const struct pb_method *method; /* NULL while its service has not been reached yet */
	const struct principal *principal;
	const char *correlation_id, *traceparent, *address;
	struct rpc_headers headers;
	struct rpc_outcome outcome; /* how it ended, for the log */
};

/* ---- ending ---- */

static void finish(struct forward *f, const struct rpc_outcome *o)
{
	f->outcome = *o;
	/* the stream's words end with it */
	f->outcome.message = o->message ? str_dup(f->arena, str_c(o->message)) : NULL;
	rpc_finish(f->rpc, o);
}

/* The gateway's own word. */
static void refuse(
	struct forward *f, enum status s, const char *reason, int64_t retry_ms, const char *message)
{
	const struct error_details d = { .status = s,
		.message = message,
		.reason = reason,
		.domain = "gateway.crm",
		.retry_ms = retry_ms };
	finish(f, &(struct rpc_outcome){ .status = s,
			  .message = message,
			  .details = error_details_pack(f->arena, &d) });
}

/* What the upstream said; where it said nothing because it could not be reached, we do. */
static void finish_as(struct forward *f, const struct rpc_outcome *o)
{
	if (o->status == ST_UNAVAILABLE && o->details.n == 0)
		refuse(f, ST_UNAVAILABLE, "UPSTREAM_UNAVAILABLE", RETRY_MS,
			"the service is not available at the moment; try again");
	else
		finish(f, o);
}

/* ---- metadata ---- */

static bool is_ours(const char *key)
{
	static const char *const KEYS[] = { "x-forwarded-for", "x-forwarded-user-agent",
		"x-request-id", "traceparent", "user-agent" };
	for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
		if (strcmp(key, KEYS[i]) == 0)
			return true;
	}
	return false;
}

static void add_header(struct rpc_header *list, size_t *n, const char *key, struct str value)
{
	if (value.n > 0)
		list[(*n)++] = (struct rpc_header){ .key = key, .value = value };
}

/* The client's metadata goes on as it is, but for what the gateway knows better. */
static void collect_headers(struct forward *f)
{
	const struct rpc_headers *h = rpc_request_headers(f->rpc);
	struct rpc_header *list = arena_alloc(f->arena, sizeof(list[0]) * (OWN_HEADERS + h->n));
	size_t n = 0;
	add_header(list, &n, "x-request-id", str_c(f->correlation_id));
	add_header(list, &n, "traceparent", str_c(f->traceparent));
	add_header(list, &n, "x-forwarded-for", str_c(f->address));
	add_header(list, &n, "x-forwarded-user-agent", rpc_header(h, "user-agent"));
	for (size_t i = 0; i < h->n; i++) {
		if (!is_ours(h->list[i].key))
			list[n++] = h->list[i];
	}
	f->headers = (struct rpc_headers){ .n = n, .list = list };
}

static void copy_headers(struct forward *f, const struct rpc_headers *h)
{
	for (size_t i = 0; i < h->n; i++)
		rpc_add_header(f->rpc, h->list[i].key, h->list[i].value);
}

static void copy_trailers(struct forward *f, const struct rpc_headers *h)
{
	for (size_t i = 0; i < h->n; i++)
		rpc_add_trailer(f->rpc, h->list[i].key, h->list[i].value);
}

/* ---- admission ---- */

static bool check_token(struct forward *f)
{
	const struct str token = rpc_header(rpc_request_headers(f->rpc), "authorization");
	const bool is_public = f->method && f->method->policy.is_public;
	const char *why = "send metadata \"authorization: Bearer <access token>\"";
	enum status s = ST_UNAUTHENTICATED;
	if (token.p)
		s = auth_check(f->service->auth, f->arena, token, &f->principal, &why);
	if (s == ST_OK || is_public || (!token.p && !f->method))
		return true;
	refuse(f, s, token.p ? "TOKEN_NOT_GOOD" : "TOKEN_MISSING",
		s == ST_UNAVAILABLE ? RETRY_MS : 0, why);
	return false;
}

static bool refuse_rate(struct forward *f, int64_t retry_ms)
{
	refuse(f, ST_RESOURCE_EXHAUSTED, "RATE_LIMIT", retry_ms, "too many calls; slow down");
	return false;
}

static bool admit(struct forward *f)
{
	struct gateway *g = gateway_of(f->service);
	int64_t retry_ms;
	if (!limits_take(g->by_address, str_c(f->address), &retry_ms))
		return refuse_rate(f, retry_ms);
	if (!check_token(f))
		return false;
	return !f->principal || limits_take_principal(g->by_principal, f->principal, &retry_ms) ||
	       refuse_rate(f, retry_ms);
}

static void set_deadline(const struct forward *f)
{
	if (rpc_deadline(f->rpc) != CLOCK_NEVER)
		return;
	const bool is_stream =
		!f->method || f->method->client_streaming || f->method->server_streaming;
	const int64_t ms = is_stream ? gateway_settings.stream_deadline_ms
				     : f->service->settings.default_deadline_ms;
	fiber_set_deadline(fiber_self(), clock_mono_us() + ms * 1000);
}

/* ---- unary ---- */

static void forward_unary(struct forward *f)
{
	struct rpc_bytes *message;
	struct rpc_response r = { 0 };
	const enum status received = rpc_recv(f->rpc, &message);
	if (received != ST_OK || !message) {
		refuse(f, received != ST_OK ? received : ST_INVALID_ARGUMENT, NULL, 0,
			"the request message is missing or too large");
		return;
	}
	const struct rpc_request q = { .method = rpc_method(f->rpc),
		.message = message,
		.headers = f->headers,
		.parent = f->rpc };
	const enum status s = rpc_unary(f->upstream->channel, f->arena, &q, &r);
	rpc_bytes_unref(message);
	copy_headers(f, &r.headers);
	copy_trailers(f, &r.trailers);
	if (s == ST_OK)
		rpc_reply(f->rpc, r.message);
	else
		finish_as(f, &(struct rpc_outcome){ .status = s,
				     .message = r.outcome.message ? r.outcome.message : "",
				     .details = r.outcome.details });
}

/* ---- streams ---- */

struct pump {
	struct forward *f;
	struct rpc_stream *up;
	struct event done;
};

/* From the client to the service. Ends at the half-close, or when either side is gone. */
static void pump_up(void *arg)
{
	struct pump *p = arg;
	for (;;) {
		struct rpc_bytes *message;
		if (rpc_recv(p->f->rpc, &message) != ST_OK)
			break;
		const enum status s =
			message ? rpc_stream_send(p->up, message) : rpc_stream_half_close(p->up);
		rpc_bytes_unref(message);
		if (s != ST_OK || !message)
			break; /* if the service is gone, pump_down learns why */
	}
	event_set(&p->done);
}

/* From the service to the client, until the service has nothing more to say. */
static enum status pump_down(struct pump *p)
{
	struct rpc_headers headers;
	TRY(rpc_stream_headers(p->up, &headers));
	copy_headers(p->f, &headers);
	TRY(rpc_send_headers(p->f->rpc));
	for (;;) {
		struct rpc_bytes *message;
		TRY(rpc_stream_recv(p->up, &message));
		if (!message)
			return ST_OK;
		const enum status s = rpc_send(p->f->rpc, message);
		rpc_bytes_unref(message);
		TRY(s);
	}
}

static void end_stream(struct pump *p, enum status pumped)
{
	struct rpc_outcome o = { .status = pumped, .message = "" };
	struct rpc_headers trailers = { 0 };
	if (rpc_is_cancelled(p->f->rpc))
		rpc_stream_cancel(p->up);
	const enum status s = rpc_stream_finish(p->up, &o, &trailers);
	if (s != ST_OK && o.status == ST_OK) /* no outcome came: ours counts */
		o = (struct rpc_outcome){ .status = pumped != ST_OK ? pumped : s, .message = "" };
	copy_trailers(p->f, &trailers);
	finish_as(p->f, &o);
}

static void forward_stream(struct forward *f)
{
	if (!dispatch_take_stream(f->service, f->arena, f->principal, f->address)) {
		refuse(f, ST_RESOURCE_EXHAUSTED, "STREAM_LIMIT", RETRY_MS,
			"too many open streams; end some first");
		return;
	}
	const struct rpc_request q = {
		.method = rpc_method(f->rpc), .headers = f->headers, .parent = f->rpc
	};
	struct pump p = { .f = f };
	const enum status opened = rpc_stream_open(f->upstream->channel, &q, &p.up);
	if (opened != ST_OK) {
		finish_as(f, &(struct rpc_outcome){ .status = opened, .message = "" });
		return;
	}
	struct fiber *up = fiber_spawn(f->service->loop, pump_up, &p);
	end_stream(&p, pump_down(&p));
	if (!p.done.is_set)
		fiber_cancel(up);
	fiber_shield(); /* pump_up uses what lives on this stack */
	while (event_wait(&p.done) != ST_OK)
		continue;
	fiber_unshield();
	rpc_stream_close(p.up);
}

/* ---- a call ---- */

bool proxy_is_unary(struct service *s, const char *method)
{
	const struct gateway *g = gateway_of(s);
	const struct pb_schema *schema = g ? apis_schema(g->apis) : NULL;
	const struct pb_method *m = schema ? pb_schema_method(schema, str_c(method)) : NULL;
	return m && !m->client_streaming;
}

static const struct pb_method *method_of(const struct forward *f)
{
	const struct pb_schema *schema = apis_schema(gateway_of(f->service)->apis);
	return schema ? pb_schema_method(schema, str_c(rpc_method(f->rpc))) : NULL;
}

static void serve(struct forward *f)
{
	f->upstream = upstream_of(gateway_of(f->service), str_c(rpc_method(f->rpc)));
	if (!f->upstream) {
		refuse(f, ST_UNIMPLEMENTED, NULL, 0, "there is no such method");
		return;
	}
	f->method = method_of(f);
	if (!admit(f))
		return;
	collect_headers(f);
	set_deadline(f);
	if (f->method && !f->method->client_streaming && !f->method->server_streaming)
		forward_unary(f);
	else
		forward_stream(f);
}

void proxy_serve(struct service *s, struct rpc_call *rpc)
{
	const int64_t begun = clock_mono_us();
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct forward f = {
		.service = s,
		.rpc = rpc,
		.arena = a,
		.correlation_id = dispatch_correlation_id(a, rpc),
		.traceparent = dispatch_traceparent(a, rpc),
		.address = dispatch_address(a, s->trusted, rpc),
	};
	struct meters *meters = gateway_of(s)->meters;
	serve(&f);
	const int64_t us = clock_mono_us() - begun;
	meters_count(meters, f.method ? rpc_method(rpc) : NULL, f.outcome.status, us);
	dispatch_log(&(struct call_record){
		.method = rpc_method(rpc),
		.tenant_id = f.principal ? f.principal->tenant_id : NULL,
		.user_id = f.principal ? f.principal->user_id : NULL,
		.status = f.outcome.status,
		.us = us,
		.correlation_id = f.correlation_id,
		.traceparent = f.traceparent,
		.message = f.outcome.message,
	});
}
