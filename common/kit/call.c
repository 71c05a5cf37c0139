/* Calls: saying what went wrong, and answering. */
#include "kit/call.h"
#include <assert.h>
#include "adapters/db/db.h"
#include "base/clock.h"
#include "kit/call_private.h"
#include "kit/error_details.h"
#include "kit/resource.h"
#include "kit/service.h"

enum { RETRY_MS = 1000, MAX_TEXT = 4096 };

static struct call_error *error_of(struct call *call)
{
	if (!call->error)
		call->error = arena_zalloc(call->arena, sizeof(*call->error));
	return call->error;
}

const char *call_error_domain(const struct call *call)
{
	return arena_printf(call->arena, "%s.crm", call->service->def->name);
}

void call_error_detail(struct call *call, const char *detail)
{
	struct call_error *e = error_of(call);

	if (!e->detail)
		e->detail = arena_strdup(call->arena, detail);
}

void call_error_take(struct call *call, const char **ret_field, const char **ret_text)
{
	struct call_error *e = error_of(call);
	bool has_field = e->fields.n > 0;

	if (ret_field)
		*ret_field = has_field ? e->fields.v[0].field : "";
	if (ret_text)
		*ret_text = has_field ? e->fields.v[0].description : e->message ? e->message : "";
	*e = (struct call_error){ .prefix = e->prefix };
}

void call_field_prefix(struct call *call, const char *prefix)
{
	error_of(call)->prefix = prefix ? arena_strdup(call->arena, prefix) : NULL;
}

/* ---- failing ---- */

/* Forgets what an earlier failure of the call said. */
static struct call_error *begin_error(struct call *call, enum status s)
{
	struct call_error *e = error_of(call);

	assert(s != ST_OK);
	e->status = s;
	e->message = NULL;
	e->reason = NULL;
	e->retry_ms = 0;
	e->fields.n = 0;
	return e;
}

static void add_field(struct call *call, const char *prefix, const char *field, const char *text)
{
	struct call_error *e = call->error;
	struct pb_violation *v;

	if (e->fields.n == PB_MAX_VIOLATIONS)
		return;
	v = &e->fields.v[e->fields.n++];
	v->field = arena_printf(call->arena, "%s%s%s", e->prefix ? e->prefix : "", prefix, field);
	v->description = text;
}

/* "contact.emails[0].address: is not an e-mail address; name: is required" */
static const char *text_of_fields(struct call *call)
{
	struct buf b = buf_new(call->arena, MAX_TEXT);

	for (size_t i = 0; i < call->error->fields.n; i++) {
		const struct pb_violation *v = &call->error->fields.v[i];

		buf_puts(&b, i > 0 ? "; " : "");
		buf_puts(&b, v->field);
		buf_puts(&b, v->field[0] ? ": " : "");
		buf_puts(&b, v->description);
	}
	return buf_cstr(&b);
}

static enum status fail(struct call *call, enum status s, const char *reason, const char *field,
	const char *fmt, va_list ap)
{
	struct call_error *e = begin_error(call, s);
	const char *text = arena_vprintf(call->arena, fmt, ap);

	e->reason = reason;
	if (field) {
		add_field(call, "", field, text);
		text = text_of_fields(call);
	}
	e->message = error_message_clean(call->arena, text);
	return s;
}

enum status call_fail(struct call *call, enum status s, const char *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	s = fail(call, s, NULL, field, fmt, ap);
	va_end(ap);
	return s;
}

enum status call_fail_reason(struct call *call, enum status s, const char *reason,
	const char *field, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	s = fail(call, s, reason, field, fmt, ap);
	va_end(ap);
	return s;
}

enum status call_fail_retry(
	struct call *call, enum status s, int64_t retry_ms, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	s = fail(call, s, NULL, NULL, fmt, ap);
	va_end(ap);
	call->error->retry_ms = retry_ms;
	return s;
}

enum status call_fail_violations(
	struct call *call, const struct pb_violations *v, const char *prefix)
{
	struct call_error *e = begin_error(call, ST_INVALID_ARGUMENT);

	for (size_t i = 0; i < v->n; i++)
		add_field(call, prefix, v->v[i].field,
			arena_strdup(call->arena, v->v[i].description));
	e->message = error_message_clean(call->arena, text_of_fields(call));
	return ST_INVALID_ARGUMENT;
}

/* ---- failures of the database ---- */

static const struct constraint_message *message_of(const struct resource *r, const char *constraint)
{
	if (!r || !r->constraints || constraint[0] == '\0')
		return NULL;
	for (const struct constraint_message *m = r->constraints; m->constraint; m++) {
		if (strcmp(m->constraint, constraint) == 0)
			return m;
	}
	return NULL;
}

static enum status fail_constraint(
	struct call *call, const struct constraint_message *m, enum status s)
{
	const char *field =
		m->field ? arena_printf(call->arena, "%s.%s", call->resource->name, m->field)
			 : NULL;

	return call_fail_reason(
		call, m->status != ST_OK ? m->status : s, NULL, field, "%s", m->message);
}

enum status call_fail_db(struct call *call, const struct db_error *e)
{
	const char *constraint = e->constraint ? e->constraint : "";
	const struct constraint_message *m = message_of(call->resource, constraint);

	call_error_detail(call, arena_printf(call->arena, "%s%s%s", e->message ? e->message : "",
					constraint[0] ? ", constraint " : "", constraint));
	if (m)
		return fail_constraint(call, m, e->status);
	switch (e->status) {
	case ST_INVALID_ARGUMENT:
	case ST_OUT_OF_RANGE:
		return call_fail(call, ST_INVALID_ARGUMENT, NULL, "a value is not allowed here");
	case ST_NOT_FOUND:
		return call_fail(call, ST_NOT_FOUND, NULL, "there is no such record");
	case ST_ALREADY_EXISTS:
		return call_fail(call, ST_ALREADY_EXISTS, NULL, "there is such a record already");
	case ST_FAILED_PRECONDITION:
		return call_fail(call, ST_FAILED_PRECONDITION, NULL,
			"it refers to a record that is not there, or another record refers to it");
	case ST_ABORTED:
		return call_fail_reason(call, ST_ABORTED, "CONCURRENT_CHANGE", NULL,
			"it was changed at the same time; read it and try again");
	case ST_RESOURCE_EXHAUSTED:
		return call_fail_retry(call, ST_RESOURCE_EXHAUSTED, RETRY_MS,
			"too many calls at the same time; try again later");
	case ST_UNAVAILABLE:
		return call_fail_retry(call, ST_UNAVAILABLE, RETRY_MS,
			"the service cannot reach its data at the moment; try again");
	case ST_UNKNOWN:
		return call_fail_reason(call, ST_UNKNOWN, "OUTCOME_UNKNOWN", NULL,
			"the connection broke before the outcome was known; read the record before "
			"trying again, or send a request_id");
	case ST_CANCELLED:
		return call_fail(call, ST_CANCELLED, NULL, "the call was cancelled");
	case ST_DEADLINE_EXCEEDED:
		return call_fail(
			call, ST_DEADLINE_EXCEEDED, NULL, "the deadline of the call passed");
	default:
		return call_fail(call, ST_INTERNAL, NULL, "internal error");
	}
}

/* ---- answering ---- */

enum status call_reply_wire(struct call *call, struct str wire)
{
	call->reply = wire;
	call->has_reply = true;
	return ST_OK;
}

enum status call_reply(struct call *call, const void *msg)
{
	return call_reply_wire(call, pb_pack(call->arena, msg));
}

struct db_args call_args(const struct call *call, const void *input)
{
	return (struct db_args){ .input = input, .call = call->scope };
}

/* ---- time ---- */

int64_t timestamp_us(const Google__Protobuf__Timestamp *t)
{
	return t ? t->seconds * 1000000 + t->nanos / 1000 : 0;
}

Google__Protobuf__Timestamp *call_timestamp(struct arena *a, int64_t wall_us)
{
	Google__Protobuf__Timestamp *t = arena_alloc(a, sizeof(*t));
	int64_t us = wall_us % 1000000;

	google__protobuf__timestamp__init(t);
	t->seconds = wall_us / 1000000 - (us < 0);
	t->nanos = (int32_t)((us < 0 ? us + 1000000 : us) * 1000);
	return t;
}

int64_t call_now_us(const struct call *call)
{
	return call->scope && call->scope->now ? timestamp_us(call->scope->now) : clock_now_us();
}
