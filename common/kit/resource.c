/* The standard methods on one record. */
#include "kit/resource_private.h"
#include "kit/page.h"
#include "kit/service.h"

/* ---- reading ---- */

enum status load_failed(struct call *call, const struct resource *r, enum status st,
	const char *field, const char *id)
{
	if (st == ST_NOT_FOUND)
		return call_fail(call, ST_NOT_FOUND, field, "there is no %s %s that you may see",
			r->name, id);
	return call_fail_db(call, &(struct db_error){ .status = st });
}

static enum status read_one(struct call *call, const struct resource *r, const char *id,
	bool with_deleted, const char *field, struct db_rows **ret)
{
	Crm__RowKey key = CRM__ROW_KEY__INIT;
	key.id = id;
	key.with_deleted = with_deleted;
	if (!*id)
		return call_fail(call, ST_INVALID_ARGUMENT, field, "is required");
	enum status st =
		db_read(call->service->db, call->arena, r->get, call_args(call, &key), ret);
	return st == ST_OK ? st : load_failed(call, r, st, field, id);
}

enum status resource_load(struct call *call, const struct resource *r, const char *id,
	bool with_deleted, const char *field, void *ret_msg_ptr)
{
	struct db_rows *rows;
	TRY(read_one(call, r, id, with_deleted, field, &rows));
	enum status st = db_row_message(call->arena, rows, 0, ret_msg_ptr);
	return st == ST_OK ? st : load_failed(call, r, st, field, id);
}

enum status resource_get(struct call *call)
{
	const struct resource *r = call->resource;
	const char *id = pb_get_string(call->request, "id");
	if (r->redact) {
		void *msg;
		TRY(resource_load(call, r, id, r->is_soft_deleted, "id", &msg));
		return call_reply(call, redacted(call, r, msg));
	}
	struct db_rows *rows;
	TRY(read_one(call, r, id, r->is_soft_deleted, "id", &rows));
	struct buf wire = buf_new(call->arena, 0);
	db_row_wire(rows, 0, &wire);
	return call_reply_wire(call, buf_str(&wire));
}

static enum status redact_row(struct call *call, void *row)
{
	call->resource->redact(row);
	return ST_OK;
}

enum status resource_list(struct call *call)
{
	const struct resource *r = call->resource;
	struct page_spec spec = {
		.statement = r->list,
		.fields = r->fields,
		.default_order = r->default_order,
		.list_field = r->plural,
		.row_type = r->type,
		.each = r->redact ? redact_row : NULL,
	};
	return page_reply(call, &spec);
}

/* ---- writing ---- */

/* The record itself, or an empty message where the method answers nothing. */
static const void *answer_of(struct call *call, const struct resource *r, const void *msg)
{
	return call->output == r->type ? redacted(call, r, msg) : pb_new(call->arena, call->output);
}

static enum status write_edit(struct call *call, const struct resource *r, struct db_batch *b,
	const struct edit *e, struct db_error *ret)
{
	const void *answer = answer_of(call, r, e->after);
	if (e->is_unchanged && !*call->request_id) {
		*ret = (struct db_error){ .status = ST_OK };
		return call_reply(call, answer);
	}
	return call_try_write(call, b, &e->change, e->is_unchanged ? 0 : 1, answer, ret);
}

enum status resource_create(struct call *call)
{
	struct edit e = { .request = call->request };
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	struct db_error error;
	TRY(edit_create(call, call->resource, b, &e));
	enum status st = write_edit(call, call->resource, b, &e, &error);
	return st == ST_OK || error.status == ST_OK ? st : write_fail(call, &error);
}

struct kind {
	enum status (*edit)(
		struct call *call, const struct resource *r, struct db_batch *b, struct edit *e);
	bool with_deleted;
};

/* Read, change, write; again from the start if somebody else was faster. An etag that the client
 * sent is compared each time. */
static enum status change_one(
	struct call *call, const struct kind *kind, const char *id, const char *field)
{
	const struct resource *r = call->resource;
	for (int attempt = 1;; attempt++) {
		struct edit e = { .request = call->request };
		struct db_batch *b = db_batch_new(call->service->db, call->arena);
		struct db_error error;
		TRY(resource_load(call, r, id, kind->with_deleted, field, &e.before));
		TRY(kind->edit(call, r, b, &e));
		enum status st = write_edit(call, r, b, &e, &error);
		if (st == ST_OK || error.status == ST_OK)
			return st;
		if (!write_lost_race(&error) || attempt == RACE_ATTEMPTS)
			return write_fail(call, &error);
	}
}

enum status resource_update(struct call *call)
{
	static const struct kind KIND = { .edit = edit_update };
	const struct resource *r = call->resource;
	return change_one(call, &KIND, update_id(r, call->request), name_field(call, r, "id"));
}

enum status resource_delete(struct call *call)
{
	static const struct kind KIND = { .edit = edit_delete };
	return change_one(call, &KIND, pb_get_string(call->request, "id"), "id");
}

enum status resource_undelete(struct call *call)
{
	static const struct kind KIND = { .edit = edit_undelete, .with_deleted = true };
	return change_one(call, &KIND, pb_get_string(call->request, "id"), "id");
}
