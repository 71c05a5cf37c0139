/*
 * One connection: the pipeline, its results, its end and its return.
 *
 * libpq copies parameters when a statement is queued, so nothing of the caller's is needed once
 * conn_submit returns, except to repeat the work. Every command that was queued has an entry in
 * c->queue; results come in that order, one per command. The NULL that libpq puts behind a result
 * says nothing: it is lost when something is sent before it is taken.
 *
 * A break (conn_close) while the connection's own event is being handled waits for the end of that
 * event, so that no code runs on a connection that is gone.
 */
#include <assert.h>
#include <sys/epoll.h>
#include "adapters/db/db_private.h"
#include "base/clock.h"
#include "base/uuid.h"

enum {
	QUEUE_MIN = 64,
	ATTEMPTS_MAX = 2,
	BATCH_MAX = 16, /* reads under one Sync, before another connection takes its share */
	BACKOFF_MIN_US = 50 * 1000,
	BACKOFF_MAX_US = 2 * 1000 * 1000,
	WATCHDOG_GRACE_US = 10 * 1000 * 1000,
	PROBE_US = 3 * 1000 * 1000,
};

#define CONN_OF(ptr, member) ((struct conn *)(void *)((char *)(ptr)-offsetof(struct conn, member)))

/* ---- the queue ---- */

static void grow(struct conn *c)
{
	size_t capacity = c->capacity ? c->capacity * 2 : QUEUE_MIN;
	struct command *queue = mem_zalloc(capacity * sizeof(*queue));
	for (size_t i = 0; i < c->count; i++)
		queue[i] = c->queue[(c->head + i) & (c->capacity - 1)];
	mem_free(c->queue);
	c->queue = queue;
	c->capacity = capacity;
	c->head = 0;
}

static void push(struct conn *c, struct command command)
{
	if (c->count == c->capacity)
		grow(c);
	c->queue[(c->head + c->count++) & (c->capacity - 1)] = command;
	if (command.work)
		command.work->commands++;
	if (command.variant)
		command.variant->commands++;
}

static struct command *head(struct conn *c)
{
	return &c->queue[c->head];
}

static void pop(struct conn *c)
{
	struct command command = *head(c);
	c->head = (c->head + 1) & (c->capacity - 1);
	c->count--;
	if (command.variant && --command.variant->commands == 0 && command.variant->is_dropped)
		variant_free(command.variant);
	if (command.work)
		work_unref(c->db, command.work);
}

/* ---- sending ---- */

static int64_t watch_interval_us(const struct conn *c)
{
	int64_t timeout_us = (int64_t)c->db->statement_timeout_ms * 1000;
	return WATCHDOG_GRACE_US + (c->kind == CONN_SLOW ? timeout_us * SLOW_FACTOR : timeout_us);
}

static void watch(struct conn *c)
{
	if (c->is_watched)
		return;
	c->is_watched = true;
	c->watched_progress = c->progress;
	loop_timer_set(c->db->loop, &c->watchdog, clock_mono_us() + watch_interval_us(c));
}

static void flush(struct conn *c)
{
	int left = PQflush(c->pg);
	if (left < 0)
		conn_close(c);
	else
		loop_io_set(c->db->loop, &c->io, left ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static bool send_prepare(struct conn *c, struct work *w, uint32_t i, struct prepared *p,
	struct variant *v, const char *name)
{
	const struct item *item = &w->items[i];
	const struct stmt *s = item->s;
	push(c, (struct command){ .kind = COMMAND_PREPARE,
			.item = i,
			.generation = p->generation,
			.work = w,
			.prepared = p,
			.variant = v });
	p->state = PREPARED_SENT;
	return PQsendPrepare(c->pg, name, item->sql ? item->sql : s->def->sql,
		(int)s->def->n_params, s->param_types);
}

static bool drop_variant(struct conn *c, struct variant *v)
{
	char sql[STMT_NAME_MAX + 16] = "DEALLOCATE ", *name = sql + strlen(sql);
	variant_name(name, v);
	push(c, (struct command){ .kind = COMMAND_DROP, .variant = v });
	return PQsendQueryParams(c->pg, sql, 0, NULL, NULL, NULL, NULL, 0);
}

static bool make_room_for_variant(struct conn *c)
{
	struct variant *old = variants_evict(c);
	if (!old)
		return true;
	if (old->prepared.state != PREPARED_NOT)
		return drop_variant(c, old);
	variant_free(old); /* the server refused it: there is nothing to drop */
	return true;
}

static bool send_plain(struct conn *c, struct work *w, uint32_t i)
{
	const struct item *item = &w->items[i];
	const struct bound *b = item->bound;
	push(c, (struct command){ .kind = COMMAND_QUERY, .item = i, .work = w });
	return PQsendQueryParams(c->pg, item->sql, b ? (int)b->n : 0, item->types,
		b ? b->values : NULL, b ? b->lengths : NULL, b ? b->formats : NULL, 1);
}

static bool send_item(struct conn *c, struct work *w, uint32_t i)
{
	const struct item *item = &w->items[i];
	const struct bound *b = item->bound;
	struct variant *v = NULL;
	char name[STMT_NAME_MAX];
	if (!item->s)
		return send_plain(c, w, i);
	struct prepared *p = &c->prepared[item->s->index];
	if (item->sql) {
		if (!make_room_for_variant(c))
			return false;
		v = variants_get(c, str_c(item->sql));
		p = &v->prepared;
		variant_name(name, v);
	} else {
		stmt_name(name, item->s->index, p->generation);
	}
	if (p->state == PREPARED_NOT && !send_prepare(c, w, i, p, v, name))
		return false;
	push(c, (struct command){
			.kind = COMMAND_QUERY, .item = i, .work = w, .prepared = p, .variant = v });
	return PQsendQueryPrepared(c->pg, name, (int)b->n, b->values, b->lengths, b->formats, 1);
}

void conn_sync(struct conn *c, struct work *w)
{
	push(c, (struct command){ .kind = COMMAND_SYNC, .work = w });
	c->unsynced = 0;
	if (PQpipelineSync(c->pg))
		flush(c);
	else
		conn_close(c);
}

static void send_work(struct conn *c, struct work *w)
{
	bool sent = true;
	for (size_t i = 0; i < w->n && sent; i++)
		sent = send_item(c, w, (uint32_t)i);
	watch(c);
	c->unsynced++;
	if (!sent)
		conn_close(c);
}

void conn_submit(struct conn *c, struct work *w)
{
	assert(c->state == CONN_UP && (w->kind == WORK_READ || c->unsynced == 0));
	w->conn = c;
	w->attempts++;
	c->in_flight++;
	send_work(c, w);
	if (w->conn != c)
		return; /* it broke, and w is elsewhere or finished */
	if (w->kind == WORK_SYNCED || c->kind == CONN_SLOW)
		conn_sync(c, w->kind == WORK_SYNCED ? w : NULL);
	else
		c->db->has_unsynced = true;
}

void conn_submit_alone(
	struct conn *c, const char *sql, void (*on_done)(struct work *w), void *owner)
{
	struct work *w = work_new(c->db, WORK_SYNCED, NULL, 1);
	w->own.sql = sql;
	w->items = &w->own;
	w->on_done = on_done;
	w->owner = owner;
	w->is_abandoned = true;
	conn_submit(c, w);
}

static bool is_idle(const struct conn *c)
{
	return c->state == CONN_UP && !c->must_close && !c->is_held && c->in_flight == 0;
}

/*
 * One connection is stuck: is it alone? The idle ones learn it by a question of their own, else
 * they would count as up until somebody had used each of them in vain.
 */
static void probe_idle(struct db *db)
{
	for (enum conn_kind kind = 0; kind < CONN_KINDS; kind++) {
		for (size_t i = 0; i < db->n_conns[kind]; i++) {
			struct conn *c = &db->conns[kind][i];
			if (!is_idle(c))
				continue;
			conn_submit_alone(c, "SELECT 1", NULL, NULL);
			if (c->state == CONN_UP)
				loop_timer_set(db->loop, &c->watchdog, clock_mono_us() + PROBE_US);
		}
	}
}

/* Every statement ends by its timeout: a server that says nothing for longer is gone, whatever TCP
 * thinks. */
static void on_watchdog(struct loop_timer *t)
{
	struct conn *c = CONN_OF(t, watchdog);
	bool is_stuck = c->in_flight > 0 && c->progress == c->watched_progress;
	c->is_watched = false;
	if (is_stuck) {
		conn_close(c);
		probe_idle(c->db);
	} else if (c->in_flight > 0) {
		watch(c);
	}
}

/* Once more on the same connection, under a Sync of its own. */
static void repeat(struct conn *c, struct work *w)
{
	PQclear(w->error);
	w->error = NULL;
	w->is_stale = false;
	w->attempts++;
	if (c->unsynced)
		conn_sync(c, NULL);
	if (c->must_close)
		return; /* resolved with the rest of the queue, where an older command of w still
			   stands */
	send_work(c, w);
	if (!c->must_close)
		conn_sync(c, w->kind == WORK_SYNCED ? w : NULL);
}

static bool may_repeat_here(const struct work *w)
{
	return !w->is_abandoned && !w->is_finished && w->attempts < ATTEMPTS_MAX;
}

/* ---- results ---- */

static void forget_preparation(const struct command *command)
{
	struct prepared *p = command->prepared;
	if (p && p->generation == command->generation && p->state == PREPARED_SENT)
		p->state = PREPARED_NOT;
}

/* A name that the server does not know, or whose result type changed: the next use prepares it anew
 * under another name. */
static void renew_preparation(struct prepared *p)
{
	if (p) {
		p->state = PREPARED_NOT;
		p->generation++;
	}
}

static void finish_with_error(struct conn *c, struct work *w)
{
	if (sqlstate_is_read_only(PQresultErrorField(w->error, PG_DIAG_SQLSTATE)))
		c->must_close = true; /* the next connection may find the new primary */
	work_finish(c->db, w, work_error_status(w));
}

static void on_query_error(struct conn *c, const struct command *command, PGresult *res)
{
	struct work *w = command->work;
	work_error(w, command->item, res);
	if (w->is_stale)
		renew_preparation(command->prepared);
	if (w->kind != WORK_READ || w->is_finished)
		return; /* the Sync decides */
	if (w->is_stale && may_repeat_here(w))
		repeat(c, w);
	else
		finish_with_error(c, w);
}

static void on_error_result(struct conn *c, const struct command *command, PGresult *res)
{
	switch (command->kind) {
	case COMMAND_QUERY:
		on_query_error(c, command, res);
		return;
	case COMMAND_PREPARE:
		forget_preparation(command);
		work_error(command->work, command->item, res);
		return;
	case COMMAND_SYNC:
		if (command->work) { /* what is checked only at commit */
			work_error(command->work, 0, res);
			return;
		}
		break;
	case COMMAND_DROP:
		command->variant->is_dropped = true;
		break;
	}
	PQclear(res);
}

/* An error before it in the pipeline took it along. */
static void on_aborted_result(struct conn *c, const struct command *command)
{
	struct work *w = command->work;
	if (command->kind == COMMAND_PREPARE)
		forget_preparation(command);
	if (command->kind == COMMAND_DROP) {
		if (c->unsynced)
			conn_sync(c, NULL);
		if (!c->must_close && drop_variant(c, command->variant))
			conn_sync(c, NULL);
		return;
	}
	if (command->kind != COMMAND_QUERY || w->kind != WORK_READ || w->is_finished)
		return;
	if (w->error)
		finish_with_error(c, w); /* its own preparation failed */
	else if (may_repeat_here(w))
		repeat(c, w);
	else
		work_finish(c->db, w, ST_ABORTED);
}

static void on_ok_result(struct conn *c, const struct command *command, PGresult *res)
{
	if (command->kind == COMMAND_QUERY) {
		work_result(c->db, command->work, command->item, res);
		return;
	}
	if (command->kind == COMMAND_PREPARE &&
		command->prepared->generation == command->generation)
		command->prepared->state = PREPARED_OK;
	if (command->kind == COMMAND_DROP)
		command->variant->is_dropped = true;
	PQclear(res);
}

static void on_sync_result(struct conn *c, const struct command *command)
{
	struct work *w = command->work;
	if (!w || w->is_finished)
		return;
	if (!w->error)
		work_finish(c->db, w, ST_OK);
	else if (w->is_stale && c->kind != CONN_EXCLUSIVE && may_repeat_here(w))
		repeat(c, w);
	else
		finish_with_error(c, w);
}

/* The server ends the session, or libpq itself says that it is gone (which carries no severity). */
static bool is_farewell(const PGresult *res)
{
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	return !severity || strcmp(severity, "ERROR") != 0;
}

static void take_result(struct conn *c, PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);
	struct command command = *head(c);
	c->progress++;
	if (status == PGRES_FATAL_ERROR && is_farewell(res)) {
		PQclear(res);
		c->must_close = true;
		return; /* its work is still in the queue, to be sent again */
	}
	if (status == PGRES_FATAL_ERROR) {
		on_error_result(c, &command, res);
	} else if (status == PGRES_PIPELINE_SYNC) {
		assert(command.kind == COMMAND_SYNC);
		PQclear(res);
		on_sync_result(c, &command);
	} else if (status == PGRES_PIPELINE_ABORTED) {
		PQclear(res);
		on_aborted_result(c, &command);
	} else {
		on_ok_result(c, &command, res);
	}
	/* what fails at commit comes before the result of its Sync */
	if (command.kind != COMMAND_SYNC || status == PGRES_PIPELINE_SYNC)
		pop(c);
}

static void take_results(struct conn *c)
{
	for (int nulls = 0; nulls < 2 && c->count > 0 && !c->must_close && !PQisBusy(c->pg);) {
		PGresult *res = PQgetResult(c->pg);
		nulls = res ? 0 : nulls + 1;
		if (res)
			take_result(c, res);
	}
}

static void on_io(struct loop_io *io, uint32_t events)
{
	struct conn *c = CONN_OF(io, io);
	(void)events; /* consuming reads and writes as far as it can */
	c->is_reading = true;
	bool is_alive = PQconsumeInput(c->pg);
	take_results(c);
	c->is_reading = false;
	if (c->must_close || !is_alive || PQstatus(c->pg) == CONNECTION_BAD)
		conn_close(c);
	else
		flush(c);
}

/* ---- the end of a connection ---- */

/* What becomes of a work whose connection broke. Those to send again are chained in front of list.
 */
static struct work *resolve_lost(struct conn *c, struct work *w, struct work *list)
{
	if (w->error && !w->is_stale) {
		finish_with_error(c, w); /* the server refused it before it went away */
		return list;
	}
	if (w->is_abandoned || !w->may_repeat || w->attempts >= ATTEMPTS_MAX ||
		c->db->is_stopping) {
		work_finish(c->db, w, w->lost_status);
		return list;
	}
	PQclear(w->error);
	w->error = NULL;
	w->is_stale = false;
	w->conn = NULL;
	c->in_flight--;
	w->next = list;
	return w;
}

/* Empties the queue; returns the works to send again, in the order they were sent. */
static struct work *drop_queue(struct conn *c)
{
	struct work *again = NULL, *ordered = NULL;
	for (size_t i = 0; i < c->count; i++) {
		struct command *command = &c->queue[(c->head + i) & (c->capacity - 1)];
		if (command->work && command->work->conn == c)
			again = resolve_lost(c, command->work, again);
	}
	while (c->count > 0) {
		if (head(c)->kind == COMMAND_DROP)
			head(c)->variant->is_dropped = true;
		pop(c);
	}
	while (again) {
		struct work *w = again;
		again = w->next;
		w->next = ordered;
		ordered = w;
	}
	assert(c->in_flight == 0);
	return ordered;
}

static void send_again(struct db *db, enum conn_kind kind, struct work *list)
{
	while (list) {
		struct work *w = list;
		struct conn *c;
		list = w->next;
		w->next = NULL;
		if (conn_pick(db, kind, &c) == ST_OK)
			conn_submit(c, w);
		else
			work_finish(db, w, w->lost_status);
	}
}

static void disconnect(struct conn *c)
{
	loop_io_set(c->db->loop, &c->io, 0);
	loop_timer_cancel(c->db->loop, &c->watchdog);
	c->is_watched = c->must_close = false;
	c->state = CONN_DOWN;
	c->unsynced = 0;
	PQfinish(c->pg);
	c->pg = NULL;
}

static void retry_later(struct conn *c)
{
	uint32_t random;
	random_bytes(&random, sizeof(random));
	int64_t wait_us = c->backoff_us / 2 + (int64_t)random % (c->backoff_us / 2 + 1);
	c->backoff_us = c->backoff_us * 2 < BACKOFF_MAX_US ? c->backoff_us * 2 : BACKOFF_MAX_US;
	loop_timer_set(c->db->loop, &c->retry, clock_mono_us() + wait_us);
}

void conn_close(struct conn *c)
{
	if (c->is_reading) {
		c->must_close = true;
		return;
	}
	if (c->state != CONN_UP)
		return;
	disconnect(c);
	struct work *again = drop_queue(c);
	variants_clear(c);
	if (!c->db->is_stopping)
		retry_later(c);
	db_update(c->db);
	tx_conn_lost(c);
	send_again(c->db, c->kind, again);
}

/* ---- connecting ---- */

static void adopt(struct conn *c, PGconn *pg, bool has_verified)
{
	const struct catalog *catalog = c->db->catalog;
	if (!c->prepared)
		c->prepared = mem_zalloc((catalog->n + 1) * sizeof(*c->prepared));
	for (size_t i = 0; i < catalog->n; i++) {
		bool is_there = has_verified && catalog->stmts[i].def->kind != DB_PAGE;
		c->prepared[i] =
			(struct prepared){ .state = is_there ? PREPARED_OK : PREPARED_NOT };
	}
	c->pg = pg;
	c->epoch++;
	c->state = CONN_UP;
	c->backoff_us = BACKOFF_MIN_US;
	c->io.fd = PQsocket(pg);
	loop_io_set(c->db->loop, &c->io, EPOLLIN);
	tx_conn_up(c);
}

static void on_connected(struct job *job)
{
	struct conn *c = job->conn;
	PGconn *pg = job->pg;
	job->pg = NULL;
	c->state = CONN_DOWN;
	if (job->status == ST_FAILED_PRECONDITION) {
		c->db->broken = c->db->catalog->broken;
		if (c->db->on_change)
			c->db->on_change(false, c->db->on_change_arg); /* so that it is noticed */
		return;
	}
	if (pg) {
		c->db->is_verified = true;
		adopt(c, pg, job->has_verified);
	} else {
		retry_later(c);
	}
	db_update(c->db);
}

static void connect_now(struct conn *c)
{
	if (c->db->broken)
		return;
	c->state = CONN_CONNECTING;
	c->connect = (struct job){ .conn = c, .on_done = on_connected };
	helper_post(&c->db->helper, &c->connect);
}

static void on_retry(struct loop_timer *t)
{
	connect_now(CONN_OF(t, retry));
}

void conn_start(struct conn *c, struct db *db, enum conn_kind kind)
{
	*c = (struct conn){ .db = db,
		.kind = kind,
		.backoff_us = BACKOFF_MIN_US,
		.io.fn = on_io,
		.retry.fn = on_retry,
		.watchdog.fn = on_watchdog };
	map_init(&c->variants.by_text);
	connect_now(c);
}

void conn_stop(struct conn *c)
{
	loop_timer_cancel(c->db->loop, &c->retry);
	conn_close(c);
	variants_clear(c);
	map_done(&c->variants.by_text);
	mem_free(c->prepared);
	mem_free(c->queue);
}

/* ---- choice ---- */

/* Fewer works is better; a batch that is being filled takes the next one before another connection
 * is woken. */
static bool is_better(const struct conn *c, const struct conn *best)
{
	bool fills = c->unsynced > 0 && c->unsynced<BATCH_MAX, best_fills = best->unsynced> 0 &&
		     best->unsynced < BATCH_MAX;
	if (fills != best_fills)
		return fills;
	return c->in_flight < best->in_flight;
}

enum status conn_pick(struct db *db, enum conn_kind kind, struct conn **ret)
{
	struct conn *best = NULL;
	bool any_up = false;
	for (size_t i = 0; i < db->n_conns[kind]; i++) {
		struct conn *c = &db->conns[kind][i];
		if (c->state != CONN_UP || c->must_close)
			continue;
		any_up = true;
		if (c->in_flight < (size_t)db->in_flight && (!best || is_better(c, best)))
			best = c;
	}
	if (!best)
		return any_up ? ST_RESOURCE_EXHAUSTED : ST_UNAVAILABLE;
	*ret = best;
	return ST_OK;
}
