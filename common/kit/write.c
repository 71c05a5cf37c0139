/* Writing: statements, events, the stored answer and the inbox as one transaction. */
#include "kit/write_private.h"
#include <assert.h>
#include "adapters/crypto/crypto.h"
#include "adapters/db/db.h"
#include "base/uuid.h"
#include "common/kit/sql.h"
#include "crm/events/v1/event.pb-c.h"
#include "kit/outbox.h"
#include "kit/resource.h"
#include "kit/service.h"

/* Where the rows go: into a batch, or through a transaction at once. */
struct sink {
	struct call *call;
	struct db_batch *batch;
	struct db_tx *tx;
	struct db_error error;
};

static enum status put(struct sink *s, const struct db_statement *statement, const void *input)
{
	struct db_args args = { .input = input, .call = s->call->scope };
	if (s->tx)
		return db_tx_run(s->tx, statement, args, NULL, &s->error);
	(void)db_batch_add(s->batch, statement, args);
	return ST_OK;
}

static ProtobufCBinaryData binary(struct str s)
{
	return (ProtobufCBinaryData){ .len = s.n, .data = (uint8_t *)(uintptr_t)s.p };
}

/* ---- events ---- */

/* A change as it travels. */
struct packed {
	struct str before, after;
};

static struct str pack_redacted(struct call *call, const struct resource *r, const void *msg)
{
	return msg ? pb_pack(call->arena, redacted(call, r, msg)) : STR("");
}

static struct packed pack_change(struct call *call, const struct change *c)
{
	return (struct packed){
		.before = pack_redacted(call, c->resource, c->before),
		.after = c->after_wire.p ? c->after_wire
					 : pack_redacted(call, c->resource, c->after),
	};
}

static size_t changed_fields(struct arena *a, const struct change *c, char ***ret)
{
	if (c->before && c->after)
		return pb_changed_fields(a, c->before, c->after, ret);
	return pb_mask_of(a, c->before ? c->before : c->after, ret);
}

static const char *subject_of(const struct call *call, const struct change *c)
{
	return arena_printf(call->arena, "crm.%s.%s.%s.%s.%s", call->scope->tenant_id,
		call->service->def->name, c->entity, c->id, c->verb);
}

static const char *type_name(const struct change *c)
{
	return ((const ProtobufCMessage *)(c->after ? c->after : c->before))->descriptor->name;
}

static enum status put_event(struct sink *s, const struct change *c, struct packed p)
{
	struct call *call = s->call;
	char **changed = NULL;
	size_t n_changed = changed_fields(call->arena, c, &changed);
	const char *id = uuid_v7_text(call->arena);
	Crm__Event event = CRM__EVENT__INIT;
	event.event_id = id;
	event.tenant_id = call->scope->tenant_id;
	event.resource_type = type_name(c);
	event.resource_id = c->id;
	event.revision = c->revision;
	event.verb = c->verb;
	event.actor_id = call->scope->user_id;
	event.request_id = call->request_id ? call->request_id : "";
	event.traceparent = call->traceparent ? call->traceparent : "";
	event.occur_time = call->scope->now;
	event.n_changed_fields = n_changed;
	event.changed_fields = (const char **)changed;
	event.before = binary(p.before);
	event.after = binary(p.after);
	event.schema_version = 1;
	Crm__OutboxRow row = CRM__OUTBOX_ROW__INIT;
	row.id = id;
	row.subject = subject_of(call, c);
	row.payload = binary(pb_pack(call->arena, &event));
	return put(s, &sql_outbox_insert, &row);
}

/* ---- stored answers and the inbox ---- */

/* Answers are stored for callers that have a tenant and a user, and sent a request_id. */
static bool keeps_answer(const struct call *call)
{
	return call->method && call->request_id && call->request_id[0] &&
	       call->scope->tenant_id[0] && call->scope->user_id[0];
}

static enum status put_answer(struct sink *s, struct str response)
{
	uint8_t digest[CRYPTO_DIGEST];
	crypto_digest(s->call->request_wire, digest);
	Crm__IdempotencyRow row = CRM__IDEMPOTENCY_ROW__INIT;
	row.request_id = s->call->request_id;
	row.method = s->call->method->path;
	row.request_digest = binary(str_n(digest, sizeof(digest)));
	row.response = binary(response);
	return put(s, &sql_idempotency_insert, &row);
}

static enum status put_inbox(struct sink *s)
{
	Crm__InboxRow row = CRM__INBOX_ROW__INIT;
	row.consumer = s->call->inbox_consumer;
	row.event_id = s->call->inbox_event_id;
	TRY(put(s, &sql_inbox_insert, &row));
	if (!s->call->inbox_resource)
		return ST_OK;
	row.resource = s->call->inbox_resource;
	row.revision = s->call->inbox_revision;
	return put(s, &sql_inbox_advance, &row);
}

/*
 * What the caller gets now, and what is stored for a repeat. They are the same but for secrets that
 * the answer itself hands out (a new API key): those are given once and stored nowhere.
 */
struct answer {
	struct str given, stored;
};

static struct answer pack_answer(struct call *call, const void *response)
{
	const void *bare = redacted(call, call->resource, response);
	struct answer a = { .stored = pb_pack(call->arena, bare) };
	/* such a resource never shows its secrets */
	bool is_hidden = call->resource && call->resource->redact;
	a.given = bare == response || is_hidden ? a.stored : pb_pack(call->arena, response);
	return a;
}

/* Everything that goes along with the statements. *ret_response: the answer's bytes, absent if
 * response is NULL. */
static enum status put_all(struct sink *s, const struct change *changes, size_t n,
	const void *response, struct str *ret_response)
{
	struct answer answer = { .given = { NULL, 0 } };
	for (size_t i = 0; i < n; i++) {
		TRY(put_event(s, &changes[i], pack_change(s->call, &changes[i])));
		if (response && response == changes[i].after)
			/* absent if something in it is redacted */
			answer.given = answer.stored = changes[i].after_wire;
	}
	if (response && !answer.given.p)
		answer = pack_answer(s->call, response);
	if (keeps_answer(s->call))
		TRY(put_answer(s, answer.stored.p ? answer.stored : STR("")));
	if (s->call->inbox_event_id)
		TRY(put_inbox(s));
	*ret_response = answer.given;
	return ST_OK;
}

enum status write_event(struct call *call, struct db_batch *b, const struct change *change)
{
	struct sink s = { .call = call, .batch = b };
	return put_event(&s, change, pack_change(call, change));
}

/* ---- failures ---- */

bool write_lost_race(const struct db_error *e)
{
	return e->status == ST_ABORTED;
}

enum status write_fail(struct call *call, const struct db_error *e)
{
	if (e->status == ST_ABORTED && e->constraint && e->constraint[0])
		return call_fail_reason(call, ST_ABORTED, "CHANGED_MEANWHILE", NULL,
			"it was changed by somebody else meanwhile; read it and try again");
	return call_fail_db(call, e);
}

/* Whether the primary key that was violated is that of a record which this very batch creates. */
static bool is_key_of(const struct change *c, struct str table, const struct db_error *e)
{
	return !c->before &&
	       (str_is(table, c->entity) || (c->resource && c->insert_at == e->statement));
}

/* A new id cannot be there already, unless it is our own row of a first sending whose answer was
 * lost. */
static bool was_stored_before(const struct db_error *e, const struct change *changes, size_t n)
{
	struct str constraint = str_c(e->constraint);
	if (e->status != ST_ALREADY_EXISTS || !str_ends(constraint, "_pkey"))
		return false;
	struct str table = str_n(constraint.p, constraint.n - (sizeof("_pkey") - 1));
	for (size_t i = 0; i < n; i++)
		if (is_key_of(&changes[i], table, e))
			return true;
	return false;
}

static enum status find_answer(struct call *call, Crm__IdempotencyRow **ret)
{
	Crm__IdempotencyRow key = CRM__IDEMPOTENCY_ROW__INIT;
	/* where the writes go, which a read lane may lag behind */
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	key.request_id = call->request_id;
	size_t at = db_batch_add(b, &sql_idempotency_get, call_args(call, &key));
	db_batch_idempotent(b);
	TRY(db_write(call->service->db, call->arena, b, NULL));
	const struct db_rows *rows = db_batch_rows(b, at);
	if (db_count(rows) == 0)
		return ST_NOT_FOUND;
	return db_row_message(call->arena, rows, 0, ret);
}

static bool is_same_request(const struct call *call, const Crm__IdempotencyRow *row)
{
	uint8_t digest[CRYPTO_DIGEST];
	crypto_digest(call->request_wire, digest);
	return strcmp(row->method, call->method->path) == 0 &&
	       str_eq(str_n(row->request_digest.data, row->request_digest.len),
		       str_n(digest, sizeof(digest)));
}

enum status call_replay(struct call *call, bool *ret_replayed)
{
	Crm__IdempotencyRow *row = NULL;
	*ret_replayed = false;
	if (!call->service->db || !keeps_answer(call) || find_answer(call, &row) != ST_OK)
		return ST_OK; /* what failed before stands */
	if (!is_same_request(call, row))
		return call_fail_reason(call, ST_INVALID_ARGUMENT, "REQUEST_ID_REUSED",
			"request_id",
			"was used for another request; make a new one for each request");
	call_error_take(call, NULL, NULL);
	*ret_replayed = true;
	return call_reply_wire(call, str_n(row->response.data, row->response.len));
}

/* ---- writing ---- */

static void succeed(struct call *call, const void *response, struct str wire, size_t n_events)
{
	if (response)
		(void)call_reply_wire(call, wire); /* only stores it */
	if (n_events > 0 && call->service->outbox)
		outbox_wake(call->service->outbox);
}

enum status call_try_write(struct call *call, struct db_batch *b, const struct change *changes,
	size_t n, const void *response, struct db_error *ret)
{
	struct sink s = { .call = call, .batch = b };
	struct str wire;
	bool is_replayed;
	*ret = (struct db_error){ .constraint = "", .message = "" };
	TRY(put_all(&s, changes, n, response, &wire));
	if (keeps_answer(call))
		db_batch_idempotent(b);
	struct db_error e = { .status = ST_OK };
	enum status st = db_write(call->service->db, call->arena, b, &e);
	if (st == ST_OK || was_stored_before(&e, changes, n)) {
		succeed(call, response, wire, n);
		return ST_OK;
	}
	e.status = st;
	if (st == ST_ALREADY_EXISTS || st == ST_ABORTED) {
		TRY(call_replay(call, &is_replayed));
		if (is_replayed)
			return ST_OK;
	}
	*ret = e;
	return st;
}

enum status call_write(struct call *call, struct db_batch *b, const struct change *changes,
	size_t n, const void *response)
{
	struct db_error e;
	enum status st = call_try_write(call, b, changes, n, response, &e);
	return st == ST_OK || e.status == ST_OK ? st : write_fail(call, &e);
}

enum status call_write_tx(struct call *call, struct db_tx *tx, const struct change *changes,
	size_t n, const void *response)
{
	struct sink s = { .call = call, .tx = tx };
	struct str wire;
	enum status st = put_all(&s, changes, n, response, &wire);
	if (st != ST_OK) {
		s.error.status = st;
		return write_fail(call, &s.error);
	}
	succeed(call, response, wire, n);
	return ST_OK;
}
