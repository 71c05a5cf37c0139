/*
 * The database: its connections, whether it is up, the end-of-turn flush.
 */
#include <assert.h>
#include "adapters/db/db_private.h"

enum { EXCLUSIVE_WAITING = 16, DEFAULT_IN_FLIGHT = 256, DEFAULT_TIMEOUT_MS = 30 * 1000 };

/* Everything that the fibers of this turn sent on one lane goes under one Sync. */
static void on_turn_end(struct loop_hook *hook)
{
	struct db *db = (struct db *)(void *)((char *)hook - offsetof(struct db, hook));
	while (db->has_unsynced) { /* a lane that breaks now hands its reads to another */
		db->has_unsynced = false;
		for (size_t i = 0; i < db->n_conns[CONN_READ]; i++) {
			struct conn *c = &db->conns[CONN_READ][i];
			if (c->state == CONN_UP && c->unsynced > 0)
				conn_sync(c, NULL);
		}
	}
}

static bool any_up(const struct db *db, enum conn_kind kind)
{
	for (size_t i = 0; i < db->n_conns[kind]; i++) {
		if (db->conns[kind][i].state == CONN_UP)
			return true;
	}
	return false;
}

/* The first time, the others must be there too, so that no call finds a lane that has not been
 * tried yet. */
static bool has_started(struct db *db)
{
	db->has_started = db->has_started || (any_up(db, CONN_SLOW) && any_up(db, CONN_EXCLUSIVE));
	return db->has_started;
}

void db_update(struct db *db)
{
	bool is_up = has_started(db) && any_up(db, CONN_READ) && any_up(db, CONN_WRITE);
	if (is_up == db->is_up)
		return;
	db->is_up = is_up;
	if (db->on_change && !db->is_stopping)
		db->on_change(is_up, db->on_change_arg);
}

static void start_connections(struct db *db, enum conn_kind kind, int n)
{
	db->n_conns[kind] = n > 0 ? (size_t)n : 1;
	db->conns[kind] = mem_zalloc(db->n_conns[kind] * sizeof(struct conn));
	for (size_t i = 0; i < db->n_conns[kind]; i++)
		conn_start(&db->conns[kind][i], db, kind);
}

struct db *db_new(struct loop *l, const struct db_config *c,
	const struct db_statements *const *sets, size_t n_sets, const struct db_types *types,
	const ProtobufCMessageDescriptor *call_type)
{
	struct db *db = mem_zalloc(sizeof(*db));
	db->loop = l;
	db->url = mem_strdup(c->url);
	db->in_flight = c->in_flight > 0 ? c->in_flight : DEFAULT_IN_FLIGHT;
	db->statement_timeout_ms =
		c->statement_timeout_ms > 0 ? c->statement_timeout_ms : DEFAULT_TIMEOUT_MS;
	db->catalog = catalog_new(sets, n_sets, types, call_type);
	db->broken = db->catalog->broken;
	db->hook.fn = on_turn_end;
	loop_hook_add(l, &db->hook);
	helper_init(&db->helper, db);
	start_connections(db, CONN_READ, c->read_lanes);
	start_connections(db, CONN_WRITE, c->write_lanes);
	start_connections(db, CONN_SLOW, 1);
	start_connections(db, CONN_EXCLUSIVE, c->exclusive);
	limiter_init(&db->exclusive, 0, db->n_conns[CONN_EXCLUSIVE] * EXCLUSIVE_WAITING);
	return db;
}

static void free_works(struct db *db)
{
	while (db->free_work) {
		struct work *w = db->free_work;
		db->free_work = w->next;
		mem_free(w);
	}
}

void db_free(struct db *db)
{
	if (!db)
		return;
	db->is_stopping = true;
	helper_done(&db->helper);
	for (int kind = 0; kind < CONN_KINDS; kind++) {
		for (size_t i = 0; i < db->n_conns[kind]; i++)
			conn_stop(&db->conns[kind][i]);
	}
	for (int kind = 0; kind < CONN_KINDS; kind++)
		mem_free(db->conns[kind]);
	loop_hook_remove(db->loop, &db->hook);
	free_works(db);
	catalog_free(db->catalog);
	mem_free(db->url);
	mem_free(db);
}

bool db_is_up(const struct db *db)
{
	return db->is_up;
}

void db_on_change(struct db *db, void (*fn)(bool up, void *arg), void *arg)
{
	db->on_change = fn;
	db->on_change_arg = arg;
}

void db_on_error(struct db *db,
	void (*fn)(const char *statement, const struct db_error *e, void *arg), void *arg)
{
	db->on_error = fn;
	db->on_error_arg = arg;
}

const char *db_broken(const struct db *db)
{
	return db->broken;
}
