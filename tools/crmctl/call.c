/*
 * crmctl call: one call of any kind. A stream of requests is sent by a fiber of its own, a line at
 * a time, as fast as the server takes them; what comes back is printed meanwhile, a message a line.
 */
#include "tools/crmctl/input.h"
#include "tools/crmctl/method.h"
#include "tools/crmctl/target.h"
#include "tools/crmctl/token.h"

struct exchange {
	struct ctl *ctl;
	const struct method *method;
	struct rpc_stream *stream;
	struct input *input; /* NULL: the one request is here */
	struct str request;
	enum status sent; /* how sending ended, if it was not the server that ended it */
	struct event done;
};

static enum status line_send(struct exchange *x, struct arena *a, struct str line)
{
	struct rpc_bytes *b;
	struct str wire;
	enum status st = method_request(a, x->method, line, &wire);

	if (st != ST_OK)
		return ctl_fail(st, "line %zu is at fault; nothing after it was sent",
			input_line_number(x->input));
	b = rpc_bytes_of(wire);
	st = rpc_stream_send(x->stream, b);
	rpc_bytes_unref(b);
	return st;
}

/* ST_ABORTED: the server has ended the call. */
static enum status lines_send(struct exchange *x)
{
	for (;;) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct str line;

		TRY(input_line(x->input, &line));
		if (!line.p)
			return rpc_stream_half_close(x->stream);
		TRY(line_send(x, a, line));
	}
}

static enum status request_send(struct exchange *x)
{
	struct rpc_bytes *b = rpc_bytes_of(x->request);
	enum status st = rpc_stream_send(x->stream, b);

	rpc_bytes_unref(b);
	return st == ST_OK ? rpc_stream_half_close(x->stream) : st;
}

static void send_main(void *arg)
{
	struct exchange *x = arg;
	enum status st = x->input ? lines_send(x) : request_send(x);

	if (st != ST_OK && st != ST_ABORTED && st != ST_CANCELLED) {
		x->sent = st;
		rpc_stream_cancel(x->stream);
	}
	event_set(&x->done);
}

static enum status answer_print(struct ctl *c, const struct method *m, struct rpc_bytes *b)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct str json;
	enum status st = method_answer(a, m, b, c->options.pretty ? PB_JSON_PRETTY : 0, &json);

	rpc_bytes_unref(b);
	TRY(st);
	return line_print(json);
}

static enum status answers_print(struct exchange *x)
{
	struct rpc_outcome outcome;
	struct rpc_bytes *b;

	for (;;) {
		TRY(rpc_stream_recv(x->stream, &b));
		if (!b)
			break;
		TRY(answer_print(x->ctl, x->method, b));
	}
	TRY(rpc_stream_finish(x->stream, &outcome, NULL));
	if (x->sent != ST_OK)
		return x->sent; /* said, and the reason for the end */
	return outcome.status == ST_OK ? ST_OK : ctl_fail_outcome(&outcome);
}

static enum status stream_call(struct exchange *x, const char *token)
{
	struct ctl *c = x->ctl;
	struct rpc_request q = target_request(c, c->arena, x->method->pb->path, token, true);
	struct fiber *sender;
	enum status st;

	if (rpc_stream_open(x->method->channel, &q, &x->stream) != ST_OK)
		return ctl_fail(ST_INTERNAL, "the call cannot be made");
	sender = fiber_spawn(c->loop, send_main, x);
	st = answers_print(x);
	if (!x->done.is_set) {
		rpc_stream_cancel(x->stream);
		fiber_cancel(sender);
		while (!x->done.is_set && event_wait(&x->done) == ST_OK)
			;
	}
	rpc_stream_close(x->stream);
	return st;
}

static enum status unary_call(
	struct ctl *c, const struct method *m, const char *token, struct str json)
{
	struct str answer;

	TRY(method_call(c, c->arena, m, token, json, &answer));
	return line_print(answer);
}

static enum status call_with(struct ctl *c, const struct method *m, const char *token)
{
	const struct options *o = &c->options;
	struct exchange x = { .ctl = c, .method = m };
	const char *given = o->n_args > 1 ? o->args[1] : m->pb->client_streaming ? "-" : "{}";
	struct input *input;
	struct str json;

	TRY(input_open(c, given, &input));
	if (m->pb->client_streaming) {
		x.input = input;
		return stream_call(&x, token);
	}
	TRY(input_all(input, &json));
	if (!m->pb->server_streaming)
		return unary_call(c, m, token, json);
	TRY(method_request(c->arena, m, json, &x.request));
	return stream_call(&x, token);
}

enum status call_run(struct ctl *c)
{
	struct rpc_channel *ch;
	struct method m;
	const char *token = NULL;

	TRY(target_open(c, c->options.target, &ch));
	TRY(method_find(c, ch, c->options.args[0], &m));
	/* a public method must work with a sign-in that has ended, too */
	if (!m.pb->policy.is_public)
		TRY(token_access(c, &token));
	return call_with(c, &m, token);
}
