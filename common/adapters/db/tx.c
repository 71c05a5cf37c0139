/*
 * Transactions on exclusive connections: read, decide, write.
 *
 * BEGIN travels with the first statement. A connection goes back to the pool when its transaction
 * has ended in the server too: after COMMIT, or after ROLLBACK, which nobody waits for. A call that
 * gives up while its statement runs has it cancelled in the server first.
 */
#include <assert.h>
#include "adapters/db/db_private.h"

struct db_tx {
	struct db *db;
	struct arena *arena;
	struct conn *conn; /* NULL once ended, or when it broke */
	bool has_begun;
	enum status failed; /* why nothing more can be done in it */
};

/* ---- the pool ---- */

static void give_back(struct conn *c)
{
	if (!c->is_held)
		return;
	c->is_held = c->is_ending = false;
	c->tx = NULL;
	limiter_leave(&c->db->exclusive);
}

static void on_ended(struct work *w)
{
	struct conn *c = w->owner;
	if (w->status != ST_OK)
		conn_close(c); /* in doubt what state it is in */
	give_back(c);
}

static void roll_back(struct conn *c)
{
	if (c->state == CONN_UP && !c->must_close) {
		c->is_ending = true;
		conn_submit_alone(c, "ROLLBACK", on_ended, c);
	} else {
		give_back(c);
	}
}

static void on_cancelled(struct job *job)
{
	struct conn *c = job->conn;
	c->is_ending = false;
	roll_back(c);
}

/* Ends the statement that runs, then the transaction. */
static void cancel(struct conn *c)
{
	PGcancel *request = PQgetCancel(c->pg);
	if (!request) {
		roll_back(c);
		return;
	}
	c->is_ending = true;
	c->cancel = (struct job){ .conn = c, .cancel = request, .on_done = on_cancelled };
	helper_post(&c->db->helper, &c->cancel);
}

/* The places in db->exclusive are as many as the connections that are up. */
void tx_conn_up(struct conn *c)
{
	struct limiter *places = &c->db->exclusive;
	if (c->kind != CONN_EXCLUSIVE)
		return;
	places->n++;
	places->held++;
	limiter_leave(places); /* to who waits, if anybody */
}

/* Its place goes as well. If somebody waited for it, he finds no connection and says so. */
void tx_conn_lost(struct conn *c)
{
	if (c->kind != CONN_EXCLUSIVE)
		return;
	c->db->exclusive.n--;
	if (c->tx) {
		c->tx->conn = NULL;
		c->tx->failed = ST_UNAVAILABLE;
	}
	c->tx = NULL;
	if (!c->is_ending)
		give_back(c);
}

static struct conn *find_free(struct db *db)
{
	for (size_t i = 0; i < db->n_conns[CONN_EXCLUSIVE]; i++) {
		struct conn *c = &db->conns[CONN_EXCLUSIVE][i];
		if (c->state == CONN_UP && !c->is_held && !c->must_close)
			return c;
	}
	return NULL;
}

static bool any_up(const struct db *db)
{
	for (size_t i = 0; i < db->n_conns[CONN_EXCLUSIVE]; i++) {
		if (db->conns[CONN_EXCLUSIVE][i].state == CONN_UP)
			return true;
	}
	return false;
}

/* ---- transactions ---- */

static struct conn *detach(struct db_tx *tx)
{
	struct conn *c = tx->conn;
	tx->conn = NULL;
	if (c)
		c->tx = NULL;
	return c;
}

static void end(void *ptr)
{
	db_rollback(ptr);
}

enum status db_begin(struct db *db, struct arena *a, struct db_tx **ret)
{
	if (!any_up(db))
		return ST_UNAVAILABLE; /* rather than wait for a place that leads nowhere */
	TRY(limiter_enter(&db->exclusive));
	struct conn *c = find_free(db);
	if (!c) {
		limiter_leave(&db->exclusive);
		return ST_UNAVAILABLE;
	}
	struct db_tx *tx = arena_zalloc(a, sizeof(*tx));
	*tx = (struct db_tx){ .db = db, .arena = a, .conn = c };
	c->is_held = true;
	c->tx = tx;
	arena_defer(a, end, tx);
	*ret = tx;
	return ST_OK;
}

static void set_error(struct db_error *ret, enum status status, const char *why)
{
	if (ret)
		*ret = (struct db_error){ status, "", why, 0 };
}

static enum status statement_failed(struct db_tx *tx, struct work *w, enum status status,
	const char *name, struct db_error *ret_err)
{
	if (w->is_stale)
		status = ST_ABORTED; /* the schema changed; the transaction can be tried again */
	struct db_error e = work_describe(tx->arena, w, status);
	e.statement = 0;
	db_report(tx->db, w, name, &e);
	if (ret_err)
		*ret_err = e;
	work_drop_results(w);
	tx->failed = status;
	return status;
}

/* Runs items in the transaction; the result of the last stays in it. */
static enum status run(struct db_tx *tx, struct item *items, size_t n, enum status lost_status,
	const char *name, struct db_error *ret_err)
{
	bool gave_up;
	struct db *db = tx->db;
	enum status s = work_may_start();
	if (s != ST_OK) {
		tx->failed = s; /* BEGIN may not have been sent, so nothing may follow */
		set_error(ret_err, s, "the call was cancelled");
		return s;
	}
	struct work *w = work_new(db, WORK_SYNCED, items, n);
	w->lost_status = lost_status;
	conn_submit(tx->conn, w);
	s = work_wait(db, w, &gave_up);
	if (gave_up) {
		tx->failed = s;
		set_error(ret_err, s, "the call ended before the database answered");
		struct conn *c = detach(tx);
		if (c)
			cancel(c);
		return s;
	}
	if (s != ST_OK)
		s = statement_failed(tx, w, s, name, ret_err);
	for (size_t i = 0; s == ST_OK && i + 1 < n; i++)
		PQclear(items[i].result); /* of BEGIN */
	work_free(db, w);
	return s;
}

enum status db_tx_run(struct db_tx *tx, const struct db_statement *def, struct db_args args,
	struct db_rows **ret_rows, struct db_error *ret_err)
{
	struct stmt *s;
	struct item items[2] = { { .sql = "BEGIN" } };
	struct db_rows *rows;
	const char *why = "";
	assert(def->kind != DB_PAGE);
	if (tx->failed != ST_OK || !tx->conn) {
		set_error(ret_err, tx->failed ? tx->failed : ST_ABORTED,
			"the transaction has failed already");
		return tx->failed ? tx->failed : ST_ABORTED;
	}
	TRY(db_find(tx->db, def, &s));
	enum status status = item_bind(tx->arena, s, args, NULL, false, &items[1], &why);
	if (status != ST_OK) {
		set_error(ret_err, status, why);
		return status;
	}
	size_t skip = tx->has_begun;
	tx->has_begun = true;
	TRY(run(tx, items + skip, 2 - skip, ST_UNAVAILABLE, def->name, ret_err));
	status = rows_make(tx->db, tx->arena, s, items[1].result, &rows);
	if (status != ST_OK)
		set_error(ret_err, status, "");
	else if (ret_rows)
		*ret_rows = rows;
	return status;
}

enum status db_commit(struct db_tx *tx, struct db_error *ret_err)
{
	struct item item = { .sql = "COMMIT" };
	if (tx->failed != ST_OK || !tx->conn) {
		set_error(ret_err, tx->failed ? tx->failed : ST_ABORTED,
			"the transaction has failed already");
		db_rollback(tx);
		return tx->failed ? tx->failed : ST_ABORTED;
	}
	enum status s = tx->has_begun ? run(tx, &item, 1, ST_UNKNOWN, "COMMIT", ret_err) : ST_OK;
	PQclear(s == ST_OK ? item.result : NULL);
	struct conn *c = detach(tx);
	if (c && s == ST_OK)
		give_back(c);
	else if (c)
		roll_back(c); /* in case COMMIT was not even sent; one ROLLBACK too many does no
				 harm */
	return s;
}

void db_rollback(struct db_tx *tx)
{
	struct conn *c = detach(tx);
	if (tx->failed == ST_OK)
		tx->failed = ST_ABORTED;
	if (!c)
		return;
	if (tx->has_begun)
		roll_back(c);
	else
		give_back(c);
}
