/* See rpc_client.h. */
#include "tests/support/rpc_client.h"
#include <assert.h>
#include "base/clock.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

enum { MAX_HEADERS = 3, TIMEOUT_US = 10000000 };

static void run_body(void *fixture)
{
	struct rpc_client_fixture *f = fixture;

	f->body(f);
	loop_stop(f->loop);
}

void rpc_client_run(int port, void (*body)(struct rpc_client_fixture *f), void *arg)
{
	struct rpc_client_fixture f = { .arena = arena_new(), .body = body, .arg = arg };
	struct rpc_channel_config c = { .target = arena_printf(f.arena, "127.0.0.1:%d", port) };

	f.loop = loop_new();
	f.rpc = rpc_new(f.loop);
	f.channel = rpc_channel_new(f.rpc, &c);
	fiber_spawn(f.loop, run_body, &f);
	loop_run(f.loop);
	bus_free(f.bus);
	arena_free(f.arena);
	rpc_channel_free(f.channel);
	rpc_free(f.rpc);
	loop_free(f.loop);
}

static struct rpc_headers headers_of(const struct rpc_client_fixture *f)
{
	struct rpc_header *list = arena_new_array(f->arena, struct rpc_header, MAX_HEADERS);
	size_t n = 0;

	if (f->token)
		list[n++] = (struct rpc_header){ "authorization", str_c(f->token) };
	if (f->request_id)
		list[n++] = (struct rpc_header){ "x-request-id", str_c(f->request_id) };
	if (f->extra_key)
		list[n++] = (struct rpc_header){ f->extra_key, str_c(f->extra_value) };
	return (struct rpc_headers){ .n = n, .list = list };
}

static int64_t deadline_of(const struct rpc_client_fixture *f)
{
	if (f->timeout_us < 0)
		return 0;
	return clock_mono_us() + (f->timeout_us ? f->timeout_us : TIMEOUT_US);
}

enum status rpc_client_ask_wire(struct rpc_client_fixture *f, const char *method, struct str wire)
{
	struct rpc_request q = {
		.method = method,
		.message = rpc_bytes_of(wire),
		.headers = headers_of(f),
		.deadline = deadline_of(f),
		.wait_for_ready = !f->fails_fast,
	};
	enum status s;

	f->answer = (struct rpc_response){ 0 };
	s = rpc_unary(f->channel, f->arena, &q, &f->answer);
	rpc_bytes_unref(q.message);
	return s;
}

enum status rpc_client_ask(struct rpc_client_fixture *f, const char *method, const void *msg)
{
	return rpc_client_ask_wire(f, method, pb_pack(f->arena, msg));
}

void *rpc_client_answer(struct rpc_client_fixture *f, const ProtobufCMessageDescriptor *d)
{
	struct str wire = rpc_flat(f->arena, f->answer.message);
	void *msg;

	assert(pb_unpack(f->arena, d, wire, &msg) == ST_OK); /* else it is no such message */
	return msg;
}

enum status rpc_client_open(
	struct rpc_client_fixture *f, const char *method, struct rpc_stream **ret)
{
	struct rpc_request q = {
		.method = method,
		.headers = headers_of(f),
		.deadline = deadline_of(f),
		.wait_for_ready = !f->fails_fast,
	};

	return rpc_stream_open(f->channel, &q, ret);
}

/* ---- details ---- */

static void put_detail(struct arena *a, struct buf *b, const Google__Protobuf__Any *any)
{
	struct str value = str_n(any->value.data, any->value.len);
	Google__Rpc__ErrorInfo *info;
	Google__Rpc__BadRequest *bad;
	Google__Rpc__RetryInfo *retry;

	if (strcmp(any->type_url, "type.googleapis.com/google.rpc.ErrorInfo") == 0) {
		assert(pb_unpack(a, &google__rpc__error_info__descriptor, value, &info) == ST_OK);
		buf_printf(b, "%s@%s", info->reason, info->domain);
	} else if (strcmp(any->type_url, "type.googleapis.com/google.rpc.BadRequest") == 0) {
		assert(pb_unpack(a, &google__rpc__bad_request__descriptor, value, &bad) == ST_OK);
		for (size_t i = 0; i < bad->n_field_violations; i++)
			buf_printf(b, " [%s: %s]", bad->field_violations[i]->field,
				bad->field_violations[i]->description);
	} else if (strcmp(any->type_url, "type.googleapis.com/google.rpc.RetryInfo") == 0) {
		assert(pb_unpack(a, &google__rpc__retry_info__descriptor, value, &retry) == ST_OK);
		buf_printf(b, " retry %lld.%03d", (long long)retry->retry_delay->seconds,
			retry->retry_delay->nanos / 1000000);
	} else {
		buf_printf(b, " unknown %s", any->type_url);
	}
}

const char *rpc_client_details(struct rpc_client_fixture *f)
{
	struct buf b = buf_new(f->arena, 0);
	Google__Rpc__Status *status;

	if (f->answer.outcome.details.n == 0)
		return "none";
	assert(pb_unpack(f->arena, &google__rpc__status__descriptor, f->answer.outcome.details,
		       &status) == ST_OK);
	assert(status->code == (int32_t)f->answer.outcome.status);
	for (size_t i = 0; i < status->n_details; i++)
		put_detail(f->arena, &b, status->details[i]);
	return buf_cstr(&b);
}
