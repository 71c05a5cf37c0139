/* See target.h. */
#include "tools/crmctl/target.h"
#include <unistd.h>
#include "base/clock.h"

enum { DEFAULT_TIMEOUT_MS = 30 * 1000, MAX_MESSAGE = 64 << 20 };

static void channel_close(void *channel)
{
	rpc_channel_free(channel);
}

enum status target_open(struct ctl *c, const char *name, struct rpc_channel **ret)
{
	struct rpc_channel_config config = {
		.target = name,
		.tls_ca_file = c->options.tls_ca,
		.max_message_bytes = MAX_MESSAGE,
	};

	if (!strchr(name, ':'))
		return ctl_fail_usage(c, "the target is HOST:PORT, not '%s'", name);
	if (config.tls_ca_file && access(config.tls_ca_file, R_OK) != 0)
		return ctl_fail_usage(c, "--tls-ca: %s cannot be read", config.tls_ca_file);
	*ret = rpc_channel_new(c->rpc, &config);
	arena_defer(c->arena, channel_close, *ret);
	return ST_OK;
}

struct rpc_request target_request(
	struct ctl *c, struct arena *a, const char *method, const char *token, bool is_stream)
{
	const struct options *o = &c->options;
	struct rpc_header *list = arena_new_array(a, struct rpc_header, o->n_headers + 1);
	int64_t timeout_ms = o->timeout_ms ? o->timeout_ms : is_stream ? 0 : DEFAULT_TIMEOUT_MS;
	size_t n = 0;

	for (; n < o->n_headers; n++)
		list[n] = o->headers[n];
	if (token)
		list[n++] = (struct rpc_header){ "authorization",
			str_c(arena_printf(a, "Bearer %s", token)) };
	return (struct rpc_request){
		.method = method,
		.headers = { n, list },
		.deadline = timeout_ms ? clock_mono_us() + timeout_ms * 1000 : 0,
	};
}

enum status target_unary(struct ctl *c, struct arena *a, struct rpc_channel *ch, const char *method,
	const char *token, struct str message, struct rpc_response *ret)
{
	struct rpc_request q = target_request(c, a, method, token, false);
	enum status st;

	q.message = rpc_bytes_of(message);
	st = rpc_unary(ch, a, &q, ret);
	rpc_bytes_unref(q.message);
	return st;
}
