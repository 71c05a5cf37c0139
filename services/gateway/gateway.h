/*
 * gateway: the stateless edge. It serves a few methods of its own (methods.c) and forwards all
 * others by gRPC service name.
 * Threads: the loop's fibers, except gateway_is_unary (any).
 */
#pragma once
#include "crm/gateway/v1/gateway_service.pb-c.h"
#include "kit/call.h"
#include "kit/service.h"

struct gateway_settings {
	const char *upstreams; /* "crm.contacts.v1=host:port,…" */
	/* calls a second; 0: no limit */
	int64_t principal_rate, principal_burst, address_rate, address_burst;
	int64_t stream_deadline_ms;
	int64_t max_message;
};
extern struct gateway_settings gateway_settings; /* main.c; constant after start */

extern const struct method_entry gateway_methods[];

enum { MAX_UPSTREAMS = 32 };

struct upstream {
	const char *package; /* "crm.contacts.v1": services of this package are there */
	const char *target;  /* "host:port" */
	struct rpc_channel *channel;
	bool is_serving;
	struct file_set *files; /* its descriptors by reflection; NULL until it was reached */
	struct service *service;
};

struct gateway { /* service->state */
	struct upstream upstreams[MAX_UPSTREAMS];
	size_t n;
	struct limits *by_principal, *by_address;
	struct apis *apis;
	struct meters *meters;
};
static inline struct gateway *gateway_of(const struct service *s)
{
	return s->state;
}

/* ---- upstreams.c ---- */

/* Reads the setting, opens the channels and begins to watch the health of each upstream. */
enum status upstreams_start(struct service *s) MUST_CHECK;
void upstreams_stop(struct service *s);
/* The upstream that serves "/package.Service/Method" or "package.Service"; NULL if none does. */
const struct upstream *upstream_of(const struct gateway *g, struct str name);
/* NULL if it is not configured */
struct rpc_channel *upstream_channel(const struct service *s, const char *package);

/* ---- apis.c: the descriptors of all upstreams and our own as one schema ---- */

struct apis *apis_new(struct service *s);
void apis_free(struct apis *c);
/* Asks an upstream by reflection and puts the schema together anew. */
enum status apis_refresh(struct service *s, struct upstream *u) MUST_CHECK;
/* NULL until the first refresh. A schema stays valid until two newer ones have come. Any thread. */
const struct pb_schema *apis_schema(struct apis *c);
void file_set_free(struct file_set *f);

/* ---- limits.c: how many calls a second ---- */

struct limits *limits_new(int64_t rate, int64_t burst, size_t max_keys);
void limits_free(struct limits *l);
/* Counts a call; false if it is one too many, with the time after which the next will do. */
bool limits_take(struct limits *l, struct str key, int64_t *ret_retry_ms);
struct principal;
bool limits_take_principal(struct limits *l, const struct principal *p, int64_t *ret_retry_ms);

/* ---- meters.c: counting forwarded calls; lives as long as the service ---- */

struct meters *meters_new(struct service *s);
/* method: NULL if no upstream is known to have it */
void meters_count(struct meters *m, const char *method, enum status status, int64_t us);

/* ---- proxy.c ---- */

/* Forwards a call to its upstream; ends it. */
void proxy_serve(struct service *s, struct rpc_call *rpc);
bool proxy_is_unary(struct service *s, const char *method);

/* ---- customer360.c ---- */

enum status get_customer360(struct call *call);
