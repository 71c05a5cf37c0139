/* Event handlers and the directory of users, on a real PostgreSQL and a real nats-server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include "adapters/log/log.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/uuid.h"
#include "kit/event.h"
#include "kit/write.h"
#include "tests/support/kit_fixture.h"

/* ---- publishing as another service would ---- */

struct publication {
	struct kit_fixture *f;
	struct bus_event event;
	enum status status;
};

/* bus_publish blocks and is not for the loop's thread. */
static void *publish_on_thread(void *arg)
{
	struct publication *p = arg;
	p->status = bus_publish(p->f->service.bus, &p->event, 1, 5000);
	return NULL;
}

static void publish(struct kit_fixture *f, const char *subject, struct str payload)
{
	struct publication p = { .f = f,
		.event = { .subject = subject, .id = uuid_v7_text(f->arena), .payload = payload } };
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, publish_on_thread, &p), 0);
	pthread_join(thread, NULL);
	assert_int_equal(p.status, ST_OK);
}

static ProtobufCBinaryData pack(struct kit_fixture *f, const void *msg)
{
	struct str wire = pb_pack(f->arena, msg);
	return (ProtobufCBinaryData){ .len = wire.n, .data = (uint8_t *)(uintptr_t)wire.p };
}

static Crm__Event *user_event(
	struct kit_fixture *f, const char *verb, int64_t revision, const Crm__User *after)
{
	Crm__Event *e = pb_new(f->arena, &crm__event__descriptor);
	e->event_id = uuid_v7_text(f->arena);
	e->tenant_id = TENANT_A;
	e->resource_type = "crm.identity.v1.User";
	e->resource_id = USER_B;
	e->revision = revision;
	e->verb = verb;
	e->actor_id = USER_A;
	e->schema_version = 1;
	if (after)
		e->after = pack(f, after);
	return e;
}

static void publish_event(struct kit_fixture *f, const Crm__Event *e)
{
	publish(f,
		arena_printf(f->arena, "crm.%s.identity.user.%s.%s", e->tenant_id, e->resource_id,
			e->verb),
		pb_pack(f->arena, e));
}

static Crm__User user(const char *name, const char *team)
{
	Crm__User u = CRM__USER__INIT;
	u.id = USER_B;
	u.email = "b@example.com";
	u.display_name = name;
	u.team_id = team;
	u.state = CRM__USER__STATE__STATE_ACTIVE;
	return u;
}

#define DIRECTORY                                                                                  \
	"SELECT display_name || ' ' || coalesce(team_id::text, '') || ' ' || is_active || ' ' || revision FROM directory_user"

/* ---- the directory ---- */

IN_FIBER(the_directory_follows_the_users_of_identity)
{
	Crm__User u = user("Eva", TEAM_B);
	events_start(&f->service);
	publish_event(f, user_event(f, "created", 1, &u));
	kit_await_value(f, DIRECTORY, "Eva " TEAM_B " true 1");
	struct call *call = kit_new_call(f, (struct caller){ 0 }, "contacts/GetContact", NULL,
		pb_new(f->arena, &crm__get_contact_request__descriptor));
	const char *team = "";
	assert_int_equal(directory_user(call, USER_B, &team), ST_OK);
	assert_string_equal(team, TEAM_B);
	u = user("Eva Nová", "");
	u.state = CRM__USER__STATE__STATE_SUSPENDED;
	publish_event(f, user_event(f, "updated", 2, &u));
	kit_await_value(f, DIRECTORY, "Eva Nová  false 2");
	assert_int_equal(directory_user(call, USER_B, &team), ST_NOT_FOUND);
	Crm__Event *gone = user_event(f, "deleted", 3, NULL);
	gone->before = pack(f, &u);
	publish_event(f, gone);
	kit_await_value(f, DIRECTORY, "Eva Nová  false 3");
	kit_await_value(f, "SELECT count(*) FROM inbox WHERE consumer = 'contacts_directory'", "3");
}

IN_FIBER(a_stale_event_changes_nothing)
{
	Crm__User now = user("Now", TEAM_B), then = user("Then", TEAM_A),
		  next = user("Next", TEAM_A);
	events_start(&f->service);
	publish_event(f, user_event(f, "updated", 5, &now));
	publish_event(f, user_event(f, "updated", 4, &then));
	kit_await_value(f, DIRECTORY, "Now " TEAM_B " true 5");
	publish_event(f, user_event(f, "updated", 6, &next));
	kit_await_value(f, DIRECTORY, "Next " TEAM_A " true 6");
	assert_string_equal(kit_value(f, "SELECT count(*) FROM inbox"), "2");
}

/* ---- handlers ---- */

static struct {
	int calls, fail_first;
	const char *seen;
} handler; /* of the test that runs */

static enum status remember(struct call *call, const Crm__Event *event)
{
	Crm__User *u;
	TRY(event_after(call, event, &crm__user__descriptor, &u));
	handler.calls++;
	handler.seen = u && strcmp(u->display_name, "Eva") == 0 && call->scope->sees_all &&
				       strcmp(call->scope->tenant_id, TENANT_A) == 0 &&
				       strcmp(call->scope->user_id, USER_A) == 0
			       ? "Eva"
			       : "something else";
	if (handler.calls <= handler.fail_first)
		return call_fail(call, ST_UNAVAILABLE, NULL, "not yet");
	return call_write(call, db_batch_new(call->service->db, call->arena), NULL, 0, NULL);
}

static const struct event_handler REMEMBERS[] = {
	{ .name = "remember", .subject = "crm.*.identity.user.*.*", .handle = remember },
	{ 0 },
};

static const struct event_handler REMEMBERS_ALL[] = {
	{ .name = "remember",
		.subject = "crm.*.identity.user.*.*",
		.handle = remember,
		.wants_all = true },
	{ 0 },
};

static void start_handler(struct kit_fixture *f, const struct event_handler *hears, int fail_first)
{
	handler.calls = 0;
	handler.fail_first = fail_first;
	f->def.hears = hears;
	events_start(&f->service);
}

IN_FIBER(a_handler_gets_the_event_as_a_call_and_is_repeated_until_it_succeeds)
{
	Crm__User u = user("Eva", TEAM_B);
	start_handler(f, REMEMBERS, 1);
	publish_event(f, user_event(f, "created", 1, &u));
	kit_await_value(f, "SELECT count(*) FROM inbox WHERE consumer = 'contacts_remember'", "1");
	assert_int_equal(handler.calls, 2);
	assert_string_equal(handler.seen, "Eva");
}

IN_FIBER(a_repeated_event_is_handled_once)
{
	Crm__User u = user("Eva", TEAM_B);
	Crm__Event *e = user_event(f, "created", 1, &u);
	start_handler(f, REMEMBERS_ALL, 0);
	publish_event(f, e);
	publish_event(f, e); /* under another message id: the broker takes it for a new one */
	publish_event(f, user_event(f, "updated", 2, &u));
	kit_await_value(f, "SELECT count(*) FROM inbox WHERE consumer = 'contacts_remember'", "2");
	assert_int_equal(handler.calls, 2);
}

IN_FIBER(who_wants_all_hears_stale_events_too)
{
	Crm__User u = user("Eva", TEAM_B);
	start_handler(f, REMEMBERS_ALL, 0);
	publish_event(f, user_event(f, "updated", 5, &u));
	publish_event(f, user_event(f, "updated", 4, &u));
	kit_await_value(f, "SELECT count(*) FROM inbox WHERE consumer = 'contacts_remember'", "2");
	kit_await_value(f, "SELECT count(*) FROM inbox WHERE consumer = 'contacts_directory'", "1");
}

IN_FIBER(malformed_events_are_dropped_and_do_not_stop_the_rest)
{
	Crm__User u = user("Eva", TEAM_B);
	Crm__Event *e;
	start_handler(f, REMEMBERS, 0);
	const char *subject = "crm." TENANT_A ".identity.user." USER_B ".created";
	publish(f, subject, STR("\xff\xff\xff\xff not protobuf"));
	publish(f, subject, STR(""));
	e = user_event(f, "created", 1, &u);
	e->tenant_id = "'; DROP TABLE inbox; --";
	publish(f, subject, pb_pack(f->arena, e));
	e = user_event(f, "created", 1, &u);
	e->event_id = "no id";
	publish(f, subject, pb_pack(f->arena, e));
	e = user_event(f, "created", 1, &u);
	e->resource_type = "crm.nowhere.v1.Nothing";
	publish(f, subject, pb_pack(f->arena, e));
	e = user_event(f, "created", 1, &u);
	e->resource_type = "crm.contacts.v1.Contact"; /* well-formed, but no user */
	publish(f, subject, pb_pack(f->arena, e));
	e = user_event(f, "created", 1, NULL);
	e->after = (ProtobufCBinaryData){ .len = 4,
		.data = (uint8_t *)(uintptr_t) "\x0a\xff\xff\xff" };
	publish(f, subject, pb_pack(f->arena, e));
	publish_event(f, user_event(f, "updated", 2, &u));
	kit_await_value(f, "SELECT count(*) FROM inbox WHERE consumer = 'contacts_remember'", "1");
	kit_await_value(f, DIRECTORY, "Eva " TEAM_B " true 2");
	assert_int_equal(handler.calls, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_directory_follows_the_users_of_identity),
		TEST(a_stale_event_changes_nothing),
		TEST(a_handler_gets_the_event_as_a_call_and_is_repeated_until_it_succeeds),
		TEST(a_repeated_event_is_handled_once),
		TEST(who_wants_all_hears_stale_events_too),
		TEST(malformed_events_are_dropped_and_do_not_stop_the_rest),
	};
	log_init("test", LOG_ERROR, 2);
	return cmocka_run_group_tests(tests, kit_group_setup_bus, kit_group_teardown);
}
