/* See ledger.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/support/ledger.h"
#include "base/clock.h"

enum { MAX_ENTRIES = 1000, PATIENCE_US = 20 * 1000 * 1000 };

extern const char crm_all_pb[], crm_all_pb_end[];

struct entry {
	const char *entity, *id, *verb;
	const Crm__Event *event; /* of what was heard */
	uint64_t sequence;
};

struct entries {
	size_t n;
	struct entry list[MAX_ENTRIES];
};

struct ledger {
	struct office *office;
	struct arena *arena;
	struct pb_schema *schema; /* of all services: what event a method declares */
	struct entries made, heard;
	struct event changed; /* something was heard */
	size_t repeated;      /* deliveries of what was heard before */
};

/* ---- life ---- */

struct ledger *ledger_new(struct office *o)
{
	struct ledger *l = mem_zalloc(sizeof(*l));

	l->office = o;
	l->arena = arena_new();
	assert_int_equal(
		pb_schema_new(str_n(crm_all_pb, (size_t)(crm_all_pb_end - crm_all_pb)), &l->schema),
		ST_OK);
	return l;
}

void ledger_free(struct ledger *l)
{
	if (!l)
		return;
	pb_schema_free(l->schema);
	arena_free(l->arena);
	mem_free(l);
}

struct office *ledger_office(const struct ledger *l)
{
	return l->office;
}

const struct pb_schema *ledger_schema(const struct ledger *l)
{
	return l->schema;
}

size_t ledger_repeated(const struct ledger *l)
{
	return l->repeated;
}

/* ---- hearing ---- */

static void put(struct entries *e, struct entry entry)
{
	assert_true(e->n < MAX_ENTRIES);
	e->list[e->n++] = entry;
}

/* A broker that was killed may have forgotten what it had delivered, and delivers it again. It
 * never stores it twice. */
static bool is_repeated(const struct ledger *l, const struct bus_delivery *d)
{
	for (size_t i = 0; i < l->heard.n; i++) {
		if (l->heard.list[i].sequence == d->sequence)
			return true;
	}
	return false;
}

static enum status on_event(const struct bus_delivery *d, void *arg)
{
	struct ledger *l = arg;
	struct entry e = { .sequence = d->sequence };
	struct str rest = str_c(arena_strdup(l->arena, d->subject)),
		   payload = str_n(arena_dup(l->arena, d->payload.p, d->payload.n), d->payload.n);
	Crm__Event *event;

	if (is_repeated(l, d)) {
		l->repeated++;
		return ST_OK;
	}
	assert_int_equal(pb_unpack(l->arena, &crm__event__descriptor, payload, &event), ST_OK);
	assert_true(str_is(str_cut(&rest, '.'), "crm"));
	assert_true(str_is(str_cut(&rest, '.'), event->tenant_id));
	(void)str_cut(&rest, '.'); /* the service */
	e.entity = str_dup(l->arena, str_cut(&rest, '.'));
	e.id = str_dup(l->arena, str_cut(&rest, '.'));
	e.verb = str_dup(l->arena, rest);
	assert_string_equal(event->tenant_id, l->office->tenant_id);
	assert_string_equal(event->resource_id, e.id);
	assert_string_equal(event->verb, e.verb);
	e.event = event;
	put(&l->heard, e);
	event_set(&l->changed);
	return ST_OK;
}

void ledger_listen(struct ledger *l, struct rpc_client_fixture *f)
{
	const char *subject = arena_printf(l->arena, "crm.%s.>", l->office->tenant_id);
	const struct bus_config c = { .url = stack_value(l->office->stack, "NATS_URL"),
		.name = "ledger" };
	const struct bus_consumer ledger = { .durable = "ledger",
		.subjects = &subject,
		.n_subjects = 1,
		.handle = on_event,
		.arg = l };

	f->bus = bus_new(f->loop, &c);
	bus_consume(f->bus, &ledger);
}

void ledger_stop(struct rpc_client_fixture *f)
{
	assert_int_equal(bus_drain(f->bus), ST_OK);
}

/* ---- what is expected ---- */

void ledger_expect(struct ledger *l, const char *method, const char *id)
{
	const struct pb_method *m = pb_schema_method(l->schema, str_c(method));
	struct str verb;

	assert_non_null(m);
	assert_non_null(m->policy.event);
	verb = str_c(m->policy.event);
	struct str entity = str_cut(&verb, '.');
	put(&l->made, (struct entry){ str_dup(l->arena, entity), arena_strdup(l->arena, id),
			      str_dup(l->arena, verb) });
}

void ledger_expect_also(struct ledger *l, const char *entity, const char *id, const char *verb)
{
	put(&l->made, (struct entry){ entity, arena_strdup(l->arena, id), verb });
}

/* ---- comparing ---- */

static bool is_same_resource(const struct entry *a, const struct entry *b)
{
	return strcmp(a->id, b->id) == 0 && strcmp(a->entity, b->entity) == 0;
}

static const struct entry *find(const struct entries *e, const struct entry *wanted)
{
	for (size_t i = 0; i < e->n; i++) {
		if (is_same_resource(&e->list[i], wanted) &&
			strcmp(e->list[i].verb, wanted->verb) == 0)
			return &e->list[i];
	}
	return NULL;
}

static void await(struct ledger *l, const struct entry *wanted)
{
	const int64_t end = clock_mono_us() + PATIENCE_US;

	while (!find(&l->heard, wanted)) {
		event_reset(&l->changed);
		if (event_wait_until(&l->changed, end) != ST_OK)
			fail_msg("%s %s %s is not told", wanted->entity, wanted->id, wanted->verb);
	}
}

/* "contact 0190…: created updated deleted" */
static const char *history(struct arena *a, const struct entries *e, const struct entry *resource)
{
	struct buf b = buf_new(a, 0);

	buf_printf(&b, "%s %s:", resource->entity, resource->id);
	for (size_t i = 0; i < e->n; i++) {
		if (is_same_resource(&e->list[i], resource))
			buf_printf(&b, " %s", e->list[i].verb);
	}
	return buf_cstr(&b);
}

/* Revisions count the changes of a resource; sequences the order of the stream. */
static void check_order(const struct entries *e, const struct entry *resource)
{
	int64_t revision = 0;
	uint64_t sequence = 0;

	for (size_t i = 0; i < e->n; i++) {
		if (!is_same_resource(&e->list[i], resource))
			continue;
		assert_int_equal(e->list[i].event->revision, ++revision);
		assert_true(e->list[i].sequence > sequence);
		sequence = e->list[i].sequence;
	}
}

static void check_ids(const struct entries *e)
{
	for (size_t i = 0; i < e->n; i++) {
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(
				e->list[i].event->event_id, e->list[k].event->event_id);
	}
}

const Crm__Event *ledger_event(
	const struct ledger *l, const char *entity, const char *id, const char *verb)
{
	const struct entry *e = find(&l->heard, &(struct entry){ entity, id, verb });

	assert_non_null(e);
	return e->event;
}

void ledger_check(struct ledger *l, struct arena *a, size_t n_last)
{
	assert_true(l->made.n >= n_last);
	for (size_t i = l->made.n - n_last; i < l->made.n; i++)
		await(l, &l->made.list[i]);
	for (size_t i = 0; i < l->made.n; i++) {
		const struct entry *resource = &l->made.list[i];

		assert_string_equal(
			history(a, &l->heard, resource), history(a, &l->made, resource));
		check_order(&l->heard, resource);
	}
	assert_int_equal(l->heard.n, l->made.n); /* nothing that nobody did */
	check_ids(&l->heard);
}
