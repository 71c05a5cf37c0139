/*
 * Streams: the rows of a long statement in portions, through a cursor WITH HOLD on the slow lane.
 *
 * Such a cursor keeps its result in the server without a transaction, so the lane serves others
 * between portions and a slow reader holds neither a snapshot nor locks.
 */
#include <assert.h>
#include <inttypes.h>
#include "adapters/db/db_private.h"

enum { PORTION = 500 };

struct cursor {
	struct db *db;
	struct stmt *s;
	struct conn *conn;
	uint32_t epoch; /* the cursor is gone if the connection was made anew */
	const char *fetch, *close;
	bool is_open, has_ended;
};

static bool is_connected(const struct cursor *cur)
{
	return cur->conn->state == CONN_UP && cur->conn->epoch == cur->epoch &&
	       !cur->conn->must_close;
}

static void close_cursor(struct cursor *cur)
{
	if (cur->is_open && is_connected(cur))
		conn_submit_alone(cur->conn, cur->close, NULL, NULL);
	cur->is_open = false;
}

/* Runs items on the cursor's connection; the last one fetches. */
static enum status run(
	struct cursor *cur, struct arena *a, struct item *items, size_t n, struct db_rows **ret)
{
	bool gave_up;
	struct db *db = cur->db;
	TRY(work_may_start());
	if (!is_connected(cur))
		return ST_UNAVAILABLE;
	struct work *w = work_new(db, WORK_SYNCED, items, n);
	conn_submit(cur->conn, w);
	enum status s = work_wait(db, w, &gave_up);
	if (gave_up)
		return s;
	if (s != ST_OK) {
		struct db_error e = work_describe(a, w, s);
		db_report(db, w, cur->s->def->name, &e);
		work_drop_results(w);
	} else {
		for (size_t i = 0; i + 1 < n; i++)
			PQclear(items[i].result); /* of DECLARE */
		s = rows_make(db, a, cur->s, items[n - 1].result, ret);
	}
	work_free(db, w);
	return s;
}

static enum status open_cursor(struct cursor *cur, struct arena *a, struct db_args args,
	const struct db_page_args *page, struct arena *portion, struct db_rows **ret)
{
	struct item items[2];
	const char *why;
	uint64_t number = cur->db->next_cursor++;
	size_t n = cur->s->def->n_params, n_extra = page ? page->n_values : 0;
	TRY(item_bind(a, cur->s, args, page, false, &items[0], &why));
	unsigned *types =
		arena_new_array(a, unsigned, n + n_extra); /* the filter's stay 0: inferred */
	if (n)
		memcpy(types, cur->s->param_types, n * sizeof(*types));
	items[0].s = NULL;
	items[0].types = types;
	items[0].sql = arena_printf(a, "DECLARE c%" PRIu64 " NO SCROLL CURSOR WITH HOLD FOR %s",
		number, items[0].sql ? items[0].sql : cur->s->def->sql);
	cur->fetch = arena_printf(a, "FETCH %d FROM c%" PRIu64, PORTION, number);
	cur->close = arena_printf(a, "CLOSE c%" PRIu64, number);
	items[1] = (struct item){ .sql = cur->fetch };
	cur->is_open = true; /* if this fiber gives up now, the cursor still comes into being */
	return run(cur, portion, items, 2, ret);
}

static enum status fetch(struct cursor *cur, struct arena *portion, struct db_rows **ret)
{
	struct item item = { .sql = cur->fetch };
	return run(cur, portion, &item, 1, ret);
}

enum status db_stream(struct db *db, struct arena *a, const struct db_statement *def,
	struct db_args args, const struct db_page_args *page,
	enum status (*fn)(struct db_rows *portion, void *arg), void *arg)
{
	struct cursor cur = { .db = db };
	assert(!def->writes && (def->kind == DB_MANY || def->kind == DB_PAGE));
	TRY(db_find(db, def, &cur.s));
	TRY(conn_pick(db, CONN_SLOW, &cur.conn));
	cur.epoch = cur.conn->epoch;
	enum status s = ST_OK;
	for (bool more = true; s == ST_OK && more;) {
		struct db_rows *rows;
		struct arena *portion =
			arena_new(); /* so that an export takes no more memory than a portion */
		s = cur.is_open ? fetch(&cur, portion, &rows)
				: open_cursor(&cur, a, args, page, portion, &rows);
		more = s == ST_OK && rows->n == PORTION;
		if (s == ST_OK && rows->n > 0)
			s = fn(rows, arg);
		arena_free(portion);
	}
	close_cursor(&cur);
	return s;
}
