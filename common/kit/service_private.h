/*
 * The life of a service, between the files that make it up: service.c, settings.c, startup.c,
 * types.c, health.c, dispatch.c.
 */
#pragma once
#include "base/map.h"
#include "kit/service.h"

struct dispatch;
struct counter;

struct service_private {
	struct dispatch *dispatch;
	struct rpc_server *server;
	struct secret *secret, *page_key;
	struct map types; /* short and full name to ProtobufCMessageDescriptor */
	const ProtobufCMessageDescriptor **type_list;
	size_t n_types, cap_types;
	struct loop_hook end_of_turn;

	struct group background;
	struct event health_changed; /* set and reset at once: wakes watchers */
	struct event database_changed;
	struct counter *database_up, *bus_up;

	bool is_started; /* def->start has returned */
	/* def->ready has returned since the database came up, or there is no database */
	bool is_ready;
	bool was_serving;
	bool is_stopping;
	int64_t grace_ms;
	int exit_code;
};

enum { EXIT_FAULT = 1, EXIT_SETTING = 2, EXIT_PORT = 3 };

/* settings.c: the tables of the kit and of the service, into s->settings and def->settings. -1 to
 * go on, else the exit code. */
int settings_load(struct service *s, int argc, char **argv);

/* types.c */
void types_init(struct service *s);
void types_done(struct service *s);

/* startup.c: the fiber that brings the service up; it goes on as the keeper of the database. */
void startup_run(void *service);
/* Migrates and verifies all statements, says so on standard output. The exit code. */
int startup_check_sql(struct service *s);

/* Whether a method that needs what the service needs can be served now. */
bool service_is_usable(const struct service *s);
/* Stops the service without grace; the process ends with this code. */
void service_exit(struct service *s, int code);
