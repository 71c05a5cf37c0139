/* Settings that every service has, and what must hold among them. */
#include <stdio.h>
#include <unistd.h>
#include "kit/networks.h"
#include "kit/service_private.h"

#define AT(field)  offsetof(struct service_settings, field)
#define SECONDS(n) ((n)*INT64_C(1000))
#define HOURS(n)   SECONDS((n)*3600)
#define MIB(n)     ((n)*INT64_C(1048576))

static const struct config_item ITEMS[] = {
	{ .name = "listen",
		.type = CONFIG_STR,
		.offset = AT(listen),
		.fallback = "127.0.0.1:7400",
		.min = 1,
		.max = 200,
		.help = "where to serve gRPC; port 0 picks one" },
	{ .name = "metrics",
		.type = CONFIG_STR,
		.offset = AT(metrics_listen),
		.fallback = "",
		.help = "where to serve /metrics, /healthz and /readyz over HTTP; empty: nowhere" },
	{ .name = "database",
		.type = CONFIG_SECRET,
		.offset = AT(database),
		.fallback = "",
		.help = "PostgreSQL, postgres://user:password@host/database" },
	{ .name = "nats",
		.type = CONFIG_SECRET,
		.offset = AT(nats),
		.fallback = "",
		.help = "NATS, nats://user:password@host:port, several separated by commas" },
	{ .name = "identity",
		.type = CONFIG_STR,
		.offset = AT(identity),
		.fallback = "",
		.help = "the identity service, host:port, whose keys tokens are checked with" },
	{ .name = "secret_file",
		.type = CONFIG_STR,
		.offset = AT(secret_file),
		.fallback = "",
		.help = "32 bytes, the same for all replicas and services; only its owner may read "
			"it" },
	{ .name = "log_level",
		.type = CONFIG_CHOICE,
		.offset = AT(log_level),
		.fallback = "info",
		.choices = "debug|info|warn|error",
		.help = "the least that is logged" },
	{ .name = "tls_cert",
		.type = CONFIG_STR,
		.offset = AT(tls_cert),
		.fallback = "",
		.help = "PEM file with the server's certificate; empty: no TLS" },
	{ .name = "tls_key",
		.type = CONFIG_STR,
		.offset = AT(tls_key),
		.fallback = "",
		.help = "PEM file with its key" },
	{ .name = "tls_ca",
		.type = CONFIG_STR,
		.offset = AT(tls_ca),
		.fallback = "",
		.help = "PEM file with the authorities of other services; empty: no TLS towards "
			"them" },
	{ .name = "trusted_proxies",
		.type = CONFIG_STR,
		.offset = AT(trusted_proxies),
		.fallback = "",
		.help = "addresses and networks, separated by commas, whose x-forwarded-for is believed: gateways, for "
			"a service; load balancers, for a gateway. Sign-ins are limited per address" },
	{ .name = "grace",
		.type = CONFIG_DURATION,
		.offset = AT(grace_ms),
		.fallback = "30s",
		.min = 0,
		.max = HOURS(1),
		.help = "how long running calls may take to end after SIGTERM" },
	{ .name = "read_lanes",
		.type = CONFIG_INT,
		.offset = AT(read_lanes),
		.fallback = "2",
		.min = 1,
		.max = 64,
		.help = "database connections for reading" },
	{ .name = "write_lanes",
		.type = CONFIG_INT,
		.offset = AT(write_lanes),
		.fallback = "4",
		.min = 1,
		.max = 64,
		.help = "database connections for writing; each commits one call at a time" },
	{ .name = "exclusive",
		.type = CONFIG_INT,
		.offset = AT(exclusive),
		.fallback = "4",
		.min = 1,
		.max = 64,
		.help = "database connections for transactions of several steps" },
	{ .name = "in_flight",
		.type = CONFIG_INT,
		.offset = AT(in_flight),
		.fallback = "256",
		.min = 1,
		.max = 100000,
		.help = "statements at once on one database connection" },
	{ .name = "event_retention",
		.type = CONFIG_DURATION,
		.offset = AT(event_retention_ms),
		.fallback = "30d",
		.help = "how long the stream keeps events; 0s: for ever. A service deployed later learns of users from them; nats-server needs about 2 KB of memory for each" },
	{ .name = "event_replicas",
		.type = CONFIG_INT,
		.offset = AT(event_replicas),
		.fallback = "1",
		.min = 1,
		.max = 5,
		.help = "servers of a NATS cluster that store each event" },
	{ .name = "statement_timeout",
		.type = CONFIG_DURATION,
		.offset = AT(statement_timeout_ms),
		.fallback = "30s",
		.min = 100,
		.max = HOURS(24),
		.help = "how long one statement may take" },
	{ .name = "max_message",
		.type = CONFIG_SIZE,
		.offset = AT(max_message),
		.fallback = "4M",
		.min = 1024,
		.max = MIB(1024),
		.help = "the largest message received" },
	{ .name = "receive_memory",
		.type = CONFIG_SIZE,
		.offset = AT(receive_memory),
		.fallback = "256M",
		.min = MIB(16),
		.max = MIB(65536),
		.help = "memory for all that is being received at once; beyond it streams are "
			"ended" },
	{ .name = "max_calls",
		.type = CONFIG_INT,
		.offset = AT(max_calls),
		.fallback = "10000",
		.min = 1,
		.max = 20000,
		.help = "calls served at once; streams may be half of them" },
	{ .name = "caller_streams",
		.type = CONFIG_INT,
		.offset = AT(caller_streams),
		.fallback = "100",
		.min = 1,
		.max = 1000000,
		.help = "streams that one user, or one address that has not signed in, may have "
			"open at once" },
	{ .name = "connection_age",
		.type = CONFIG_DURATION,
		.offset = AT(connection_age_ms),
		.fallback = "0",
		.min = 0,
		.max = HOURS(24),
		.help = "how long a client's connection lives before it must connect again; 0: for "
			"ever" },
	{ .name = "offload_threads",
		.type = CONFIG_INT,
		.offset = AT(offload_threads),
		.fallback = "2",
		.min = 1,
		.max = 64,
		.help = "threads for what blocks or burns CPU" },
	{ .name = "default_deadline",
		.type = CONFIG_DURATION,
		.offset = AT(default_deadline_ms),
		.fallback = "30s",
		.min = 100,
		.max = HOURS(24),
		.help = "deadline of calls that come without one; streams and reports get ten "
			"times as much" },
	{ .name = "check_sql",
		.type = CONFIG_BOOL,
		.offset = AT(check_sql),
		.fallback = "false",
		.help = "migrate the database, check every statement against it, and exit" },
};

static const char *missing(const struct service *s)
{
	const struct service_def *def = s->def;
	const struct service_settings *v = &s->settings;

	if (def->statements && v->database[0] == '\0')
		return "--database is required: set it or CRM_DATABASE";
	if (v->check_sql)
		return NULL;
	if (def->statements && v->secret_file[0] == '\0')
		return "--secret-file is required: set it or CRM_SECRET_FILE";
	if ((def->publishes || def->hears) && v->nats[0] == '\0')
		return "--nats is required: set it or CRM_NATS";
	if ((v->tls_cert[0] == '\0') != (v->tls_key[0] == '\0'))
		return "--tls-cert and --tls-key belong together: set both or none";
	return NULL;
}

int settings_load(struct service *s, int argc, char **argv)
{
	const struct config_table tables[] = {
		{ .items = ITEMS, .n = sizeof(ITEMS) / sizeof(ITEMS[0]), .target = &s->settings },
		{ .items = s->def->config, .n = s->def->n_config, .target = s->def->settings },
	};
	const char *why;

	switch (config_load(s->arena, tables, 2, argc, argv, environ, stdout, stderr)) {
	case CONFIG_HELP:
		return 0;
	case CONFIG_WRONG:
		return EXIT_SETTING;
	case CONFIG_OK:
		break;
	}
	why = missing(s);
	s->trusted = networks_parse(s->arena, str_c(s->settings.trusted_proxies));
	if (!why && !s->trusted)
		why = "--trusted-proxies must be addresses or networks such as 10.0.0.0/8, separated by commas";
	if (!why)
		return -1;
	(void)fprintf(stderr, "%s\n", why); /* if that fails, nobody can be told */
	return EXIT_SETTING;
}
