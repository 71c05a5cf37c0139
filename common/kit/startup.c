/*
 * Starting up: the service's own start, then the database: migrated as soon as it can be reached,
 * connected, watched. While it is away everything else goes on, and calls answer UNAVAILABLE.
 */
#include <stdio.h>
#include "adapters/log/log.h"
#include "adapters/metrics/metrics.h"
#include "base/clock.h"
#include "common/kit/sql.h"
#include "crm/internal/v1/scope.pb-c.h"
#include "kit/auth_private.h"
#include "kit/event.h"
#include "kit/outbox.h"
#include "kit/service_private.h"

#define MS INT64_C(1000)

enum { FIRST_RETRY_MS = 100, MAX_RETRY_MS = 5000, FIRST_POLL_MS = 5, MAX_POLL_MS = 1000, SETS = 2 };

/* ---- migrations ---- */

struct migration {
	const struct service *service;
	struct arena *arena;
	const struct db_migration *list;
	size_t n;
	enum status status;
	const char *why;
};

static void migration_init(struct migration *m, const struct service *s, struct arena *a)
{
	size_t n = kit_n_migrations + s->def->n_migrations;
	struct db_migration *list = arena_new_array(a, struct db_migration, n);

	memcpy(list, kit_migrations, kit_n_migrations * sizeof(*list));
	if (s->def->n_migrations > 0)
		memcpy(list + kit_n_migrations, s->def->migrations,
			s->def->n_migrations * sizeof(*list));
	*m = (struct migration){ .service = s, .arena = a, .list = list, .n = n, .why = "" };
}

/* Blocking: in the offload pool. */
static void migrate(void *arg)
{
	struct migration *m = arg;

	m->status = db_migrate(m->arena, m->service->settings.database, m->list, m->n, &m->why);
}

/* False if the service ends: it was told to, or the schema is not one that we can work with. */
static bool migrate_when_reachable(struct service *s)
{
	int64_t retry_ms = FIRST_RETRY_MS;

	for (;;) {
		_cleanup_(arena_freep) struct arena *a = arena_new();
		struct migration m;

		migration_init(&m, s, a);
		if (offload_run(s->offload, migrate, &m) != ST_OK)
			return false;
		if (m.status == ST_OK)
			return true;
		if (m.status == ST_FAILED_PRECONDITION) {
			log_error("migration_failed", LOG_STR("detail", m.why));
			service_exit(s, EXIT_FAULT);
			return false;
		}
		if (retry_ms == FIRST_RETRY_MS)
			log_warn("database_unreachable", LOG_STR("detail", m.why ? m.why : ""));
		if (fiber_sleep_us(retry_ms * MS) != ST_OK)
			return false;
		retry_ms = retry_ms * 2 < MAX_RETRY_MS ? retry_ms * 2 : MAX_RETRY_MS;
	}
}

/* ---- the database ---- */

static void on_database_change(bool up, void *service)
{
	struct service *s = service;

	counter_set(s->p->database_up, up);
	log_info("database", LOG_BOOL("up", up));
	if (!up)
		s->p->is_ready = false;
	event_set(&s->p->database_changed);
	service_health_changed(s);
}

static void connect_database(struct service *s)
{
	const struct service_settings *v = &s->settings;
	const struct db_config c = {
		.url = v->database,
		.read_lanes = (int)v->read_lanes,
		.write_lanes = (int)v->write_lanes,
		.exclusive = (int)v->exclusive,
		.in_flight = (int)v->in_flight,
		.statement_timeout_ms = (int)v->statement_timeout_ms,
	};
	const struct db_statements **sets =
		arena_new_array(s->arena, const struct db_statements *, SETS);
	struct db_types *types = arena_zalloc(s->arena, sizeof(*types));

	sets[0] = &kit_statements;
	sets[1] = s->def->statements;
	*types = (struct db_types){ .list = s->p->type_list, .n = s->p->n_types };
	s->db = db_new(s->loop, &c, sets, SETS, types, &crm__call_scope__descriptor);
	db_on_change(s->db, on_database_change, s);
}

/* What runs on top of a database that is there, once. */
static void start_relays(struct service *s)
{
	if (!s->bus)
		return;
	if (s->def->publishes && !s->outbox)
		s->outbox = outbox_new(s);
}

/* True if the service now can be used. */
static bool become_ready(struct service *s, bool *has_events)
{
	enum status status = s->def->ready ? s->def->ready(s) : ST_OK;

	if (status != ST_OK || !db_is_up(s->db)) {
		log_warn("not_ready", LOG_STR("status", status_name(status)));
		return false;
	}
	start_relays(s);
	if (s->bus && !*has_events)
		events_start(s);
	*has_events = true;
	s->p->is_ready = true;
	service_health_changed(s);
	return true;
}

/* Until the next change, or until it is worth looking again: a statement that does not fit brings
 * no change. */
static bool wait_for_change(struct service *s, int64_t *poll_ms)
{
	int64_t until = CLOCK_NEVER;
	enum status status;

	if (!s->p->is_ready) {
		until = clock_mono_us() + *poll_ms * MS;
		*poll_ms = *poll_ms * 2 < MAX_POLL_MS ? *poll_ms * 2 : MAX_POLL_MS;
	} else {
		*poll_ms = FIRST_POLL_MS;
	}
	status = event_wait_until(&s->p->database_changed, until);
	event_reset(&s->p->database_changed);
	return status == ST_OK || status == ST_DEADLINE_EXCEEDED;
}

static void keep_database(struct service *s)
{
	int64_t poll_ms = FIRST_POLL_MS;
	bool has_events = false;

	if (!migrate_when_reachable(s))
		return;
	connect_database(s);
	do {
		if (db_broken(s->db)) {
			log_error("statements_do_not_fit", LOG_STR("detail", db_broken(s->db)));
			service_exit(s, EXIT_FAULT);
			return;
		}
		if (db_is_up(s->db) && !s->p->is_ready)
			(void)become_ready(s, &has_events); /* else later */
	} while (wait_for_change(s, &poll_ms));
}

/* ---- the whole ---- */

static void on_bus_change(bool up, void *service)
{
	struct service *s = service;

	counter_set(s->p->bus_up, up);
	service_health_changed(s);
}

static void connect_bus(struct service *s)
{
	const struct bus_config c = {
		.url = s->settings.nats,
		.name = s->def->name,
		.max_age_ms = s->settings.event_retention_ms,
		.replicas = (int)s->settings.event_replicas,
	};

	if (s->settings.nats[0] == '\0')
		return;
	s->bus = bus_new(s->loop, &c);
	bus_on_change(s->bus, on_bus_change, s);
}

void startup_run(void *service)
{
	struct service *s = service;
	enum status status;

	connect_bus(s);
	auth_start(s->auth);
	status = s->def->start ? s->def->start(s) : ST_OK;
	if (status != ST_OK) {
		log_error("start_failed", LOG_STR("status", status_name(status)));
		service_exit(s, status == ST_INVALID_ARGUMENT ? EXIT_SETTING : EXIT_FAULT);
		return;
	}
	s->p->is_started = true;
	if (s->def->statements) {
		keep_database(s);
		return;
	}
	s->p->is_ready = true;
	service_health_changed(s);
}

/* ---- --check-sql ---- */

static int say(FILE *to, const char *what, const char *why)
{
	(void)fprintf(to, "%s%s%s\n", what, why && why[0] ? ": " : "", why ? why : "");
	return to == stdout ? 0 : EXIT_FAULT;
}

int startup_check_sql(struct service *s)
{
	const struct db_statements *const sets[SETS] = { &kit_statements, s->def->statements };
	const struct db_types types = { .list = s->p->type_list, .n = s->p->n_types };
	const char *why = NULL;
	struct migration m;

	if (!s->def->statements)
		return say(stdout, "no statements", NULL);
	migration_init(&m, s, s->arena);
	migrate(&m);
	if (m.status != ST_OK)
		return say(stderr, "the database cannot be migrated", m.why);
	if (db_verify(s->arena, s->settings.database, sets, SETS, &types,
		    &crm__call_scope__descriptor, &why) != ST_OK)
		return say(stderr, "statements do not fit the schema", why);
	return say(stdout, "every statement fits the schema", NULL);
}
