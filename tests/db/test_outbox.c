/* The relay between a real PostgreSQL and a real nats-server, while either of them dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "adapters/log/log.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/map.h"
#include "base/uuid.h"
#include "kit/event.h"
#include "kit/outbox.h"
#include "kit/write.h"
#include "tests/support/kit_fixture.h"
#include "tests/support/records/sql.h"

enum { PATIENCE_US = 40 * 1000 * 1000 };

/* ---- a consumer whose effect can be counted ---- */

/* An affiliation for each contact that is created. */
static enum status on_contact(struct call *call, const Crm__Event *event)
{
	Crm__Affiliation a = CRM__AFFILIATION__INIT;
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	a.id = uuid_v7_text(call->arena);
	a.revision = 1;
	a.create_time = a.update_time = event->occur_time;
	a.creator_id = event->actor_id;
	a.contact_id = event->resource_id;
	a.organization_id = event->resource_id;
	(void)db_batch_add(b, &sql_record_affiliation_insert,
		(struct db_args){ .input = &a, .call = call->scope });
	return call_write(call, b, NULL, 0, NULL);
}

static const struct event_handler HEARS[] = {
	{ .name = "effects", .subject = "crm.*.contacts.contact.*.created", .handle = on_contact },
	{ 0 },
};

static void listen_to(struct kit_fixture *f)
{
	f->def.hears = HEARS;
	events_start(&f->service);
}

static void assert_each_event_had_one_effect(struct kit_fixture *f)
{
	const char *contacts = kit_value(f, "SELECT count(*) FROM record_contact");
	kit_await_value(f, "SELECT count(*) FROM outbox", "0");
	kit_await_value(f,
		"SELECT count(DISTINCT a.contact_id) FROM record_affiliation a JOIN record_contact c ON c.id = a.contact_id",
		contacts);
	assert_string_equal(kit_value(f, "SELECT count(*) FROM record_affiliation"), contacts);
}

/* ---- writers that do not give up ---- */

struct writer {
	struct kit_fixture *f;
	int count;
	int *total; /* acknowledged by all writers */
};

static void create_until_acknowledged(struct kit_fixture *f)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	Crm__CreateContactRequest q = CRM__CREATE_CONTACT_REQUEST__INIT;
	struct caller caller = { .request_id = uuid_v7_text(f->arena) };
	c.display_name = "Jana";
	q.contact = &c;
	q.request_id = caller.request_id;
	for (int64_t end = clock_mono_us() + PATIENCE_US; clock_mono_us() < end;) {
		struct answer a = kit_call(
			f, caller, "contacts/CreateContact", &record_contact, resource_create, &q);
		if (a.status == ST_OK)
			return;
		if (a.status != ST_UNAVAILABLE && a.status != ST_UNKNOWN && a.status != ST_ABORTED)
			print_error("%s: %s\n", status_name(a.status), a.message);
		assert_true(a.status == ST_UNAVAILABLE || a.status == ST_UNKNOWN ||
			    a.status == ST_ABORTED);
		assert_int_equal(fiber_sleep_us(50000), ST_OK);
	}
	fail_msg("not acknowledged in time");
}

static void write_contacts(void *arg)
{
	struct writer *w = arg;
	for (int i = 0; i < w->count; i++) {
		create_until_acknowledged(w->f);
		++*w->total;
	}
}

enum { WRITERS = 10, EACH = 40 };

struct writers {
	struct writer w[WRITERS];
	struct group group;
	int total;
};

static void start_writers(struct kit_fixture *f, struct writers *s)
{
	*s = (struct writers){ .total = 0 };
	group_init(&s->group);
	for (int i = 0; i < WRITERS; i++) {
		s->w[i] = (struct writer){ .f = f, .count = EACH, .total = &s->total };
		group_spawn(&s->group, write_contacts, &s->w[i]);
	}
}

static void await_total(const struct writers *s, int total)
{
	int64_t end = clock_mono_us() + PATIENCE_US;
	while (s->total < total && clock_mono_us() < end)
		assert_int_equal(fiber_sleep_us(1000), ST_OK);
	assert_true(s->total >= total);
}

static void finish_writers(struct kit_fixture *f, struct writers *s)
{
	assert_int_equal(group_wait(&s->group), ST_OK);
	assert_int_equal(s->total, WRITERS * EACH);
	assert_string_equal(kit_value(f, "SELECT count(*) FROM record_contact"), "400");
	assert_each_event_had_one_effect(f);
}

/* ---- */

IN_FIBER(events_reach_consumers_and_leave_the_outbox)
{
	listen_to(f);
	for (int i = 0; i < 20; i++)
		(void)given_contact(f, "Jana");
	assert_each_event_had_one_effect(f);
	struct str metrics = metrics_render(f->service.metrics, f->arena);
	assert_non_null(strstr(str_dup(f->arena, metrics), "crm_outbox_published_total 20"));
}

IN_FIBER(rows_that_nobody_announced_are_found_by_the_sweep)
{
	listen_to(f);
	(void)given_contact(f, "Jana");
	kit_await_value(f, "SELECT count(*) FROM outbox", "0");
	struct outbox *kept = f->service.outbox;
	f->service.outbox = NULL; /* nobody to wake */
	(void)given_contact(f, "Eva");
	f->service.outbox = kept;
	int64_t start = clock_mono_us();
	assert_each_event_had_one_effect(f);
	assert_true(clock_mono_us() - start < 5000000);
}

IN_FIBER(every_event_arrives_once_though_the_broker_is_killed)
{
	struct writers s;
	listen_to(f);
	start_writers(f, &s);
	for (int i = 1; i <= 3; i++) {
		await_total(&s, i * 90);
		nats_server_kill(f->nats);
		assert_int_equal(fiber_sleep_us(100000), ST_OK);
		nats_server_start(f->nats);
	}
	finish_writers(f, &s);
}

IN_FIBER(every_event_arrives_once_though_the_database_is_killed)
{
	struct writers s;
	listen_to(f);
	start_writers(f, &s);
	for (int i = 1; i <= 3; i++) {
		await_total(&s, i * 90);
		postgres_kill(f->pg);
		assert_int_equal(fiber_sleep_us(100000), ST_OK);
		postgres_start(f->pg);
	}
	finish_writers(f, &s);
}

IN_FIBER(another_relay_takes_over_when_the_first_loses_its_connection)
{
	listen_to(f);
	struct outbox *second = outbox_new(&f->service);
	(void)given_contact(f, "Jana");
	outbox_wake(second);
	kit_await_value(f, "SELECT count(*) FROM outbox", "0");
	assert_string_equal(
		kit_value(
			f, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"),
		"1");
	outbox_free(f->service.outbox); /* with its connection goes its lock */
	f->service.outbox = NULL;
	(void)given_contact(f, "Eva");
	outbox_wake(second);
	int64_t start = clock_mono_us();
	assert_each_event_had_one_effect(f);
	assert_true(clock_mono_us() - start < 5000000);
	outbox_free(second);
}

IN_FIBER(the_lock_is_free_when_there_is_nothing_to_do)
{
	(void)given_contact(f, "Jana");
	kit_await_value(f, "SELECT count(*) FROM outbox", "0");
	kit_await_value(f, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "0");
}

IN_FIBER(an_event_too_large_for_the_broker_travels_without_the_resource)
{
	struct call *call = kit_new_call(f, (struct caller){ 0 }, "contacts/CreateContact",
		&record_contact, pb_new(f->arena, &crm__create_contact_request__descriptor));
	Crm__Contact *huge = pb_new(f->arena, &crm__contact__descriptor);
	char *note = arena_alloc(f->arena, 2 << 20);
	memset(note, 'x', 2 << 20);
	note[(2 << 20) - 1] = '\0';
	huge->note = note;
	struct change change = {
		.entity = "contact", .verb = "created", .id = USER_B, .revision = 1, .after = huge
	};
	listen_to(f);
	assert_int_equal(
		call_write(call, db_batch_new(f->service.db, f->arena), &change, 1, NULL), ST_OK);
	(void)given_contact(f, "Jana");
	kit_await_value(
		f, "SELECT count(*) FROM record_affiliation WHERE contact_id = '" USER_B "'", "1");
	kit_await_value(f, "SELECT count(*) FROM record_affiliation", "2");
	kit_await_value(f, "SELECT count(*) FROM outbox", "0");
}

IN_FIBER(stopping_publishes_what_is_there)
{
	listen_to(f);
	for (int i = 0; i < 30; i++)
		(void)given_contact(f, "Jana");
	outbox_stop(f->service.outbox, 5000);
	assert_string_equal(kit_value(f, "SELECT count(*) FROM outbox"), "0");
}

IN_FIBER(old_answers_and_events_taken_in_are_cleared_away)
{
	/* it has looked already and will not again for ten minutes */
	outbox_free(f->service.outbox);
	postgres_exec(f->pg,
		"INSERT INTO idempotency SELECT '" TENANT_A "', '" USER_A
		"', gen_random_uuid(), 'm', '', '', now() - d * interval '1 day' FROM generate_series(1, 14) d");
	postgres_exec(f->pg,
		"INSERT INTO inbox SELECT '" TENANT_A
		"', 'c', gen_random_uuid(), now() - d * interval '10 days' FROM generate_series(1, 5) d");
	f->service.outbox = outbox_new(&f->service);
	kit_await_value(f, "SELECT count(*) FROM idempotency", "6");
	kit_await_value(f, "SELECT count(*) FROM inbox", "2");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(events_reach_consumers_and_leave_the_outbox),
		TEST(rows_that_nobody_announced_are_found_by_the_sweep),
		TEST(every_event_arrives_once_though_the_broker_is_killed),
		TEST(every_event_arrives_once_though_the_database_is_killed),
		TEST(another_relay_takes_over_when_the_first_loses_its_connection),
		TEST(the_lock_is_free_when_there_is_nothing_to_do),
		TEST(an_event_too_large_for_the_broker_travels_without_the_resource),
		TEST(stopping_publishes_what_is_there),
		TEST(old_answers_and_events_taken_in_are_cleared_away),
	};
	log_init("test", LOG_ERROR, 2);
	return cmocka_run_group_tests(tests, kit_group_setup_bus, kit_group_teardown);
}
