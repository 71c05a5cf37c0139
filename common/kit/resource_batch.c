/* The batch methods (AIP-231 to 235): many records, all or none, in one transaction and with one
 * answer. */
#include <assert.h>
#include "kit/resource_private.h"
#include "kit/service.h"

/* ---- reading ---- */

/* Row i as the client gets it. */
static enum status row_wire(struct call *call, const struct resource *r, const struct db_rows *rows,
	size_t i, struct str *ret)
{
	if (r->redact) {
		void *msg;
		TRY(db_row_message(call->arena, rows, i, &msg));
		*ret = pb_pack(call->arena, redacted(call, r, msg));
		return ST_OK;
	}
	struct buf b = buf_new(call->arena, 0);
	db_row_wire(rows, i, &b);
	*ret = buf_str(&b);
	return ST_OK;
}

static uint32_t field_number(const ProtobufCMessageDescriptor *d, const char *name)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(d, name);
	assert(f); /* resources and batch messages have the fields that AIP names */
	return f->id;
}

static struct str wire_text(struct str wire, uint32_t number)
{
	struct pb_reader in = pb_reader_of(wire);
	struct pb_wire_field f;
	while (pb_read(&in, &f))
		if (f.number == number && f.wire_type == 2)
			return f.bytes;
	return STR("");
}

static enum status read_many(struct call *call, const struct resource *r, size_t n,
	const char **ids, struct db_rows **ret)
{
	Crm__RowKeys keys = CRM__ROW_KEYS__INIT;
	keys.n_ids = n;
	keys.ids = ids;
	enum status st =
		db_read(call->service->db, call->arena, r->get_many, call_args(call, &keys), ret);
	return st == ST_OK ? st : call_fail_db(call, &(struct db_error){ .status = st });
}

static enum status check_size(struct call *call, const char *field, size_t n)
{
	if (n == 0)
		return call_fail(call, ST_INVALID_ARGUMENT, field, "is required");
	if (n > BATCH_MAX)
		return call_fail(
			call, ST_INVALID_ARGUMENT, field, "has more than %d elements", BATCH_MAX);
	return ST_OK;
}

static enum status put_found(struct call *call, const struct resource *r,
	const struct db_rows *rows, size_t n, const char *const *ids, struct buf *out)
{
	const uint32_t id_number = field_number(r->type, "id"),
		       list_number = field_number(call->output, r->plural);
	size_t found = db_count(rows);
	struct str *wires = arena_new_array(call->arena, struct str, found);
	for (size_t i = 0; i < found; i++)
		TRY(row_wire(call, r, rows, i, &wires[i]));
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;
		while (at < found && !str_is(wire_text(wires[at], id_number), ids[i]))
			at++;
		if (at == found)
			return load_failed(call, r, ST_NOT_FOUND,
				arena_printf(call->arena, "ids[%zu]", i), ids[i]);
		pb_put_message(out, list_number, wires[at]);
	}
	return ST_OK;
}

enum status resource_batch_get(struct call *call)
{
	const struct resource *r = call->resource;
	void **asked;
	struct db_rows *rows;
	size_t n = pb_get_repeated(call->request, "ids", &asked);
	TRY(check_size(call, "ids", n));
	const char **ids = arena_new_array(call->arena, const char *, n);
	for (size_t i = 0; i < n; i++)
		ids[i] = same_case(call->arena, asked[i]);
	TRY(read_many(call, r, n, ids, &rows));
	struct buf out = buf_new(call->arena, 0);
	TRY(put_found(call, r, rows, n, ids, &out));
	return call_reply_wire(call, buf_str(&out));
}

/* ---- writing ---- */

struct kind {
	enum status (*edit)(
		struct call *call, const struct resource *r, struct db_batch *b, struct edit *e);
	const char *(*id)(const struct resource *r, const void *request); /* NULL on creation */
	bool id_is_nested; /* "<name>.id", not "id" */
};

struct batch {
	size_t n;
	struct edit *edits;
};

static void enter(struct call *call, size_t i)
{
	call_field_prefix(call, arena_printf(call->arena, "requests[%zu].", i));
}

static const char *id_field(struct call *call, const struct kind *kind)
{
	return kind->id_is_nested ? name_field(call, call->resource, "id") : "id";
}

static enum status check_request(struct call *call, const struct kind *kind,
	const struct batch *batch, const char **ids, size_t i)
{
	const void *request = batch->edits[i].request;
	if (*pb_get_string(request, "request_id"))
		return call_fail(call, ST_INVALID_ARGUMENT, "request_id",
			"must be empty; set that of the batch");
	if (!kind->id)
		return ST_OK;
	ids[i] = same_case(call->arena, kind->id(call->resource, request));
	if (!*ids[i])
		return call_fail(call, ST_INVALID_ARGUMENT, id_field(call, kind), "is required");
	for (size_t j = 0; j < i; j++)
		if (strcmp(ids[j], ids[i]) == 0)
			return call_fail(call, ST_INVALID_ARGUMENT, id_field(call, kind),
				"is also that of requests[%zu]", j);
	return ST_OK;
}

static enum status read_requests(
	struct call *call, const struct kind *kind, struct batch *ret, const char ***ret_ids)
{
	void **requests;
	struct batch batch = { .n = pb_get_repeated(call->request, "requests", &requests) };
	TRY(check_size(call, "requests", batch.n));
	batch.edits = arena_new_array(call->arena, struct edit, batch.n);
	const char **ids = arena_new_array(call->arena, const char *, batch.n);
	for (size_t i = 0; i < batch.n; i++) {
		enter(call, i);
		batch.edits[i].request = requests[i];
		TRY(check_request(call, kind, &batch, ids, i));
	}
	call_field_prefix(call, NULL);
	*ret = batch;
	*ret_ids = ids;
	return ST_OK;
}

/* Fills in before of each edit. */
static enum status load_all(
	struct call *call, const struct kind *kind, struct batch *batch, const char **ids)
{
	const struct resource *r = call->resource;
	struct db_rows *rows;
	TRY(read_many(call, r, batch->n, ids, &rows));
	for (size_t i = 0; i < batch->n; i++)
		batch->edits[i].before = NULL;
	for (size_t row = 0; row < db_count(rows); row++) {
		void *msg;
		TRY(db_row_message(call->arena, rows, row, &msg));
		for (size_t i = 0; i < batch->n; i++)
			if (strcmp(ids[i], pb_get_string(msg, "id")) == 0)
				batch->edits[i].before = msg;
	}
	for (size_t i = 0; i < batch->n; i++) {
		if (batch->edits[i].before)
			continue;
		enter(call, i);
		return load_failed(call, r, ST_NOT_FOUND, id_field(call, kind), ids[i]);
	}
	return ST_OK;
}

static const void *answer_of(struct call *call, const struct batch *batch)
{
	const struct resource *r = call->resource;
	void *answer = pb_new(call->arena, call->output);
	if (!has_field(answer, r->plural))
		return answer; /* google.protobuf.Empty */
	const void **list = arena_new_array(call->arena, const void *, batch->n);
	for (size_t i = 0; i < batch->n; i++)
		list[i] = redacted(call, r, batch->edits[i].after);
	pb_set_repeated(answer, r->plural, batch->n, list);
	return answer;
}

/* Says the failure; its fields belong to the request whose statement failed. */
static enum status fail_batch(
	struct call *call, const struct batch *batch, size_t n_statements, const struct db_error *e)
{
	size_t at = 0;
	for (size_t i = 0; i < batch->n; i++)
		if (!batch->edits[i].is_unchanged &&
			batch->edits[i].first_statement <= e->statement)
			at = i;
	if (e->statement < n_statements)
		enter(call, at);
	enum status st = write_fail(call, e);
	call_field_prefix(call, NULL);
	return st;
}

static enum status write_all(
	struct call *call, struct db_batch *b, const struct batch *batch, struct db_error *ret)
{
	struct change *changes = arena_new_array(call->arena, struct change, batch->n);
	size_t n = 0;
	for (size_t i = 0; i < batch->n; i++)
		if (!batch->edits[i].is_unchanged)
			changes[n++] = batch->edits[i].change;
	const void *answer = answer_of(call, batch);
	if (n == 0 && !*call->request_id) {
		*ret = (struct db_error){ .status = ST_OK };
		return call_reply(call, answer);
	}
	return call_try_write(call, b, changes, n, answer, ret);
}

static enum status edit_all(
	struct call *call, const struct kind *kind, struct db_batch *b, struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++) {
		enter(call, i);
		batch->edits[i].first_statement = db_batch_count(b);
		TRY(kind->edit(call, call->resource, b, &batch->edits[i]));
	}
	call_field_prefix(call, NULL);
	return ST_OK;
}

static enum status change_all(struct call *call, const struct kind *kind)
{
	struct batch batch;
	const char **ids;
	TRY(read_requests(call, kind, &batch, &ids));
	for (int attempt = 1;; attempt++) {
		struct db_batch *b = db_batch_new(call->service->db, call->arena);
		struct db_error error;
		if (kind->id)
			TRY(load_all(call, kind, &batch, ids));
		TRY(edit_all(call, kind, b, &batch));
		size_t n_statements = db_batch_count(b);
		enum status st = write_all(call, b, &batch, &error);
		if (st == ST_OK || error.status == ST_OK)
			return st;
		if (!write_lost_race(&error) || attempt == RACE_ATTEMPTS)
			return fail_batch(call, &batch, n_statements, &error);
	}
}

static const char *delete_id(const struct resource *r, const void *request)
{
	(void)r;
	return pb_get_string(request, "id");
}

enum status resource_batch_create(struct call *call)
{
	static const struct kind KIND = { .edit = edit_create };
	return change_all(call, &KIND);
}

enum status resource_batch_update(struct call *call)
{
	static const struct kind KIND = {
		.edit = edit_update, .id = update_id, .id_is_nested = true
	};
	return change_all(call, &KIND);
}

enum status resource_batch_delete(struct call *call)
{
	static const struct kind KIND = { .edit = edit_delete, .id = delete_id };
	return change_all(call, &KIND);
}
