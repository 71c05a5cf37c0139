/*
 * Dispatch: the life of a call between the RPC adapter and its handler.
 */
#include "kit/dispatch.h"
#include "adapters/db/db.h"
#include "adapters/log/log.h"
#include "adapters/metrics/metrics.h"
#include "base/clock.h"
#include "kit/auth.h"
#include "kit/call_private.h"
#include "kit/crowd_private.h"
#include "kit/dispatch_private.h"
#include "kit/error_details.h"
#include "kit/rights_private.h"
#include "kit/service_private.h"
#include "kit/write.h"

/* of the calls that may be served at once, streams may be one in so many */
enum { STREAMS_PART = 2 };
/*
 * A fiber's stack takes two mappings, and a process may have 65530 (vm.max_map_count): where calls
 * fork, some thousands that wait for a service that hangs would take them all, and without a stack
 * for the next fiber the process ends.
 */
enum { MAX_FIBERS = 20000 };
enum { RETRY_MS = 1000, STREAM_FACTOR = 10, TRACE_AT = 3, TRACE_ID = 32 };

struct dispatch {
	struct service *service;
	struct arena *arena;
	struct map methods; /* by path to struct method; constant once built */
	struct crowd *streams;
	struct counter *in_flight, *fibers, *unknown;
};

enum status dispatch_new(struct service *s, struct dispatch **ret, const char **ret_why)
{
	struct arena *a = arena_new();
	struct dispatch *d = arena_zalloc(a, sizeof(*d));
	enum status status;

	d->service = s;
	d->arena = a;
	map_init(&d->methods);
	d->streams = crowd_new(
		(size_t)s->settings.caller_streams, (size_t)s->settings.max_calls / STREAMS_PART);
	status = methods_build(s, a, &d->methods, ret_why);
	if (status != ST_OK) {
		*ret_why = arena_strdup(s->arena, *ret_why);
		dispatch_free(d);
		return status;
	}
	d->in_flight =
		metrics_gauge(s->metrics, "crm_calls_in_flight", "Calls being served.", NULL);
	d->fibers = metrics_gauge(
		s->metrics, "crm_fibers", "Fibers alive when a call last ended.", NULL);
	d->unknown = metrics_counter(s->metrics, "crm_calls_unknown_total",
		"Calls of methods that there are not.", NULL);
	*ret = d;
	return ST_OK;
}

void dispatch_free(struct dispatch *d)
{
	if (!d)
		return;
	map_done(&d->methods);
	crowd_free(d->streams);
	arena_free(d->arena);
}

bool dispatch_is_unary(const char *method, void *dispatch)
{
	const struct dispatch *d = dispatch;
	const struct method *m = map_get(&d->methods, str_c(method));
	const struct service_def *def = d->service->def;

	if (m)
		return !m->info->client_streaming;
	return def->other_is_unary && def->other_is_unary(d->service, method);
}

/* ---- before the handler ---- */

static void set_deadline(const struct call *call, const struct method *m)
{
	int64_t ms = call->service->settings.default_deadline_ms;

	if (m->is_kit || rpc_deadline(call->rpc) != CLOCK_NEVER)
		return;
	if (m->info->client_streaming || m->info->server_streaming || m->info->policy.slow)
		ms *= STREAM_FACTOR;
	fiber_set_deadline(fiber_self(), clock_mono_us() + ms * 1000);
}

static enum status check_token(struct call *call, bool is_public)
{
	struct str token = rpc_header(rpc_request_headers(call->rpc), "authorization");
	const char *why = "send metadata \"authorization: Bearer <access token>\"";
	enum status s = ST_UNAUTHENTICATED;

	if (token.p)
		s = auth_check(call->service->auth, call->arena, token, &call->principal, &why);
	if (s == ST_OK || is_public)
		return ST_OK;
	if (s == ST_UNAVAILABLE)
		return call_fail_retry(call, s, RETRY_MS, "%s", why);
	return call_fail_reason(
		call, s, token.p ? "TOKEN_NOT_GOOD" : "TOKEN_MISSING", NULL, "%s", why);
}

static enum status authorize(struct call *call, const struct pb_policy *policy)
{
	enum level level = LEVEL_OWN;

	TRY(check_token(call, policy->is_public));
	if (policy->permission) {
		level = principal_level(call->principal, str_c(policy->permission));
		if (level == LEVEL_NONE)
			return call_fail_permission(call, policy->permission);
	}
	call->scope = scope_new(call->arena, call->principal, level, clock_now_us());
	return ST_OK;
}

bool dispatch_take_stream(
	struct service *s, struct arena *a, const struct principal *p, const char *address)
{
	struct str caller = str_c(address);

	if (p)
		caller = str_c(arena_printf(a, "%s/%s", p->tenant_id, p->user_id));
	return crowd_enter(s->p->dispatch->streams, a, caller);
}

static enum status take_stream(struct call *call, const struct method *m)
{
	if (!m->info->client_streaming && !m->info->server_streaming)
		return ST_OK;
	if (dispatch_take_stream(call->service, call->arena, call->principal, call->address))
		return ST_OK;
	return call_fail_retry(
		call, ST_RESOURCE_EXHAUSTED, RETRY_MS, "too many open streams; end some first");
}

static void unref(void *bytes)
{
	rpc_bytes_unref(bytes);
}

static enum status receive(struct call *call, const struct method *m)
{
	struct pb_violations v = { 0 };
	struct rpc_bytes *bytes;
	enum status s;

	if (m->info->client_streaming)
		return ST_OK;
	TRY(rpc_recv(call->rpc, &bytes));
	if (!bytes)
		return call_fail(call, ST_INVALID_ARGUMENT, NULL, "the request message is missing");
	arena_defer(call->arena, unref, bytes);
	call->request_wire = rpc_flat(call->arena, bytes);
	s = pb_validate(call->arena, m->info->input, call->request_wire,
		PB_VALIDATE_RULES | PB_VALIDATE_UPDATE, &v);
	if (s == ST_INVALID_ARGUMENT)
		return call_fail_violations(call, &v, "");
	TRY(s);
	TRY(pb_unpack(call->arena, call->input, call->request_wire, (void *)&call->request));
	if (m->has_request_id)
		call->request_id = pb_get_string(call->request, "request_id");
	return ST_OK;
}

static enum status prepare(struct call *call, const struct method *m)
{
	if (!m->is_kit && !service_is_usable(call->service))
		return call_fail_retry(call, ST_UNAVAILABLE, RETRY_MS,
			"the service is not ready at the moment; try again");
	if (m->is_kit)
		call->scope = scope_new(call->arena, NULL, LEVEL_NONE, clock_now_us());
	else
		TRY(authorize(call, &m->info->policy));
	TRY(take_stream(call, m));
	return receive(call, m);
}

/* ---- after the handler ---- */

/* What a client reads when the handler said nothing: never internals. */
static const char *generic_text(enum status s)
{
	switch (s) {
	case ST_CANCELLED:
		return "the call was cancelled";
	case ST_INVALID_ARGUMENT:
		return "the request is not valid";
	case ST_DEADLINE_EXCEEDED:
		return "the deadline of the call passed";
	case ST_NOT_FOUND:
		return "there is no such record";
	case ST_ALREADY_EXISTS:
		return "there is such a record already";
	case ST_PERMISSION_DENIED:
		return "this is not permitted";
	case ST_RESOURCE_EXHAUSTED:
		return "too many calls at the same time, or a message too large";
	case ST_FAILED_PRECONDITION:
		return "the state of the record does not allow this";
	case ST_ABORTED:
		return "the record was changed at the same time; read it and try again";
	case ST_OUT_OF_RANGE:
		return "a value is out of range";
	case ST_UNIMPLEMENTED:
		return "there is no such method";
	case ST_UNAVAILABLE:
		return "the service is not available at the moment; try again";
	case ST_UNAUTHENTICATED:
		return "sign in first";
	case ST_UNKNOWN:
		return "the outcome is not known";
	default:
		return "internal error";
	}
}

static bool may_retry(enum status s)
{
	return s == ST_UNAVAILABLE || s == ST_RESOURCE_EXHAUSTED;
}

/* A status that came up without words, or with words for another status. */
static void say(struct call *call, enum status s)
{
	const struct call_error *e = call->error;

	if (e && e->status == s && e->message)
		return;
	if (may_retry(s))
		(void)call_fail_retry(call, s, RETRY_MS, "%s", generic_text(s)); /* returns s */
	else
		(void)call_fail(call, s, NULL, "%s", generic_text(s)); /* returns s */
}

static void finish_failed(struct call *call, enum status s)
{
	const struct call_error *e;

	say(call, s);
	e = call->error;
	const struct error_details details = {
		.status = s,
		.message = e->message,
		.reason = e->reason,
		.domain = call_error_domain(call),
		.fields = &e->fields,
		.retry_ms = e->retry_ms,
	};

	rpc_finish(call->rpc, &(struct rpc_outcome){ .status = s,
				      .message = e->message,
				      .details = error_details_pack(call->arena, &details) });
}

static void finish_ok(struct call *call)
{
	struct rpc_bytes *bytes;

	if (!call->has_reply) { /* a response stream that ends */
		rpc_finish(call->rpc, &(struct rpc_outcome){ .status = ST_OK, .message = "" });
		return;
	}
	bytes = rpc_bytes_of(call->reply);
	rpc_reply(call->rpc, bytes);
	rpc_bytes_unref(bytes);
}

/* The answer that this request_id got before, if it did. A failure to look leaves the handler's
 * failure as it was. */
static enum status replay(struct call *call, enum status failed)
{
	struct call_error *said = call->error;
	bool replayed = false;
	enum status s;

	call->error = NULL;
	s = call_replay(call, &replayed);
	if (s == ST_OK && replayed)
		return ST_OK;
	if (s == ST_INVALID_ARGUMENT) /* the same id with another body */
		return s;
	call->error = said;
	return failed;
}

static bool may_replay(const struct call *call, const struct method *m)
{
	return !m->is_kit && !m->info->policy.read_only && call->request &&
	       call->request_id[0] != '\0' && call->service->db && call->principal;
}

static enum status run(struct call *call, const struct method *m)
{
	enum status s;

	TRY(prepare(call, m));
	s = m->serve(call);
	if (s != ST_OK && may_replay(call, m))
		s = replay(call, s);
	if (s == ST_OK && !call->has_reply && !m->info->server_streaming) {
		call_error_detail(call, "the handler gave no answer");
		return ST_INTERNAL;
	}
	/* gRPC cancels calls whose time is over */
	if (s == ST_CANCELLED && clock_mono_us() >= fiber_deadline(fiber_self()))
		return ST_DEADLINE_EXCEEDED;
	return s;
}

/* ---- log and metrics ---- */

static bool is_our_fault(enum status s)
{
	return s == ST_INTERNAL || s == ST_UNKNOWN || s == ST_DATA_LOSS;
}

static void put_field(struct log_field *list, size_t *n, const char *key, const char *value)
{
	if (value && value[0] != '\0')
		list[(*n)++] = (struct log_field)LOG_STR(key, value);
}

void dispatch_log(const struct call_record *r)
{
	enum log_level level = is_our_fault(r->status) ? LOG_ERROR : LOG_INFO;
	struct log_field f[9];
	size_t n = 0;

	if (!log_is_on(level))
		return;
	put_field(f, &n, "method", r->method);
	put_field(f, &n, "tenant", r->tenant_id);
	put_field(f, &n, "user", r->user_id);
	put_field(f, &n, "code", status_name(r->status));
	f[n++] = (struct log_field)LOG_US("ms", r->us);
	put_field(f, &n, "request_id", r->correlation_id);
	if (r->traceparent && r->traceparent[0] != '\0')
		f[n++] = (struct log_field)LOG_TEXT(
			"trace_id", str_n(r->traceparent + TRACE_AT, TRACE_ID));
	if (r->status >= ST_INTERNAL || r->status == ST_UNKNOWN)
		put_field(f, &n, "message", r->message);
	put_field(f, &n, "detail", r->detail);
	log_write(level, "call", f, n);
}

static struct counter *counter_of(const struct dispatch *d, struct method *m, enum status s)
{
	if (!m->calls[s])
		m->calls[s] =
			metrics_counter(d->service->metrics, "crm_calls_total", "Calls served.",
				arena_printf(d->arena, "method=\"%s\",code=\"%s\"", m->info->path,
					status_name(s)));
	return m->calls[s];
}

static struct histogram *seconds_of(const struct dispatch *d, struct method *m)
{
	if (!m->seconds)
		m->seconds = metrics_histogram(d->service->metrics, "crm_call_seconds",
			"Time from a call's arrival to its answer.",
			arena_printf(d->arena, "method=\"%s\"", m->info->path));
	return m->seconds;
}

static void record(const struct dispatch *d, const struct call *call, struct method *m,
	enum status s, int64_t us)
{
	const struct call_record r = {
		.method = m->info->path,
		.tenant_id = call->principal ? call->principal->tenant_id : NULL,
		.user_id = call->principal ? call->principal->user_id : NULL,
		.status = s,
		.us = us,
		.correlation_id = call->correlation_id,
		.traceparent = call->traceparent,
		.message = s != ST_OK ? call->error->message : NULL,
		.detail = s != ST_OK ? call->error->detail : NULL,
	};

	counter_add(counter_of(d, m, s), 1);
	histogram_observe_us(seconds_of(d, m), us);
	counter_set(d->fibers, (int64_t)fiber_count(d->service->loop));
	/* probes and watchers would fill the log */
	if (!m->is_kit || is_our_fault(s))
		dispatch_log(&r);
}

/* ---- a call ---- */

static void serve_method(struct dispatch *d, struct rpc_call *rpc, struct method *m)
{
	int64_t begun_us = clock_mono_us();
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct call call = {
		.service = d->service,
		.arena = a,
		.method = m->info,
		.input = m->input,
		.output = m->output,
		.resource = m->resource,
		.request_id = "",
		.correlation_id = dispatch_correlation_id(a, rpc),
		.traceparent = dispatch_traceparent(a, rpc),
		.address = dispatch_address(a, d->service->trusted, rpc),
		.rpc = rpc,
	};
	enum status s;

	rpc_add_header(rpc, "x-request-id", str_c(call.correlation_id));
	set_deadline(&call, m);
	s = run(&call, m);
	if (s == ST_OK)
		finish_ok(&call);
	else
		finish_failed(&call, s);
	record(d, &call, m, s, clock_mono_us() - begun_us);
}

static void refuse(struct dispatch *d, struct rpc_call *rpc, enum status s, int64_t retry_ms)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct error_details details = {
		.status = s,
		.message = generic_text(s),
		.domain = arena_printf(a, "%s.crm", d->service->def->name),
		.retry_ms = retry_ms,
	};

	rpc_finish(rpc, &(struct rpc_outcome){ .status = details.status,
				.message = details.message,
				.details = error_details_pack(a, &details) });
}

static void serve_unknown(struct dispatch *d, struct rpc_call *rpc)
{
	counter_add(d->unknown, 1);
	refuse(d, rpc, ST_UNIMPLEMENTED, 0);
}

/* Probes are answered whatever happens. */
static bool is_crowded(const struct dispatch *d, const struct method *m)
{
	return fiber_count(d->service->loop) > MAX_FIBERS && !(m && m->is_kit);
}

void dispatch_serve(struct rpc_call *rpc, void *dispatch)
{
	struct dispatch *d = dispatch;
	struct method *m = map_get(&d->methods, str_c(rpc_method(rpc)));

	counter_add(d->in_flight, 1);
	if (is_crowded(d, m))
		refuse(d, rpc, ST_RESOURCE_EXHAUSTED, RETRY_MS);
	else if (m)
		serve_method(d, rpc, m);
	else if (d->service->def->serve_other)
		d->service->def->serve_other(d->service, rpc);
	else
		serve_unknown(d, rpc);
	counter_add(d->in_flight, -1);
}
