/* How a record changes: the new record is built in C, checked, and its statements are added to the
 * batch. */
#include <assert.h>
#include "base/uuid.h"
#include "google/protobuf/field_mask.pb-c.h"
#include "kit/resource_private.h"
#include "kit/service.h"

static const struct pb_message *schema_of(const struct call *call, const struct resource *r)
{
	const struct pb_message *m = pb_schema_message(call->service->schema, r->type->name);
	assert(m); /* the embedded descriptors hold every resource of the service */
	return m;
}

bool has_field(const void *msg, const char *field)
{
	return protobuf_c_message_descriptor_get_field_by_name(
		       ((const ProtobufCMessage *)msg)->descriptor, field) != NULL;
}

const char *name_field(struct call *call, const struct resource *r, const char *field)
{
	return arena_printf(call->arena, "%s.%s", r->name, field);
}

const char *update_id(const struct resource *r, const void *request)
{
	const void *msg = pb_get_message(request, r->name);
	return msg ? pb_get_string(msg, "id") : "";
}

/* ---- checks ---- */

static enum status validate(
	struct call *call, const struct resource *r, const void *msg, struct str *ret_wire)
{
	struct pb_violations v = { .n = 0 };
	struct str wire = pb_pack(call->arena, msg);
	if (pb_validate(call->arena, schema_of(call, r), wire, PB_VALIDATE_RULES, &v) != ST_OK)
		return call_fail_violations(call, &v, arena_printf(call->arena, "%s.", r->name));
	*ret_wire = wire;
	return ST_OK;
}

static enum status check(
	struct call *call, const struct resource *r, const void *before, void *after)
{
	return r->check ? r->check(call, before, after) : ST_OK;
}

static enum status check_etag(
	struct call *call, const void *before, const char *etag, const char *field)
{
	if (!*etag || strcmp(etag, pb_get_string(before, "etag")) == 0)
		return ST_OK;
	return call_fail_reason(call, ST_ABORTED, "ETAG_MISMATCH", field,
		"is not the present etag: it was changed meanwhile; read it and try again");
}

/* ---- the next revision ---- */

static void set_revision(struct call *call, void *msg, int64_t revision)
{
	pb_set_int(msg, "revision", revision);
	pb_set_string(msg, "etag", arena_printf(call->arena, "%lld", (long long)revision));
	pb_set_message(msg, "update_time", call_timestamp(call->arena, call_now_us(call)));
}

static enum status add(struct call *call, const struct resource *r, struct db_batch *b,
	const struct db_statement *s, const void *before, const void *row, const void *after)
{
	(void)db_batch_add(b, s, call_args(call, row));
	return r->also ? r->also(call, b, before, after) : ST_OK;
}

static struct change change_of(const struct resource *r, const char *verb, const void *before,
	const void *after, const void *row)
{
	return (struct change){
		.entity = r->name,
		.verb = verb,
		.id = pb_get_string(row, "id"),
		.revision = pb_get_int(row, "revision"),
		.before = before,
		.after = after,
		.resource = r,
	};
}

/* Stamps and adds a checked change. */
static enum status put_update(struct call *call, const struct resource *r, const char *verb,
	const void *before, void *after, struct db_batch *b, struct change *ret)
{
	set_revision(call, after, pb_get_int(before, "revision") + 1);
	TRY(add(call, r, b, r->update, before, after, after));
	*ret = change_of(r, verb, before, after, after);
	return ST_OK;
}

/* ---- create ---- */

static void stamp_new(struct call *call, const struct resource *r, void *msg)
{
	pb_clear_output_only(schema_of(call, r), msg);
	pb_set_string(msg, "id", uuid_v7_text(call->arena));
	set_revision(call, msg, 1);
	pb_set_message(msg, "create_time", pb_get_message(msg, "update_time"));
	if (has_field(msg, "creator_id"))
		pb_set_string(msg, "creator_id", call->scope->user_id);
}

enum status resource_prepare_create(struct call *call, const struct resource *r, void *msg,
	struct db_batch *b, struct change *ret)
{
	struct str wire;
	stamp_new(call, r, msg);
	TRY(owner_settle(call, r, NULL, msg));
	TRY(check(call, r, NULL, msg));
	TRY(validate(call, r, msg, &wire));
	size_t insert_at = db_batch_count(b);
	TRY(add(call, r, b, r->insert, NULL, msg, msg));
	db_batch_idempotent(b); /* the new id cannot be stored twice */
	*ret = change_of(r, "created", NULL, msg, msg);
	ret->insert_at = insert_at;
	if (redacted(call, r, msg) == msg)
		ret->after_wire = wire;
	return ST_OK;
}

enum status edit_create(
	struct call *call, const struct resource *r, struct db_batch *b, struct edit *e)
{
	const void *given = pb_get_message(e->request, r->name);
	if (!given)
		return call_fail(call, ST_INVALID_ARGUMENT, r->name, "is required");
	void *msg = pb_dup(call->arena, given);
	e->after = msg;
	return resource_prepare_create(call, r, msg, b, &e->change);
}

/* ---- update ---- */

static enum status settle(
	struct call *call, const struct resource *r, const void *before, void *after)
{
	struct str wire;
	TRY(owner_settle(call, r, before, after));
	TRY(check(call, r, before, after));
	return validate(call, r, after, &wire);
}

enum status resource_prepare_update(struct call *call, const struct resource *r, const void *before,
	void *after, struct db_batch *b, struct change *ret)
{
	TRY(settle(call, r, before, after));
	return put_update(call, r, "updated", before, after, b, ret);
}

/* The fields to take over from src: as the client says, or those that are set. */
struct mask {
	size_t n;
	char **paths;
};

static bool is_name(const char *path)
{
	return strcmp(path, "id") == 0 || strcmp(path, "etag") == 0;
}

static enum status refuse_if_changed(struct call *call, const struct resource *r,
	const void *before, const void *src, const char *path)
{
	char **changed;
	size_t n = pb_changed_fields(call->arena, before, src, &changed);
	for (size_t i = 0; i < n; i++)
		if (strcmp(changed[i], path) == 0)
			return call_fail(call, ST_INVALID_ARGUMENT, name_field(call, r, path),
				"cannot be changed after creation");
	return ST_OK;
}

static enum status implied_mask(struct call *call, const struct resource *r, const void *before,
	const void *src, struct mask *ret)
{
	const struct pb_message *m = schema_of(call, r);
	char **set;
	size_t n = pb_mask_of(call->arena, src, &set);
	ret->paths = arena_new_array(call->arena, char *, n);
	for (size_t i = 0; i < n; i++) {
		const struct pb_field *f = pb_message_field(m, str_c(set[i]));
		if (is_name(set[i]))
			continue;
		if (f && f->rules.immutable)
			TRY(refuse_if_changed(call, r, before, src, set[i]));
		else
			ret->paths[ret->n++] = set[i];
	}
	return ST_OK;
}

static enum status explicit_mask(struct call *call, const struct resource *r,
	const Google__Protobuf__FieldMask *given, struct mask *ret)
{
	struct pb_violations v = { .n = 0 };
	char **paths = (char **)given->paths;
	if (pb_mask_check(call->arena, schema_of(call, r), paths, given->n_paths, &v) != ST_OK)
		return call_fail_violations(call, &v, "");
	ret->paths = arena_new_array(call->arena, char *, given->n_paths);
	for (size_t i = 0; i < given->n_paths; i++)
		if (!is_name(paths[i]))
			ret->paths[ret->n++] = paths[i];
	return ST_OK;
}

enum status resource_apply_mask(struct call *call, const char *name, void *dst, const void *src,
	const Google__Protobuf__FieldMask *mask)
{
	const struct resource r = { .name = name,
		.type = ((const ProtobufCMessage *)dst)->descriptor };
	const struct pb_message *m = schema_of(call, &r);
	struct mask paths = { .n = 0 };
	void *input = pb_dup(call->arena, src);
	pb_clear_output_only(m, input);
	if (mask && mask->n_paths > 0)
		TRY(explicit_mask(call, &r, mask, &paths));
	else
		TRY(implied_mask(call, &r, dst, input, &paths));
	pb_mask_apply(call->arena, m, dst, input, paths.paths, paths.n);
	struct str wire;
	return validate(call, &r, dst, &wire);
}

static enum status apply(struct call *call, const struct resource *r, const void *request,
	const void *before, void **ret_after)
{
	struct mask mask = { .n = 0 };
	const Google__Protobuf__FieldMask *given =
		has_field(request, "update_mask") ? pb_get_message(request, "update_mask") : NULL;
	void *src = pb_dup(call->arena, pb_get_message(request, r->name));
	void *after = pb_dup(call->arena, before);
	pb_clear_output_only(schema_of(call, r), src);
	if (given && given->n_paths > 0)
		TRY(explicit_mask(call, r, given, &mask));
	else
		TRY(implied_mask(call, r, before, src, &mask));
	pb_mask_apply(call->arena, schema_of(call, r), after, src, mask.paths, mask.n);
	pb_set_string(after, "etag", pb_get_string(before, "etag")); /* "*" takes it over as well */
	*ret_after = after;
	return ST_OK;
}

enum status edit_update(
	struct call *call, const struct resource *r, struct db_batch *b, struct edit *e)
{
	void *after = NULL;
	TRY(check_etag(call, e->before, pb_get_string(pb_get_message(e->request, r->name), "etag"),
		name_field(call, r, "etag")));
	TRY(apply(call, r, e->request, e->before, &after));
	TRY(settle(call, r, e->before, after));
	e->is_unchanged = pb_equal(e->before, after);
	e->after = e->is_unchanged ? e->before : after;
	return e->is_unchanged ? ST_OK
			       : put_update(call, r, "updated", e->before, after, b, &e->change);
}

/* ---- delete and undelete ---- */

static enum status put_removal(
	struct call *call, const struct resource *r, struct db_batch *b, struct edit *e)
{
	void *row = pb_dup(call->arena, e->before);
	TRY(check(call, r, e->before, NULL));
	set_revision(call, row, pb_get_int(e->before, "revision") + 1);
	TRY(add(call, r, b, r->remove, e->before, row, NULL));
	e->change = change_of(r, "deleted", e->before, NULL, row);
	e->after = e->before;
	return ST_OK;
}

enum status edit_delete(
	struct call *call, const struct resource *r, struct db_batch *b, struct edit *e)
{
	TRY(check_etag(call, e->before,
		has_field(e->request, "etag") ? pb_get_string(e->request, "etag") : "", "etag"));
	if (!r->is_soft_deleted)
		return put_removal(call, r, b, e);
	void *after = pb_dup(call->arena, e->before);
	pb_set_message(after, "delete_time", call_timestamp(call->arena, call_now_us(call)));
	TRY(check(call, r, e->before, after));
	e->after = after;
	return put_update(call, r, "deleted", e->before, after, b, &e->change);
}

enum status edit_undelete(
	struct call *call, const struct resource *r, struct db_batch *b, struct edit *e)
{
	if (!pb_get_message(e->before, "delete_time"))
		return call_fail_reason(call, ST_FAILED_PRECONDITION, "NOT_DELETED", "id",
			"names a %s that is not deleted", r->name);
	void *after = pb_dup(call->arena, e->before);
	pb_set_message(after, "delete_time", NULL);
	TRY(settle(call, r, e->before, after));
	e->after = after;
	return put_update(call, r, "undeleted", e->before, after, b, &e->change);
}
