/*
 * Reads: one statement, on a read lane or the slow lane.
 */
#include <assert.h>
#include "adapters/db/db_private.h"

enum status db_find(struct db *db, const struct db_statement *def, struct stmt **ret)
{
	if (!db->is_verified)
		return ST_UNAVAILABLE;
	*ret = catalog_find(db->catalog, def);
	assert(*ret); /* db_new got the set that this statement is in */
	return ST_OK;
}

enum status item_bind(struct arena *a, struct stmt *s, struct db_args args,
	const struct db_page_args *page, bool copy, struct item *ret, const char **ret_why)
{
	size_t n = s->def->n_params, n_extra = page ? page->n_values : 0;
	struct bound *bound;
	TRY(params_bind(a, s->params, n, n_extra, args, copy, &bound, ret_why));
	for (size_t i = 0; i < n_extra; i++) {
		bound->values[n + i] = page->values[i];
		bound->lengths[n + i] = 0; /* text: libpq measures it */
		bound->formats[n + i] = 0;
	}
	*ret = (struct item){ .s = s,
		.bound = bound,
		.sql = s->def->kind == DB_PAGE ? page_sql(a, s->def, page) : NULL };
	return ST_OK;
}

static enum status read_failed(struct db *db, struct arena *a, struct work *w, enum status status)
{
	struct db_error e = work_describe(a, w, status);
	db_report(db, w, w->n > 0 && w->items[0].s ? w->items[0].s->def->name : "", &e);
	return status;
}

static enum status run(struct db *db, struct arena *a, struct item *item, struct db_rows **ret_rows)
{
	struct conn *c;
	struct db_rows *rows;
	bool gave_up;
	TRY(work_may_start());
	TRY(conn_pick(db, item->s->def->slow ? CONN_SLOW : CONN_READ, &c));
	struct work *w = work_new(db, WORK_READ, item, 1);
	w->may_repeat = true;
	conn_submit(c, w);
	enum status s = work_wait(db, w, &gave_up);
	if (gave_up)
		return s;
	s = s == ST_OK ? rows_make(db, a, item->s, item->result, &rows) : read_failed(db, a, w, s);
	work_free(db, w);
	if (s == ST_OK && ret_rows)
		*ret_rows = rows;
	return s;
}

enum status db_read_page(struct db *db, struct arena *a, const struct db_statement *def,
	struct db_args args, const struct db_page_args *page, struct db_rows **ret_rows)
{
	struct stmt *s;
	struct item item;
	const char *why;
	assert(!def->writes); /* read lanes repeat what broke, and may lead to a replica */
	TRY(db_find(db, def, &s));
	TRY(item_bind(a, s, args, page, false, &item, &why));
	return run(db, a, &item, ret_rows);
}

enum status db_read(struct db *db, struct arena *a, const struct db_statement *def,
	struct db_args args, struct db_rows **ret_rows)
{
	assert(def->kind != DB_PAGE);
	return db_read_page(db, a, def, args, NULL, ret_rows);
}
