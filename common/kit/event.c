/* Hearing events: from a delivery to a handler that runs like a call. */
#include "kit/event.h"
#include <assert.h>
#include "adapters/bus/bus.h"
#include "adapters/db/db.h"
#include "adapters/log/log.h"
#include "adapters/metrics/metrics.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "common/kit/sql.h"
#include "kit/directory_private.h"
#include "kit/service.h"

enum { DEADLINE_US = 30 * 1000 * 1000 };

/* Every message of the project: events carry resources of other services. */
extern const char crm_all_pb[], crm_all_pb_end[];

struct listener {
	struct service *service;
	const struct event_handler *handler;
	const char *durable;
	const struct pb_schema *schema;
	struct counter *handled, *dropped, *failed;
};

/* ---- reading an event ---- */

static enum status unpack(
	struct arena *a, const struct listener *l, struct str payload, Crm__Event **ret)
{
	struct pb_violations v;
	const struct pb_message *m = pb_schema_message(l->schema, "crm.events.v1.Event");
	assert(m);
	TRY(pb_validate(a, m, payload, PB_VALIDATE_WIRE, &v));
	return pb_unpack(a, &crm__event__descriptor, payload, ret);
}

static bool is_uuid(const char *text)
{
	struct uuid u;
	return uuid_parse(str_c(text), &u);
}

static struct str bytes_of(ProtobufCBinaryData b)
{
	return str_n(b.data ? (const char *)b.data : "", b.len);
}

/* What handlers may rely on: ids are ids, and before and after are well-formed messages of the type
 * that the event names. */
static enum status check(struct arena *a, const struct listener *l, const Crm__Event *e)
{
	struct pb_violations v;
	const struct pb_message *m = pb_schema_message(l->schema, e->resource_type);
	if (!m || !is_uuid(e->event_id) || !is_uuid(e->tenant_id) || !*e->resource_id ||
		(*e->actor_id && !is_uuid(e->actor_id)))
		return ST_INVALID_ARGUMENT;
	TRY(pb_validate(a, m, bytes_of(e->before), PB_VALIDATE_WIRE, &v));
	return pb_validate(a, m, bytes_of(e->after), PB_VALIDATE_WIRE, &v);
}

static enum status unpack_part(struct call *call, const Crm__Event *event, ProtobufCBinaryData part,
	const ProtobufCMessageDescriptor *d, void **ret)
{
	if (strcmp(event->resource_type, d->name) != 0)
		return ST_INVALID_ARGUMENT;
	if (part.len == 0) {
		*ret = NULL;
		return ST_OK;
	}
	return pb_unpack(call->arena, d, bytes_of(part), ret);
}

enum status event_before(struct call *call, const Crm__Event *event,
	const ProtobufCMessageDescriptor *d, void *ret_msg_ptr)
{
	return unpack_part(call, event, event->before, d, ret_msg_ptr);
}

enum status event_after(struct call *call, const Crm__Event *event,
	const ProtobufCMessageDescriptor *d, void *ret_msg_ptr)
{
	return unpack_part(call, event, event->after, d, ret_msg_ptr);
}

/* ---- the call ---- */

static const Crm__CallScope *scope_of(struct arena *a, const Crm__Event *e)
{
	Crm__CallScope *scope = arena_alloc(a, sizeof(*scope));
	crm__call_scope__init(scope);
	scope->tenant_id = e->tenant_id;
	scope->user_id = e->actor_id;
	scope->sees_all = true;
	scope->now = call_timestamp(a, clock_now_us());
	return scope;
}

static struct call call_of(struct arena *a, const struct listener *l, const Crm__Event *e)
{
	return (struct call){
		.service = l->service,
		.arena = a,
		.scope = scope_of(a, e),
		.request_id = "",
		.correlation_id = "",
		.traceparent = e->traceparent,
		.address = "",
		.inbox_event_id = e->event_id,
		.inbox_consumer = l->durable,
		.inbox_resource = l->handler->wants_all ? NULL
							: arena_printf(a, "%s/%s", e->resource_type,
								  e->resource_id),
		.inbox_revision = e->revision,
	};
}

/* Whether the event was taken in before, or a later revision of its resource was. */
static enum status is_known(struct call *call, bool *ret)
{
	Crm__InboxRow key = CRM__INBOX_ROW__INIT, *found;
	struct db_rows *rows;
	key.consumer = call->inbox_consumer;
	key.event_id = call->inbox_event_id;
	key.resource = call->inbox_resource ? call->inbox_resource : "";
	TRY(db_read(call->service->db, call->arena, &sql_inbox_get, call_args(call, &key), &rows));
	TRY(db_row_message(call->arena, rows, 0, &found));
	*ret = *found->event_id ||
	       (call->inbox_resource && found->revision >= call->inbox_revision);
	return ST_OK;
}

static enum status handle(struct arena *a, const struct listener *l, const struct bus_delivery *d)
{
	Crm__Event *event;
	bool is_old = false;
	TRY(unpack(a, l, d->payload, &event));
	TRY(check(a, l, event));
	struct call call = call_of(a, l, event);
	if (l->service->db)
		TRY(is_known(&call, &is_old));
	if (is_old) {
		counter_add(l->dropped, 1);
		return ST_OK;
	}
	enum status st = l->handler->handle(&call, event);
	const char *said = NULL;
	call_error_take(&call, NULL, &said);
	if (st == ST_OK)
		counter_add(l->handled, 1);
	else
		log_warn("event_failed", LOG_STR("consumer", l->durable),
			LOG_STR("subject", d->subject), LOG_STR("event_id", event->event_id),
			LOG_STR("status", status_name(st)), LOG_STR("message", said),
			LOG_INT("attempt", d->attempt));
	return st;
}

static enum status on_delivery(const struct bus_delivery *d, void *arg)
{
	const struct listener *l = arg;
	struct arena *a = arena_new();
	fiber_set_deadline(fiber_self(), clock_mono_us() + DEADLINE_US);
	enum status st = handle(a, l, d);
	fiber_set_deadline(fiber_self(), CLOCK_NEVER);
	if (st != ST_OK)
		counter_add(l->failed, 1);
	arena_free(a);
	return st;
}

/* ---- start ---- */

static void free_schema(void *schema)
{
	pb_schema_free(schema);
}

static const struct pb_schema *load_schema(struct service *s)
{
	struct pb_schema *schema;
	enum status st =
		pb_schema_new(str_n(crm_all_pb, (size_t)(crm_all_pb_end - crm_all_pb)), &schema);
	assert(st == ST_OK); /* it is part of the program */
	arena_defer(s->arena, free_schema, schema);
	return schema;
}

static struct counter *count(struct service *s, const char *durable, const char *outcome)
{
	const char *labels =
		arena_printf(s->arena, "consumer=\"%s\",outcome=\"%s\"", durable, outcome);
	return metrics_counter(s->metrics, "crm_events_total", "Events heard.", labels);
}

static void listen_to(
	struct service *s, const struct event_handler *h, const struct pb_schema *schema)
{
	struct listener *l = arena_zalloc(s->arena, sizeof(*l));
	const char **subject = arena_alloc(s->arena, sizeof(*subject));
	const char *durable = arena_printf(s->arena, "%s_%s", s->def->name, h->name);
	*subject = h->subject;
	*l = (struct listener){
		.service = s,
		.handler = h,
		.durable = durable,
		.schema = schema,
		.handled = count(s, durable, "handled"),
		.dropped = count(s, durable, "known"),
		.failed = count(s, durable, "failed"),
	};
	const struct bus_consumer c = { .durable = durable,
		.subjects = subject,
		.n_subjects = 1,
		.handle = on_delivery,
		.arg = l };
	bus_consume(s->bus, &c);
}

/* Identity itself needs no copy of its users. */
static bool keeps_directory(const struct service *s)
{
	return s->db && strcmp(s->def->name, "identity") != 0;
}

void events_start(struct service *s)
{
	const struct event_handler *h = s->def->hears;
	if (!keeps_directory(s) && (!h || !h->subject))
		return;
	const struct pb_schema *schema = load_schema(s);
	if (keeps_directory(s))
		listen_to(s, &directory_handler, schema);
	for (; h && h->subject; h++)
		listen_to(s, h, schema);
}
