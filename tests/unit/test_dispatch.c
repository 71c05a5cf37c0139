/* Dispatch: what a client of a service on the kit sees, in a process of its own, called with
 * generated messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include "adapters/crypto/crypto.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "crm/contacts/v1/contacts_service.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "tests/support/kit_service.h"
#include "tests/support/rpc_client.h"
#include "tests/support/service_process.h"

#define CONTACTS "/crm.contacts.v1.ContactsService/"
#define ID       "01890000-0000-7000-8000-0000000000aa"
#define TRACE    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static int start_service(void **state)
{
	*state = service_process_new((const char *const[]){ "serve", "contacts",
		"--listen=127.0.0.1:0", "--default-deadline=300ms", "--max-message=100k", NULL });
	return service_process_wait_event(*state, "serving") ? 0 : -1;
}

static int stop_service(void **state)
{
	service_process_signal(*state, SIGTERM);
	assert_int_equal(service_process_wait(*state), 0);
	service_process_free(*state);
	return 0;
}

static void in_client(void **state, void (*body)(struct rpc_client_fixture *f))
{
	rpc_client_run(service_process_port(*state), body, *state);
}

static enum status get_contact(struct rpc_client_fixture *f)
{
	Crm__GetContactRequest q = CRM__GET_CONTACT_REQUEST__INIT;

	q.id = ID;
	return rpc_client_ask(f, CONTACTS "GetContact", &q);
}

static const Crm__Contact *contact(struct rpc_client_fixture *f)
{
	return rpc_client_answer(f, &crm__contact__descriptor);
}

/* ---- rights ---- */

static void levels(struct rpc_client_fixture *f)
{
	static const struct {
		const char *perms, *shown;
	} CASES[] = {
		{ "[[\"contacts.contacts.read\",1]]", "0 0" },
		{ "[[\"contacts.contacts.read\",2]]", "1 0" },
		{ "[[\"contacts.contacts.read\",3]]", "2 0" },
		{ "[[\"contacts.contacts.read\",4]]", "0 1" },
		{ "[[\"contacts.*\",1],[\"contacts.contacts.*\",3],[\"x\",4]]", "2 0" },
		{ "[[\"*\",4]]", "0 1" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		f->token = kit_token(f->arena, (struct kit_token){ .perms = CASES[i].perms });
		assert_int_equal(get_contact(f), ST_OK);
		assert_memory_equal(contact(f)->display_name, CASES[i].shown, 3);
		assert_string_equal(contact(f)->owner_id, KIT_USER);
		assert_string_equal(contact(f)->team_id, KIT_TEAM);
	}
}
static void a_permission_gives_the_scope_of_its_level(void **state)
{
	in_client(state, levels);
}

static void denied(struct rpc_client_fixture *f)
{
	static const char *const PERMS[] = { "[]", "[[\"contacts.contacts.create\",4]]",
		"[[\"contacts\",4]]", "[[\"contacts.contacts.rea\",4]]",
		"[[\"contacts.con*\",4]]" };

	for (size_t i = 0; i < sizeof(PERMS) / sizeof(PERMS[0]); i++) {
		f->token = kit_token(f->arena, (struct kit_token){ .perms = PERMS[i] });
		assert_int_equal(get_contact(f), ST_PERMISSION_DENIED);
		assert_string_equal(rpc_client_details(f), "PERMISSION_MISSING@contacts.crm");
		assert_non_null(strstr(f->answer.outcome.message, "contacts.contacts.read"));
	}
}
static void without_the_permission_a_call_is_denied(void **state)
{
	in_client(state, denied);
}

static void unauthenticated(struct rpc_client_fixture *f)
{
	const char *good = kit_token(f->arena, (struct kit_token){ 0 });
	const char *const TOKENS[] = {
		"",
		"Bearer",
		"Bearer ",
		"Basic abc",
		"Bearer abc",
		"Bearer a.b.c",
		good + strlen("Bearer "),
		arena_printf(f->arena, "%sx", good),
		kit_token(f->arena, (struct kit_token){ .key = 1 }),
		kit_token(f->arena, (struct kit_token){ .kid = "other" }),
		kit_token(f->arena, (struct kit_token){ .ends_in_s = -60 }),
		kit_token(f->arena, (struct kit_token){ .claims = "{}" }),
		kit_token(f->arena, (struct kit_token){ .claims = "[]" }),
		kit_token(f->arena, (struct kit_token){ .claims = "{\"iss\":\"crm\"" }),
		kit_token(f->arena, (struct kit_token){ .perms = "[[\"*\"]]" }),
		kit_token(f->arena, (struct kit_token){ .perms = "[[\"*\",5]]" }),
		kit_token(f->arena, (struct kit_token){ .perms = "{}" }),
		kit_token(f->arena, (struct kit_token){ .session = "' OR 1=1" }),
	};

	for (size_t i = 0; i < sizeof(TOKENS) / sizeof(TOKENS[0]); i++) {
		f->token = TOKENS[i];
		assert_int_equal(get_contact(f), ST_UNAUTHENTICATED);
		assert_string_equal(rpc_client_details(f), "TOKEN_NOT_GOOD@contacts.crm");
	}
	f->token = NULL;
	assert_int_equal(get_contact(f), ST_UNAUTHENTICATED);
	assert_string_equal(rpc_client_details(f), "TOKEN_MISSING@contacts.crm");
	f->token = good;
	assert_int_equal(get_contact(f), ST_OK);
}
static void a_token_that_is_not_good_is_refused(void **state)
{
	in_client(state, unauthenticated);
}

static void revoked(struct rpc_client_fixture *f)
{
	Crm__GetOrganizationRequest q = CRM__GET_ORGANIZATION_REQUEST__INIT;
	struct kit_token t = { .session = uuid_v7_text(f->arena) };

	f->token = kit_token(f->arena, t);
	assert_int_equal(get_contact(f), ST_OK);
	q.id = ID;
	assert_int_equal(rpc_client_ask(f, CONTACTS "GetOrganization", &q), ST_OK);
	assert_int_equal(get_contact(f), ST_UNAUTHENTICATED);
	t.ends_in_s = 500;
	f->token = kit_token(f->arena, t); /* not seen before */
	assert_int_equal(get_contact(f), ST_UNAUTHENTICATED);
	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(get_contact(f), ST_OK);
}
static void a_revoked_session_is_refused(void **state)
{
	in_client(state, revoked);
}

/* ---- requests ---- */

static void invalid(struct rpc_client_fixture *f)
{
	Crm__GetContactRequest q = CRM__GET_CONTACT_REQUEST__INIT;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(rpc_client_ask(f, CONTACTS "GetContact", &q), ST_INVALID_ARGUMENT);
	assert_non_null(strstr(rpc_client_details(f), "INVALID_ARGUMENT@contacts.crm [id: "));
	assert_memory_equal(f->answer.outcome.message, "id: ", 4);
	q.id = "not-a-uuid";
	assert_int_equal(rpc_client_ask(f, CONTACTS "GetContact", &q), ST_INVALID_ARGUMENT);
	assert_non_null(strstr(rpc_client_details(f), "[id: "));
	q.id = "\xff";
	assert_int_equal(rpc_client_ask(f, CONTACTS "GetContact", &q), ST_INVALID_ARGUMENT);
	assert_int_equal(rpc_client_ask_wire(f, CONTACTS "GetContact", STR("\x0a\x05x")),
		ST_INVALID_ARGUMENT);
	assert_int_equal(
		rpc_client_ask_wire(f, CONTACTS "GetContact", STR("\x0b")), ST_INVALID_ARGUMENT);
}
static void an_invalid_request_names_the_field(void **state)
{
	in_client(state, invalid);
}

static void too_large(struct rpc_client_fixture *f)
{
	struct str wire = str_n(arena_zalloc(f->arena, 200000), 200000);

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(
		rpc_client_ask_wire(f, CONTACTS "GetContact", wire), ST_RESOURCE_EXHAUSTED);
	assert_int_equal(get_contact(f), ST_OK);
}
static void a_message_over_the_limit_is_refused(void **state)
{
	in_client(state, too_large);
}

static void several_fields(struct rpc_client_fixture *f)
{
	Crm__CreateContactRequest q = CRM__CREATE_CONTACT_REQUEST__INIT;
	Crm__Contact c = CRM__CONTACT__INIT;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	q.contact = &c;
	c.display_name = "bad";
	assert_int_equal(rpc_client_ask(f, CONTACTS "CreateContact", &q), ST_INVALID_ARGUMENT);
	assert_string_equal(f->answer.outcome.message,
		"contact.name: is not a name; contact.emails[0].address: has no domain");
	assert_string_equal(rpc_client_details(f),
		"INVALID_ARGUMENT@contacts.crm [contact.name: is not a "
		"name] [contact.emails[0].address: has no domain]");
}
static void every_field_at_fault_is_named(void **state)
{
	in_client(state, several_fields);
}

static void request_id(struct rpc_client_fixture *f)
{
	Crm__CreateContactRequest q = CRM__CREATE_CONTACT_REQUEST__INIT;
	Crm__Contact c = CRM__CONTACT__INIT;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	q.contact = &c;
	q.request_id = ID;
	assert_int_equal(rpc_client_ask(f, CONTACTS "CreateContact", &q), ST_OK);
	assert_string_equal(contact(f)->display_name, ID);
}
static void a_handler_sees_the_request_id(void **state)
{
	in_client(state, request_id);
}

static const char *shown(struct rpc_client_fixture *f)
{
	assert_int_equal(get_contact(f), ST_OK);
	return contact(f)->display_name + strlen("0 1 ");
}

static bool echoes(struct rpc_client_fixture *f, const char *id)
{
	return str_is(rpc_header(&f->answer.headers, "x-request-id"), id);
}

static void origin(struct rpc_client_fixture *f)
{
	struct uuid ignored;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	f->request_id = "abc-1";
	f->extra_key = "traceparent";
	f->extra_value = TRACE;
	assert_string_equal(shown(f), "127.0.0.1 abc-1 " TRACE);
	assert_true(echoes(f, "abc-1"));
	f->extra_value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01";
	assert_string_equal(shown(f), "127.0.0.1 abc-1 ");
	f->extra_key = "x-forwarded-for";
	f->extra_value = "2001:db8::7, 10.0.0.1";
	assert_string_equal(shown(f), "127.0.0.1 abc-1 "); /* the peer is not a proxy of ours */
	f->extra_value = "evil\" name";
	assert_string_equal(shown(f), "127.0.0.1 abc-1 ");
	f->request_id = "with \"quotes\"";
	assert_int_equal(get_contact(f), ST_OK);
	assert_true(uuid_parse(rpc_header(&f->answer.headers, "x-request-id"), &ignored));
}
static void a_handler_sees_where_a_call_comes_from(void **state)
{
	in_client(state, origin);
}

/* ---- answers ---- */

static enum status fail_with(struct rpc_client_fixture *f, int status)
{
	Crm__DeleteContactRequest q = CRM__DELETE_CONTACT_REQUEST__INIT;

	q.id = ID;
	q.etag = arena_printf(f->arena, "%d", status);
	return rpc_client_ask(f, CONTACTS "DeleteContact", &q);
}

static void failures(struct rpc_client_fixture *f)
{
	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	for (int s = ST_CANCELLED; s <= ST_UNAUTHENTICATED; s++) {
		bool may_retry = s == ST_UNAVAILABLE || s == ST_RESOURCE_EXHAUSTED;

		assert_int_equal(fail_with(f, s), s);
		assert_true(strlen(f->answer.outcome.message) > 5);
		assert_string_equal(rpc_client_details(f),
			arena_printf(f->arena, "%s@contacts.crm%s", status_name((enum status)s),
				may_retry ? " retry 1.000" : ""));
	}
}
static void a_status_without_words_gets_some(void **state)
{
	in_client(state, failures);
}

static void secrets(struct rpc_client_fixture *f)
{
	Crm__CreateContactRequest q = CRM__CREATE_CONTACT_REQUEST__INIT;
	Crm__Contact c = CRM__CONTACT__INIT;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	q.contact = &c;
	c.display_name = "secret";
	f->request_id = "find-me";
	assert_int_equal(rpc_client_ask(f, CONTACTS "CreateContact", &q), ST_INTERNAL);
	assert_string_equal(f->answer.outcome.message, "internal error");
	assert_null(memmem(f->answer.outcome.details.p, f->answer.outcome.details.n, "SELECT", 6));
}
static void internals_go_to_the_log_and_nowhere_else(void **state)
{
	in_client(state, secrets);
	assert_true(service_process_wait_log(*state, "SELECT 42"));
	assert_true(service_process_wait_log(*state, "\"request_id\":\"find-me\""));
}

static void bugs(struct rpc_client_fixture *f)
{
	Crm__UndeleteContactRequest q = CRM__UNDELETE_CONTACT_REQUEST__INIT;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	q.id = ID;
	assert_int_equal(rpc_client_ask(f, CONTACTS "UndeleteContact", &q), ST_INTERNAL);
	assert_int_equal(
		rpc_client_ask_wire(f, CONTACTS "NoSuchMethod", STR("")), ST_UNIMPLEMENTED);
	assert_string_equal(rpc_client_details(f), "UNIMPLEMENTED@contacts.crm");
	assert_int_equal(rpc_client_ask_wire(f, "/no.such.Service/Get", STR("")), ST_UNIMPLEMENTED);
}
static void what_nobody_answers_is_answered(void **state)
{
	in_client(state, bugs);
}

static void deadlines(struct rpc_client_fixture *f)
{
	Crm__ListContactsRequest q = CRM__LIST_CONTACTS_REQUEST__INIT;
	int64_t begun = clock_mono_us();

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	f->timeout_us = -1;
	assert_int_equal(rpc_client_ask(f, CONTACTS "ListContacts", &q), ST_DEADLINE_EXCEEDED);
	assert_string_equal(rpc_client_details(f), "DEADLINE_EXCEEDED@contacts.crm");
	assert_true(clock_mono_us() - begun >= 300000);
	f->timeout_us = 50000;
	assert_int_equal(rpc_client_ask(f, CONTACTS "ListContacts", &q), ST_DEADLINE_EXCEEDED);
}
static void a_call_without_a_deadline_gets_one(void **state)
{
	in_client(state, deadlines);
}

/* ---- streams ---- */

static void send_row(struct rpc_client_fixture *f, struct rpc_stream *s, const char *key)
{
	Crm__ImportContactsRequest q = CRM__IMPORT_CONTACTS_REQUEST__INIT;
	struct rpc_bytes *b;

	q.key = key;
	b = rpc_bytes_of(pb_pack(f->arena, &q));
	assert_int_equal(rpc_stream_send(s, b), ST_OK);
	rpc_bytes_unref(b);
}

static void imports(struct rpc_client_fixture *f)
{
	const Crm__ImportContactsResponse *r;
	struct rpc_outcome outcome;
	struct rpc_stream *s;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(rpc_client_open(f, CONTACTS "ImportContacts", &s), ST_OK);
	for (int i = 0; i < 100; i++)
		send_row(f, s, i % 10 ? "k" : "");
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	assert_int_equal(rpc_stream_recv(s, &f->answer.message), ST_OK);
	assert_non_null(f->answer.message);
	r = rpc_client_answer(f, &crm__import_contacts_response__descriptor);
	assert_int_equal(r->created_count, 90);
	assert_int_equal(r->invalid_count, 10);
	rpc_bytes_unref(f->answer.message);
	assert_int_equal(rpc_stream_recv(s, &f->answer.message), ST_OK);
	assert_null(f->answer.message);
	assert_int_equal(rpc_stream_finish(s, &outcome, NULL), ST_OK);
	assert_int_equal(outcome.status, ST_OK);
	rpc_stream_close(s);
}
static void each_message_of_a_client_stream_is_judged_alone(void **state)
{
	in_client(state, imports);
}

static void exports(struct rpc_client_fixture *f)
{
	Crm__ExportContactsRequest q = CRM__EXPORT_CONTACTS_REQUEST__INIT;
	struct rpc_bytes *b = rpc_bytes_of(pb_pack(f->arena, &q));
	struct rpc_outcome outcome;
	struct rpc_stream *s;
	int n = 0;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(rpc_client_open(f, CONTACTS "ExportContacts", &s), ST_OK);
	assert_int_equal(rpc_stream_send(s, b), ST_OK);
	rpc_bytes_unref(b);
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	for (;; n++) {
		assert_int_equal(rpc_stream_recv(s, &f->answer.message), ST_OK);
		if (!f->answer.message)
			break;
		assert_int_equal(contact(f)->revision, n);
		rpc_bytes_unref(f->answer.message);
	}
	assert_int_equal(n, 3);
	assert_int_equal(rpc_stream_finish(s, &outcome, NULL), ST_OK);
	assert_int_equal(outcome.status, ST_OK);
	rpc_stream_close(s);
}
static void a_server_stream_ends_with_ok(void **state)
{
	in_client(state, exports);
}

static void no_request(struct rpc_client_fixture *f)
{
	struct rpc_outcome outcome;
	struct rpc_stream *s;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	assert_int_equal(rpc_client_open(f, CONTACTS "GetContact", &s), ST_OK);
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	assert_int_equal(rpc_stream_recv(s, &f->answer.message), ST_OK);
	assert_null(f->answer.message);
	assert_int_equal(rpc_stream_finish(s, &outcome, NULL), ST_OK);
	assert_int_equal(outcome.status, ST_INVALID_ARGUMENT);
	rpc_stream_close(s);
}
static void a_call_without_its_message_is_invalid(void **state)
{
	in_client(state, no_request);
}

/* ---- health ---- */

static enum status check(struct rpc_client_fixture *f, const char *service)
{
	Grpc__Health__V1__HealthCheckRequest q = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;

	q.service = service;
	return rpc_client_ask(f, "/grpc.health.v1.Health/Check", &q);
}

static int health(struct rpc_client_fixture *f)
{
	const Grpc__Health__V1__HealthCheckResponse *r =
		rpc_client_answer(f, &grpc__health__v1__health_check_response__descriptor);

	return (int)r->status;
}

static void checks(struct rpc_client_fixture *f)
{
	static const char *const NAMES[] = { "", "crm.contacts.v1.ContactsService",
		"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
		"grpc.reflection.v1alpha.ServerReflection" };

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		assert_int_equal(check(f, NAMES[i]), ST_OK);
		assert_int_equal(health(f), 1);
	}
	assert_int_equal(check(f, "crm.contacts.v1"), ST_NOT_FOUND);
}
static void health_needs_no_token(void **state)
{
	in_client(state, checks);
}

static struct rpc_stream *watch(struct rpc_client_fixture *f, const char *service)
{
	Grpc__Health__V1__HealthCheckRequest q = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	struct rpc_stream *s;
	struct rpc_bytes *b;

	q.service = service;
	b = rpc_bytes_of(pb_pack(f->arena, &q));
	assert_int_equal(rpc_client_open(f, "/grpc.health.v1.Health/Watch", &s), ST_OK);
	assert_int_equal(rpc_stream_send(s, b), ST_OK);
	assert_int_equal(rpc_stream_half_close(s), ST_OK);
	rpc_bytes_unref(b);
	return s;
}

static int next_health(struct rpc_client_fixture *f, struct rpc_stream *s)
{
	int status;

	assert_int_equal(rpc_stream_recv(s, &f->answer.message), ST_OK);
	if (!f->answer.message)
		return -1;
	status = health(f);
	rpc_bytes_unref(f->answer.message);
	return status;
}

static void watches_unknown(struct rpc_client_fixture *f)
{
	struct rpc_stream *s = watch(f, "no.Service");

	assert_int_equal(next_health(f, s), 3);
	rpc_stream_close(s);
}
static void a_watch_of_an_unknown_service_says_so(void **state)
{
	in_client(state, watches_unknown);
}

/* ---- stopping ---- */

struct slow_call {
	struct rpc_client_fixture *f;
	enum status status;
};

static void call_slowly(void *arg)
{
	struct slow_call *c = arg;
	Crm__SearchContactsRequest q = CRM__SEARCH_CONTACTS_REQUEST__INIT;

	q.query = "novak";
	c->status = rpc_client_ask(c->f, CONTACTS "SearchContacts", &q);
}

static void stopping(struct rpc_client_fixture *f)
{
	struct slow_call c = { .f = f, .status = ST_UNKNOWN };
	struct rpc_outcome outcome;
	struct rpc_stream *s;
	struct group g;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	s = watch(f, "");
	assert_int_equal(next_health(f, s), 1);
	group_init(&g);
	group_spawn(&g, call_slowly, &c);
	assert_int_equal(fiber_sleep_us(100000), ST_OK); /* the call is in its handler */
	service_process_signal(f->arg, SIGTERM);
	assert_int_equal(next_health(f, s), 2);
	assert_int_equal(next_health(f, s), -1);
	assert_int_equal(rpc_stream_finish(s, &outcome, NULL), ST_OK);
	assert_int_equal(outcome.status, ST_UNAVAILABLE);
	rpc_stream_close(s);
	assert_int_equal(group_wait(&g), ST_OK);
	assert_int_equal(c.status, ST_OK);
}
static void a_stopping_service_says_so_and_finishes_its_calls(void **state)
{
	void *own;

	(void)state;
	assert_int_equal(start_service(&own), 0);
	in_client(&own, stopping);
	assert_int_equal(service_process_wait(own), 0);
	service_process_free(own);
}

static void call_that_waits(void *arg)
{
	struct slow_call *c = arg;
	Crm__ListContactsRequest q = CRM__LIST_CONTACTS_REQUEST__INIT;

	c->status = rpc_client_ask(c->f, CONTACTS "ListContacts", &q);
}

static void stopping_twice(struct rpc_client_fixture *f)
{
	struct slow_call c = { .f = f, .status = ST_OK };
	struct group g;

	f->token = kit_token(f->arena, (struct kit_token){ 0 });
	group_init(&g);
	group_spawn(&g, call_that_waits, &c);
	assert_int_equal(fiber_sleep_us(100000), ST_OK); /* the call is in its handler */
	service_process_signal(f->arg, SIGTERM);
	assert_true(service_process_wait_event(f->arg, "not_serving"));
	service_process_signal(f->arg, SIGTERM);
	assert_int_equal(group_wait(&g), ST_OK);
	assert_int_equal(c.status, ST_UNAVAILABLE);
}
static void asked_twice_a_service_stops_at_once(void **state)
{
	struct service_process *own = service_process_new(
		(const char *const[]){ "serve", "contacts", "--listen=127.0.0.1:0", NULL });
	void *p = own;

	(void)state;
	assert_true(service_process_wait_event(own, "serving"));
	in_client(&p, stopping_twice);
	assert_int_equal(service_process_wait(own), 1);
	service_process_free(own);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_permission_gives_the_scope_of_its_level),
		cmocka_unit_test(without_the_permission_a_call_is_denied),
		cmocka_unit_test(a_token_that_is_not_good_is_refused),
		cmocka_unit_test(a_revoked_session_is_refused),
		cmocka_unit_test(an_invalid_request_names_the_field),
		cmocka_unit_test(a_message_over_the_limit_is_refused),
		cmocka_unit_test(every_field_at_fault_is_named),
		cmocka_unit_test(a_handler_sees_the_request_id),
		cmocka_unit_test(a_handler_sees_where_a_call_comes_from),
		cmocka_unit_test(a_status_without_words_gets_some),
		cmocka_unit_test(internals_go_to_the_log_and_nowhere_else),
		cmocka_unit_test(what_nobody_answers_is_answered),
		cmocka_unit_test(a_call_without_a_deadline_gets_one),
		cmocka_unit_test(each_message_of_a_client_stream_is_judged_alone),
		cmocka_unit_test(a_server_stream_ends_with_ok),
		cmocka_unit_test(a_call_without_its_message_is_invalid),
		cmocka_unit_test(health_needs_no_token),
		cmocka_unit_test(a_watch_of_an_unknown_service_says_so),
		cmocka_unit_test(a_stopping_service_says_so_and_finishes_its_calls),
		cmocka_unit_test(asked_twice_a_service_stops_at_once),
	};

	if (argc > 2 && strcmp(argv[1], "serve") == 0)
		return kit_service_main(argc - 1, argv + 1);
	crypto_init();
	return cmocka_run_group_tests(tests, start_service, stop_service);
}
