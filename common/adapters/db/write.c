/*
 * Writes: the statements of a batch as one implicit transaction under one Sync.
 */
#include <assert.h>
#include "adapters/db/db_private.h"

enum { FIRST_CAPACITY = 8 };

struct db_batch {
	struct db *db;
	struct arena *arena;
	struct item *items;
	struct db_rows **rows;
	size_t n, capacity;
	bool is_idempotent;
	/* the first statement that could not be bound */
	enum status status;
	size_t failed;
	const char *why;
};

struct db_batch *db_batch_new(struct db *db, struct arena *a)
{
	struct db_batch *b = arena_zalloc(a, sizeof(*b));
	b->db = db;
	b->arena = a;
	return b;
}

static void make_room(struct db_batch *b)
{
	if (b->n < b->capacity)
		return;
	b->capacity = b->capacity ? b->capacity * 2 : FIRST_CAPACITY;
	struct item *items = arena_new_array(b->arena, struct item, b->capacity);
	if (b->n)
		memcpy(items, b->items, b->n * sizeof(*items));
	b->items = items;
}

static enum status bind(
	struct db_batch *b, const struct db_statement *def, struct db_args args, struct item *item)
{
	struct stmt *s;
	b->why = "the database cannot be reached";
	TRY(db_find(b->db, def, &s));
	return item_bind(b->arena, s, args, NULL, true, item, &b->why);
}

size_t db_batch_add(struct db_batch *b, const struct db_statement *def, struct db_args args)
{
	assert(def->kind != DB_PAGE && !def->slow);
	make_room(b);
	b->items[b->n] = (struct item){ 0 };
	if (b->status == ST_OK) {
		b->status = bind(b, def, args, &b->items[b->n]);
		b->failed = b->n;
	}
	return b->n++;
}

void db_batch_idempotent(struct db_batch *b)
{
	b->is_idempotent = true;
}

size_t db_batch_count(const struct db_batch *b)
{
	return b->n;
}

void db_batch_truncate(struct db_batch *b, size_t n)
{
	if (n >= b->n)
		return;
	b->n = n;
	if (b->failed >= n)
		b->status = ST_OK;
}

struct db_rows *db_batch_rows(const struct db_batch *b, size_t statement)
{
	assert(b->rows && statement < b->n);
	return b->rows[statement];
}

/* What is written is written: a SELECT among the statements that finds no row is no error. */
static enum status take_rows(struct db *db, struct arena *a, struct db_batch *b)
{
	enum status s = ST_OK;
	b->rows = arena_new_array(a, struct db_rows *, b->n);
	for (size_t i = 0; i < b->n; i++) {
		enum status made = rows_make(db, a, b->items[i].s, b->items[i].result, &b->rows[i]);
		b->items[i].result = NULL;
		if (made != ST_OK && made != ST_NOT_FOUND)
			s = made;
	}
	return s;
}

static void set_error(struct db_error *ret, struct db_error e)
{
	if (ret)
		*ret = e;
}

static enum status write_failed(struct db *db, struct arena *a, struct work *w, enum status status,
	struct db_error *ret_err)
{
	struct db_error e = work_describe(a, w, status);
	db_report(db, w, w->items[0].s->def->name, &e);
	set_error(ret_err, e);
	work_drop_results(w);
	return status;
}

static enum status not_sent(
	struct db_error *ret_err, enum status status, size_t statement, const char *why)
{
	set_error(ret_err, (struct db_error){ status, "", why, statement });
	return status;
}

enum status db_write(struct db *db, struct arena *a, struct db_batch *b, struct db_error *ret_err)
{
	struct conn *c;
	bool gave_up;
	if (b->status != ST_OK)
		return not_sent(ret_err, b->status, b->failed, b->why);
	if (b->n == 0)
		return ST_OK;
	enum status s = work_may_start();
	if (s != ST_OK)
		return not_sent(ret_err, s, 0, "the call was cancelled");
	s = conn_pick(db, CONN_WRITE, &c);
	if (s != ST_OK)
		return not_sent(ret_err, s, 0,
			s == ST_UNAVAILABLE ? "the database cannot be reached"
					    : "too many writes in flight");
	struct work *w = work_new(db, WORK_SYNCED, b->items, b->n);
	w->may_repeat = b->is_idempotent;
	w->lost_status = b->is_idempotent ? ST_UNAVAILABLE : ST_UNKNOWN;
	conn_submit(c, w);
	s = work_wait(db, w, &gave_up);
	if (gave_up)
		return not_sent(ret_err, s, 0, "the call ended before the database answered");
	s = s == ST_OK ? take_rows(db, a, b) : write_failed(db, a, w, s, ret_err);
	work_free(db, w);
	return s;
}
