/* The services behind the gateway: where they are and whether they serve, by grpc.health.v1 Watch.
 * */
#include "services/gateway/gateway.h"

#include "adapters/log/log.h"
#include "grpc/health/v1/health.pb-c.h"

static const char WATCH[] = "/grpc.health.v1.Health/Watch";
static const int64_t RETRY_US = 250000;

const struct upstream *upstream_of(const struct gateway *g, struct str name)
{
	if (name.n > 0 && name.p[0] == '/')
		name = str_n(name.p + 1, name.n - 1);
	for (size_t i = 0; i < g->n; i++) {
		const size_t n = strlen(g->upstreams[i].package);
		if (name.n > n && name.p[n] == '.' &&
			memcmp(name.p, g->upstreams[i].package, n) == 0 &&
			!memchr(name.p + n + 1, '.', name.n - n - 1))
			return &g->upstreams[i];
	}
	return NULL;
}

struct rpc_channel *upstream_channel(const struct service *s, const char *package)
{
	const struct gateway *g = gateway_of(s);
	for (size_t i = 0; i < g->n; i++) {
		if (strcmp(g->upstreams[i].package, package) == 0)
			return g->upstreams[i].channel;
	}
	return NULL;
}

/* ---- health ---- */

static void set_serving(struct upstream *u, bool is_serving)
{
	if (u->is_serving == is_serving)
		return;
	u->is_serving = is_serving;
	log_info(is_serving ? "upstream_serving" : "upstream_not_serving",
		LOG_STR("package", u->package));
	service_health_changed(u->service);
}

static enum status read_health(struct rpc_stream *s, bool *ret_is_serving)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct rpc_bytes *message;
	TRY(rpc_stream_recv(s, &message));
	if (!message)
		return ST_UNAVAILABLE;
	Grpc__Health__V1__HealthCheckResponse *r;
	const enum status st = pb_unpack(
		a, &grpc__health__v1__health_check_response__descriptor, rpc_flat(a, message), &r);
	rpc_bytes_unref(message);
	TRY(st);
	*ret_is_serving =
		r->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	return ST_OK;
}

/* Until the stream breaks. What methods there are is asked whenever the upstream begins to serve:
 * it may be a newer one. */
static enum status follow(struct upstream *u, struct rpc_stream *s)
{
	for (;;) {
		bool is_serving;
		TRY(read_health(s, &is_serving));
		if (is_serving)
			TRY(apis_refresh(u->service, u));
		set_serving(u, is_serving);
	}
}

static enum status watch(struct upstream *u)
{
	/* HealthCheckRequest without a service */
	struct rpc_bytes *everything = rpc_bytes_of(STR(""));
	const struct rpc_request q = { .method = WATCH, .wait_for_ready = true };
	struct rpc_stream *s;
	enum status st = rpc_stream_open(u->channel, &q, &s);
	if (st == ST_OK) {
		st = rpc_stream_send(s, everything);
		if (st == ST_OK)
			st = rpc_stream_half_close(s);
		if (st == ST_OK)
			st = follow(u, s);
		rpc_stream_close(s);
	}
	rpc_bytes_unref(everything);
	return st;
}

static void keep_watching(void *arg)
{
	struct upstream *u = arg;
	do {
		(void)watch(u); /* whatever ended it, it is watched again */
		set_serving(u, false);
	} while (fiber_sleep_us(RETRY_US) == ST_OK);
}

/* ---- life ---- */

static enum status add(struct service *s, struct str entry)
{
	struct gateway *g = gateway_of(s);
	struct str rest = entry;
	const struct str package = str_trim(str_cut(&rest, '='));
	const struct str target = str_trim(rest);
	if (package.n == 0 || target.n == 0 || g->n == MAX_UPSTREAMS) {
		log_error("setting_wrong", LOG_STR("name", "upstreams"), LOG_TEXT("value", entry),
			LOG_STR("expected", "package=host:port, at most 32, separated by commas"));
		return ST_INVALID_ARGUMENT;
	}
	struct upstream *u = &g->upstreams[g->n++];
	u->service = s;
	u->package = str_dup(s->arena, package);
	u->target = str_dup(s->arena, target);
	const struct rpc_channel_config c = {
		.target = u->target,
		.tls_ca_file = *s->settings.tls_ca ? s->settings.tls_ca : NULL,
		.max_message_bytes = (size_t)gateway_settings.max_message,
	};
	u->channel = rpc_channel_new(s->rpc, &c);
	service_background(s, keep_watching, u);
	return ST_OK;
}

enum status upstreams_start(struct service *s)
{
	struct str rest = str_c(gateway_settings.upstreams);
	while (rest.p)
		TRY(add(s, str_cut(&rest, ',')));
	return ST_OK;
}

void upstreams_stop(struct service *s)
{
	struct gateway *g = gateway_of(s);
	for (size_t i = 0; i < g->n; i++) {
		rpc_channel_free(g->upstreams[i].channel);
		file_set_free(g->upstreams[i].files);
	}
	g->n = 0;
}
