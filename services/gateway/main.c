/* The gateway. */
#include "services/gateway/gateway.h"

extern const char crm_gateway_pb[], crm_gateway_pb_end[];

struct gateway_settings gateway_settings;

enum { MAX_KEYS = 100000, SECOND = 1000, MINUTE = 60 * SECOND, DAY = 24 * 60 * MINUTE };
static const int64_t MAX_RATE = 10000000;

#define SETTING(name) offsetof(struct gateway_settings, name)

static const ProtobufCServiceDescriptor *const apis[] = { &crm__gateway_service__descriptor, NULL };

static enum status start(struct service *s)
{
	struct gateway *g = arena_zalloc(s->arena, sizeof(*g));
	s->state = g;
	g->by_principal = limits_new(
		gateway_settings.principal_rate, gateway_settings.principal_burst, MAX_KEYS);
	g->by_address =
		limits_new(gateway_settings.address_rate, gateway_settings.address_burst, MAX_KEYS);
	g->apis = apis_new(s);
	g->meters = meters_new(s);
	return upstreams_start(s);
}

static void stop(struct service *s)
{
	struct gateway *g = gateway_of(s);
	if (!g)
		return;
	upstreams_stop(s);
	apis_free(g->apis);
	limits_free(g->by_address);
	limits_free(g->by_principal);
	s->state = NULL;
}

/* As a whole the gateway serves while any upstream does; each service name has the health of its
 * own. */
static bool is_healthy(struct service *s)
{
	const struct gateway *g = gateway_of(s);
	for (size_t i = 0; g && i < g->n; i++) {
		if (g->upstreams[i].is_serving)
			return true;
	}
	return false;
}

static int other_health(struct service *s, struct str name)
{
	const struct gateway *g = gateway_of(s);
	const struct upstream *u = g ? upstream_of(g, name) : NULL;
	return u ? u->is_serving : -1;
}

static const struct pb_schema *merged_schema(struct service *s)
{
	return gateway_of(s) ? apis_schema(gateway_of(s)->apis) : NULL;
}

int main(int argc, char **argv)
{
	const struct config_item config[] = {
		{ "upstreams", CONFIG_STR, SETTING(upstreams), NULL, 1, 10000, NULL,
			"who serves what: \"crm.contacts.v1=host:port,crm.identity.v1=host:port\"" },
		{ "principal_rate", CONFIG_INT, SETTING(principal_rate), "1000", 0, MAX_RATE, NULL,
			"calls a second of one user or API key; 0: no limit" },
		{ "principal_burst", CONFIG_INT, SETTING(principal_burst), "2000", 1, MAX_RATE,
			NULL, "calls that one user may make at once" },
		{ "address_rate", CONFIG_INT, SETTING(address_rate), "5000", 0, MAX_RATE, NULL,
			"calls a second from one network address; 0: no limit" },
		{ "address_burst", CONFIG_INT, SETTING(address_burst), "10000", 1, MAX_RATE, NULL,
			"calls that one address may make at once" },
		{ "stream_deadline", CONFIG_DURATION, SETTING(stream_deadline_ms), "1h", SECOND,
			DAY, NULL, "deadline of streams whose client sets none" },
		{ "upstream_max_message", CONFIG_SIZE, SETTING(max_message), "64M", 1024,
			1024 * 1024 * 1024, NULL, "largest message taken from a service" },
	};
	const struct service_def def = {
		.name = "gateway",
		.descriptors = crm_gateway_pb,
		.descriptors_end = crm_gateway_pb_end,
		.apis = apis,
		.methods = gateway_methods,
		.config = config,
		.n_config = sizeof(config) / sizeof(config[0]),
		.settings = &gateway_settings,
		.start = start,
		.stop = stop,
		.serve_other = proxy_serve,
		.other_is_unary = proxy_is_unary,
		.is_healthy = is_healthy,
		.other_health = other_health,
		.merged_schema = merged_schema,
	};
	return service_main(&def, argc, argv);
}
