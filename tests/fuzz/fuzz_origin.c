/* Metadata of a stranger: request id, trace, address. A call stands for one that has the bytes in
 * every header. */
#include <assert.h>
#include "kit/dispatch.h"
#include "kit/networks.h"

struct rpc_call {
	struct rpc_headers headers;
	const char *peer;
};

const struct rpc_headers *rpc_request_headers(const struct rpc_call *c)
{
	return &c->headers;
}

const char *rpc_peer(const struct rpc_call *c)
{
	return c->peer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct str text = str_n(data, size);
	struct rpc_header list[] = { { "x-request-id", text }, { "traceparent", text },
		{ "x-forwarded-for", text } };
	struct rpc_call call = { { 3, list }, str_dup(a, text) };

	assert(strlen(dispatch_correlation_id(a, &call)) <= 128 &&
		strlen(dispatch_traceparent(a, &call)) <= 55);
	(void)dispatch_address(a, networks_parse(a, STR("::/0, 0.0.0.0/0")), &call);
	(void)networks_parse(a, text);
	arena_free(a);
	return 0;
}
