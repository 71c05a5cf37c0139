/*
 * service: what every service of this project is made of, and service_main, which runs one.
 *
 * A service is a struct service_def: its methods (methods.c), its SQL, its migrations, the events
 * it hears. service_main reads the configuration, checks the method table against the embedded
 * descriptors, migrates, connects, serves, and shuts down in order on SIGTERM:
 * NOT_SERVING, finish calls within the grace time, drain relay and consumers, exit 0.
 * PostgreSQL or NATS away, at start or later: the process stays, reports NOT_SERVING, answers
 * UNAVAILABLE with RetryInfo, recovers by itself.
 * Exit codes: 0 after SIGTERM, 1 for our own fault (a statement or method that does not fit), 2 for
 * a wrong setting, 3 for a port that is taken.
 * Threads: one loop thread runs all handlers; see common/base/fiber.h.
 */
#pragma once
#include "adapters/bus/bus.h"
#include "adapters/config/config.h"
#include "adapters/db/db.h"
#include "adapters/metrics/metrics.h"
#include "adapters/pb/pb.h"
#include "adapters/rpc/rpc.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/offload.h"

struct call;
struct resource;
struct auth;
struct outbox;
struct service;
struct secret;
struct event_handler;
struct networks;

/* One line of methods.c. */
struct method_entry {
	const char *name; /* "GetContact"; the method's service is the one of ours that has it */
	enum status (*serve)(struct call *call);
	const struct resource *resource; /* for the handlers of kit/resource.h, else NULL */
};

struct service_def {
	const char *name;                              /* "contacts" */
	const char *descriptors, *descriptors_end;     /* crm_<name>_pb, crm_<name>_pb_end */
	const ProtobufCServiceDescriptor *const *apis; /* generated; NULL-terminated */
	const struct method_entry *methods;            /* ends with an entry without a name */
	/* types that only SQL uses; NULL-terminated; may be NULL */
	const ProtobufCMessageDescriptor *const *types;
	const struct db_statements *statements; /* NULL: the service has no database */
	const struct db_migration *migrations;
	size_t n_migrations;
	/* events.c; ends with an entry without a subject; may be NULL */
	const struct event_handler *hears;
	bool publishes;                   /* has an outbox; needs the bus to be SERVING */
	const struct config_item *config; /* settings of its own, stored into `settings` */
	size_t n_config;
	void *settings;
	/* Once, in a fiber, before serving; the database need not be there yet. May set
	 * service->state. */
	enum status (*start)(struct service *s);
	/* Once, in a fiber, each time the database has become usable (after migration); may be
	 * NULL. */
	enum status (*ready)(struct service *s);
	void (*stop)(struct service *s);
	/* A method that is in no table: the gateway's pump. NULL answers UNIMPLEMENTED. It must end
	 * the call. */
	void (*serve_other)(struct service *s, struct rpc_call *rpc);
	bool (*other_is_unary)(struct service *s, const char *method); /* any thread */
	/* Whether the service's own condition is SERVING; may be NULL. */
	bool (*is_healthy)(struct service *s);
	/* Health of a gRPC service name that is not ours (gateway: its upstreams'): 1 SERVING, 0
	 * NOT_SERVING, -1 unknown. May be NULL. */
	int (*other_health)(struct service *s, struct str service_name);
	/* Reflection over more than our own descriptors; may be NULL. */
	const struct pb_schema *(*merged_schema)(struct service *s);
};

struct service_settings { /* of every service; see service.c for the table */
	const char *listen, *metrics_listen, *database, *nats, *identity, *secret_file, *log_level,
		*tls_cert, *tls_key, *tls_ca, *trusted_proxies;
	int64_t grace_ms, read_lanes, write_lanes, exclusive, in_flight, statement_timeout_ms,
		max_message, receive_memory, max_calls, caller_streams, connection_age_ms,
		offload_threads, default_deadline_ms, event_retention_ms, event_replicas;
	bool check_sql; /* --check-sql: verify statements against the database, then exit */
};

struct service {
	const struct service_def *def;
	struct service_settings settings;
	struct arena *arena; /* lives as long as the service */
	struct loop *loop;
	struct rpc *rpc;
	struct db *db;   /* NULL without a database */
	struct bus *bus; /* NULL if it neither publishes nor hears, nor verifies tokens */
	struct offload *offload;
	struct metrics *metrics;
	struct pb_schema *schema; /* our embedded descriptors */
	struct auth *auth;
	struct outbox *outbox;
	const struct secret *secret; /* the installation's; derive from it, never use it directly */
	const struct secret *page_key;  /* seals page tokens */
	const struct networks *trusted; /* proxies whose x-forwarded-for is believed */
	void *state;                    /* the service's own */
	struct service_private *p;      /* service.c's */
};

/* main() of a service. */
int service_main(const struct service_def *def, int argc, char **argv);

/* SERVING: database (if any) and bus (if needed) answer and we are not shutting down. */
bool service_is_serving(const struct service *s);
/* Wakes health watchers after something that counts has changed. */
void service_health_changed(struct service *s);
/* A fiber that lives as long as the service: cancelled and waited for at shutdown, after def->stop.
 * From a fiber (start, ready). */
void service_background(struct service *s, void (*fn)(void *arg), void *arg);
