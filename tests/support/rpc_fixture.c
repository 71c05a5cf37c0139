/* See rpc_fixture.h. */
#include "tests/support/rpc_fixture.h"
#include <assert.h>
#include "base/clock.h"

enum { FLOOD_MESSAGE = 64 * 1024, WATCHDOG_S = 60 };

static void finish(struct rpc_call *c, enum status status, const char *message, struct str details)
{
	rpc_finish(c,
		&(struct rpc_outcome){ .status = status, .message = message, .details = details });
}

static void reply(struct rpc_call *c, struct str text)
{
	struct rpc_bytes *b = rpc_bytes_of(text);

	rpc_reply(c, b);
	rpc_bytes_unref(b);
}

static void unary(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request)
{
	(void)f;
	rpc_reply(c, request);
}

static void fail(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request)
{
	struct arena *a = arena_new();
	int64_t status = 0;

	(void)f;
	if (!str_to_i64(rpc_flat(a, request), &status))
		status = ST_INVALID_ARGUMENT;
	rpc_add_trailer(c, "x-reason", STR("because"));
	finish(c, (enum status)status, "čeština 100% \n", str_n("\x08\x05\x00\xff", 4));
	finish(c, ST_INTERNAL, "a second end", STR("")); /* must do nothing */
	arena_free(a);
}

static void silent(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request)
{
	(void)f, (void)c, (void)request;
}

static void leave(struct rpc_fixture *f, enum status status)
{
	f->left_with = status;
	event_set(&f->left);
}

static void wait_for_ever(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request)
{
	struct event never = { 0 };
	enum status status;

	(void)request;
	f->deadline = rpc_deadline(c);
	event_set(&f->arrived);
	status = event_wait(&never);
	finish(c, status, "stopped", STR(""));
	leave(f, status);
}

static void meta(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request)
{
	const struct rpc_headers *h = rpc_request_headers(c);
	struct arena *a = arena_new();
	struct buf seen = buf_new(a, 0);

	(void)f;
	for (size_t i = 0; i < h->n; i++) {
		buf_printf(&seen, " %s", h->list[i].key);
		if (strncmp(h->list[i].key, "x-", 2) == 0) {
			rpc_add_header(c, h->list[i].key, h->list[i].value);
			rpc_add_trailer(c, h->list[i].key, h->list[i].value);
		}
	}
	rpc_add_header(c, "seen", buf_str(&seen));
	arena_free(a);
	rpc_add_header(c, "Upper-Case", STR("dropped"));
	rpc_add_header(c, "x-newline", STR("a\nb"));
	rpc_add_header(c, "grpc-status", STR("13"));
	rpc_add_header(c, "", STR("no key"));
	rpc_reply(c, request);
}

static void count(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request)
{
	struct arena *a = arena_new();
	int64_t n = 0;

	(void)f;
	if (request)
		(void)str_to_i64(rpc_flat(a, request), &n);
	for (int64_t i = 0; i < n; i++) {
		struct rpc_bytes *b = rpc_bytes_of(str_c(arena_printf(a, "%d", (int)i)));
		enum status status = rpc_send(c, b);

		rpc_bytes_unref(b);
		if (status != ST_OK)
			break;
	}
	finish(c, ST_OK, "", STR(""));
	arena_free(a);
}

static void sum(struct rpc_fixture *f, struct rpc_call *c)
{
	struct arena *a = arena_new();
	struct rpc_bytes *b;
	size_t total = 0;
	enum status status;

	event_set(&f->arrived);
	while ((status = rpc_recv(c, &b)) == ST_OK && b) {
		total += rpc_bytes_size(b);
		rpc_bytes_unref(b);
	}
	if (status == ST_OK)
		reply(c, str_c(arena_printf(a, "%zu", total)));
	else
		finish(c, status, "not all arrived", STR(""));
	leave(f, status);
	arena_free(a);
}

static void chat(struct rpc_fixture *f, struct rpc_call *c)
{
	struct rpc_bytes *b;
	enum status status;

	event_set(&f->arrived);
	while ((status = rpc_recv(c, &b)) == ST_OK && b) {
		status = rpc_send(c, b);
		rpc_bytes_unref(b);
		if (status != ST_OK)
			break;
	}
	finish(c, status, "", STR(""));
	leave(f, status);
}

static void flood(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request)
{
	char *zeros = mem_zalloc(FLOOD_MESSAGE);
	struct rpc_bytes *b = rpc_bytes_of(str_n(zeros, FLOOD_MESSAGE));
	enum status status;

	(void)request;
	mem_free(zeros);
	event_set(&f->arrived);
	while ((status = rpc_send(c, b)) == ST_OK)
		f->sent++;
	rpc_bytes_unref(b);
	finish(c, status, "", STR(""));
	leave(f, status);
}

static void late(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request)
{
	enum status status;

	(void)request;
	rpc_add_header(c, "x-early", STR("yes"));
	status = rpc_send_headers(c);
	event_set(&f->arrived);
	if (status == ST_OK)
		status = event_wait(&f->release);
	finish(c, status == ST_OK ? ST_NOT_FOUND : status, "late", STR(""));
}

static void relay(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request)
{
	struct rpc_request q = { .method = "/test.Echo/Wait", .message = request, .parent = c };
	struct arena *a = arena_new();
	struct rpc_response r;

	fiber_shield();
	(void)!rpc_unary(f->channel, a, &q, &r);
	fiber_unshield();
	rpc_finish(c, &r.outcome);
	arena_free(a);
}

static const struct {
	const char *name;
	void (*unary)(struct rpc_fixture *f, struct rpc_call *c, struct rpc_bytes *request);
	void (*stream)(struct rpc_fixture *f, struct rpc_call *c);
} METHODS[] = {
	{ "/test.Echo/Unary", unary, NULL },
	{ "/test.Echo/Fail", fail, NULL },
	{ "/test.Echo/Silent", silent, NULL },
	{ "/test.Echo/Wait", wait_for_ever, NULL },
	{ "/test.Echo/Meta", meta, NULL },
	{ "/test.Echo/Count", count, NULL },
	{ "/test.Echo/Flood", flood, NULL },
	{ "/test.Echo/Late", late, NULL },
	{ "/test.Echo/Relay", relay, NULL },
	{ "/test.Echo/Sum", NULL, sum },
	{ "/test.Echo/Chat", NULL, chat },
};
enum { METHOD_COUNT = sizeof(METHODS) / sizeof(METHODS[0]) };

static int method_index(const char *method)
{
	for (int i = 0; i < METHOD_COUNT; i++)
		if (strcmp(METHODS[i].name, method) == 0)
			return i;
	return -1;
}

static void serve(struct rpc_call *c, void *arg)
{
	struct rpc_fixture *f = arg;
	int i = method_index(rpc_method(c));
	struct rpc_bytes *request;
	enum status status;

	if (i < 0) {
		finish(c, ST_UNIMPLEMENTED, "no such method", STR(""));
		return;
	}
	if (METHODS[i].stream) {
		METHODS[i].stream(f, c);
		return;
	}
	status = rpc_recv(c, &request);
	if (status != ST_OK || !request) {
		finish(c, status == ST_OK ? ST_INVALID_ARGUMENT : status, "no request", STR(""));
		leave(f, status);
		return;
	}
	METHODS[i].unary(f, c, request);
	rpc_bytes_unref(request);
}

static bool is_unary_request(const char *method, void *arg)
{
	int i = method_index(method);

	(void)arg;
	return i < 0 || METHODS[i].unary;
}

void rpc_fixture_start_server(struct rpc_fixture *f, int port)
{
	struct rpc_handlers h = { serve, is_unary_request, f };
	struct rpc_server_config c = f->config;
	enum status status;

	c.listen = arena_printf(f->arena, "127.0.0.1:%d", port);
	status = rpc_server_new(f->rpc, &c, &h, &f->server);
	assert(status == ST_OK);
	(void)status;
}

void rpc_fixture_stop_server(struct rpc_fixture *f, int64_t grace_ms)
{
	rpc_server_shutdown(f->server, grace_ms);
	rpc_server_free(f->server);
	f->server = NULL;
}

static void body(void *arg)
{
	struct rpc_fixture *f = arg;

	/* a test that hangs fails here instead */
	fiber_set_deadline(fiber_self(), clock_mono_us() + WATCHDOG_S * 1000000LL);
	f->body(f);
	rpc_channel_free(f->channel);
	if (f->server)
		rpc_fixture_stop_server(f, 0);
	loop_stop(f->loop);
}

void rpc_fixture_run(const struct rpc_server_config *c, void (*fn)(struct rpc_fixture *f))
{
	struct rpc_fixture f = { .config = *c, .body = fn, .arena = arena_new() };
	struct rpc_channel_config cc = { .tls_ca_file = c->tls_cert_file };

	f.loop = loop_new();
	f.rpc = rpc_new(f.loop);
	rpc_fixture_start_server(&f, 0);
	cc.target = arena_printf(f.arena, "127.0.0.1:%d", rpc_server_port(f.server));
	f.channel = rpc_channel_new(f.rpc, &cc);
	fiber_spawn(f.loop, body, &f);
	loop_run(f.loop);
	arena_free(f.arena);
	rpc_free(f.rpc);
	loop_free(f.loop);
}

enum status rpc_fixture_call(
	struct rpc_fixture *f, const char *method, const char *text, struct rpc_response *ret)
{
	struct rpc_bytes *b = rpc_bytes_of(str_c(text));
	struct rpc_request q = { .method = method, .message = b };
	enum status status = rpc_unary(f->channel, f->arena, &q, ret);

	rpc_bytes_unref(b);
	return status;
}

enum status rpc_fixture_send(struct rpc_stream *s, const char *text)
{
	struct rpc_bytes *b = rpc_bytes_of(str_c(text));
	enum status status = rpc_stream_send(s, b);

	rpc_bytes_unref(b);
	return status;
}

void rpc_fixture_expect(struct rpc_fixture *f, struct rpc_stream *s, const char *text)
{
	struct rpc_bytes *b = NULL;
	const enum status status = rpc_stream_recv(s, &b);

	assert(status == ST_OK && b && str_is(rpc_flat(f->arena, b), text));
	rpc_bytes_unref(b);
}
