/*
 * Work: what a fiber waits for while its statements travel.
 *
 * A work is referenced by its fiber until that takes the outcome or gives up, and by each entry of
 * a connection's queue. It is released when neither is left; works are recycled.
 */
#include <assert.h>
#include "adapters/db/db_private.h"

struct work *work_new(struct db *db, enum work_kind kind, struct item *items, size_t n)
{
	struct work *w = db->free_work;
	if (w)
		db->free_work = w->next;
	else
		w = mem_zalloc(sizeof(*w));
	*w = (struct work){ .kind = kind, .items = items, .n = n, .lost_status = ST_UNAVAILABLE };
	return w;
}

static void release(struct db *db, struct work *w)
{
	PQclear(w->error);
	w->error = NULL;
	w->next = db->free_work;
	db->free_work = w;
}

void work_free(struct db *db, struct work *w)
{
	assert(w->is_finished);
	w->is_abandoned = true;
	if (w->commands == 0)
		release(db, w);
}

void work_unref(struct db *db, struct work *w)
{
	assert(w->commands > 0);
	w->commands--;
	if (w->commands == 0 && w->is_abandoned && w->is_finished)
		release(db, w);
}

void work_drop_results(struct work *w)
{
	for (size_t i = 0; i < w->n; i++) {
		PQclear(w->items[i].result);
		w->items[i].result = NULL;
	}
}

static void abandon(struct db *db, struct work *w)
{
	work_drop_results(w);
	w->items = NULL;
	w->n = 0;
	w->is_abandoned = true;
	if (w->is_finished && w->commands == 0)
		release(db, w);
}

enum status work_may_start(void)
{
	struct event ready = { .is_set = true };
	return event_wait(&ready); /* looks without waiting, and knows shields */
}

enum status work_wait(struct db *db, struct work *w, bool *ret_gave_up)
{
	enum status s = event_wait(&w->done);
	*ret_gave_up = s != ST_OK && !w->is_finished;
	if (*ret_gave_up) {
		abandon(db, w);
		return s;
	}
	return w->status;
}

void work_result(struct db *db, struct work *w, size_t i, PGresult *res)
{
	if (w->is_abandoned || w->is_finished) {
		PQclear(res);
	} else {
		PQclear(w->items[i].result); /* of an earlier attempt */
		w->items[i].result = res;
	}
	if (w->kind == WORK_READ)
		work_finish(db, w, ST_OK);
}

void work_error(struct work *w, size_t i, PGresult *res)
{
	if (w->error || w->is_finished) {
		PQclear(res);
		return;
	}
	w->error = res;
	w->error_item = i;
	w->is_stale = sqlstate_is_stale(PQresultErrorField(res, PG_DIAG_SQLSTATE));
}

void work_finish(struct db *db, struct work *w, enum status status)
{
	if (w->is_finished)
		return;
	w->is_finished = true;
	w->status = status;
	if (w->conn) {
		assert(w->conn->in_flight > 0);
		w->conn->in_flight--;
	}
	w->conn = NULL;
	event_set(&w->done);
	if (w->on_done)
		w->on_done(w);
	(void)db;
}

/* ---- errors ---- */

static const struct db_statement *statement_of(const struct work *w)
{
	const struct item *item =
		w->items && w->error_item < w->n ? &w->items[w->error_item] : NULL;
	return item && item->s ? item->s->def : NULL;
}

enum status work_error_status(const struct work *w)
{
	const char *state = PQresultErrorField(w->error, PG_DIAG_SQLSTATE);
	const struct db_statement *def = statement_of(w);
	if (sqlstate_is_guard(state) && def)
		return def->kind == DB_MUST  ? ST_ABORTED
		       : def->kind == DB_ONE ? ST_NOT_FOUND
					     : ST_INVALID_ARGUMENT;
	return sqlstate_status(state);
}

static const char *field(struct arena *a, const PGresult *res, int code)
{
	const char *text = res ? PQresultErrorField(res, code) : NULL;
	return text ? arena_strdup(a, text) : "";
}

struct db_error work_describe(struct arena *a, const struct work *w, enum status status)
{
	const struct db_statement *def = statement_of(w);
	struct db_error e = { .status = status,
		.constraint = "",
		.message = "the database cannot be reached",
		.statement = w->error_item };
	const char *state = w->error ? PQresultErrorField(w->error, PG_DIAG_SQLSTATE) : NULL;
	if (!w->error)
		return e;
	e.constraint = field(a, w->error, PG_DIAG_CONSTRAINT_NAME);
	/* without the detail, which quotes whole rows: personal data does not belong in logs */
	e.message = arena_printf(
		a, "%s: %s", state ? state : "?", field(a, w->error, PG_DIAG_MESSAGE_PRIMARY));
	if (sqlstate_is_guard(state) && def)
		e.constraint = def->name;
	return e;
}

static bool is_ours(enum status s)
{
	return s == ST_INTERNAL || s == ST_UNAVAILABLE || s == ST_UNKNOWN ||
	       s == ST_RESOURCE_EXHAUSTED || s == ST_DATA_LOSS;
}

void db_report(struct db *db, const struct work *w, const char *statement, const struct db_error *e)
{
	const struct db_statement *def = w ? statement_of(w) : NULL;
	if (db->on_error && is_ours(e->status))
		db->on_error(def ? def->name : statement, e, db->on_error_arg);
}

/* ---- rows ---- */

static void clear_result(void *res)
{
	PQclear(res);
}

static size_t affected(const struct db_statement *def, const PGresult *res)
{
	uint64_t n = 0;
	if (def->kind == DB_MUST && PQnfields(res) == 1 && PQntuples(res) == 1 &&
		strcmp(PQfname(res, 0), "count") == 0)
		return (size_t)read_be64(PQgetvalue(res, 0, 0)); /* the guard counts */
	(void)str_to_u64(str_c(PQcmdTuples((PGresult *)(uintptr_t)res)),
		&n); /* "" when the command counts nothing */
	return (size_t)n;
}

enum status rows_make(
	struct db *db, struct arena *a, struct stmt *s, PGresult *res, struct db_rows **ret)
{
	struct db_rows *r = arena_zalloc(a, sizeof(*r));
	const char *why = NULL;
	arena_defer(a, clear_result, res);
	*r = (struct db_rows){ .res = res,
		.output = s->output,
		.arena = a,
		.n = (size_t)PQntuples(res),
		.affected = affected(s->def, res) };
	if (s->def->kind == DB_MUST && !s->output)
		r->n = 0; /* the one row is the guard's */
	if (PQnfields(res) > 0) {
		r->columns = catalog_columns(db->catalog, s, res, &why);
		if (!r->columns) {
			struct db_error e = { ST_INTERNAL, "", why, 0 };
			db_report(db, NULL, s->def->name, &e);
			return ST_INTERNAL;
		}
	}
	*ret = r;
	return s->def->kind == DB_ONE && r->n == 0 ? ST_NOT_FOUND : ST_OK;
}
