/* Every component is told to stop, and killed: who uses the office is told so, goes on where the
 * component is not needed, and finds everything there when it is back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/support/office.h"

#define CONTACTS_NAME "crm.contacts.v1.ContactsService"
#define IDENTITY_NAME "crm.identity.v1.IdentityService"

struct outage {
	const char *component;
	bool is_kill;        /* else it is told to stop, and ends with status 0 */
	const char *watched; /* whose health at the gateway tells of it; "" is the gateway's own */
	void (*meanwhile)(struct rpc_client_fixture *f); /* what is so while it is away */
	struct office *office;
	const char *made_meanwhile; /* id of a contact, if one could be made */
};

/* ---- what is so meanwhile ---- */

static void contacts_can_be_listed(struct rpc_client_fixture *f)
{
	const Crm__ListContactsRequest q = CRM__LIST_CONTACTS_REQUEST__INIT;

	(void)ask(f, CONTACTS "ListContacts", &q, &crm__list_contacts_response__descriptor);
}

static void contacts_cannot_be_listed(struct rpc_client_fixture *f)
{
	const Crm__ListContactsRequest q = CRM__LIST_CONTACTS_REQUEST__INIT;

	ask_in_vain(f, CONTACTS "ListContacts", &q, ST_UNAVAILABLE);
}

/* Identity checks the token itself. */
static void the_tenant_can_be_asked_for(struct rpc_client_fixture *f)
{
	const struct outage *o = f->arg;
	const Crm__GetTenantRequest q = CRM__GET_TENANT_REQUEST__INIT;
	const Crm__Tenant *tenant = ask(f, IDENTITY "GetTenant", &q, &crm__tenant__descriptor);

	assert_string_equal(tenant->id, o->office->tenant_id);
}

static void nobody_can_sign_in(struct rpc_client_fixture *f)
{
	Crm__AuthenticateRequest q = CRM__AUTHENTICATE_REQUEST__INIT;

	q.credential_case = CRM__AUTHENTICATE_REQUEST__CREDENTIAL_API_KEY;
	q.api_key = "crm_of_nobody";
	ask_in_vain(f, IDENTITY "Authenticate", &q, ST_UNAVAILABLE);
}

static void without_contacts(struct rpc_client_fixture *f)
{
	contacts_cannot_be_listed(f);
	the_tenant_can_be_asked_for(f);
}

static void without_identity(struct rpc_client_fixture *f)
{
	nobody_can_sign_in(f);
	contacts_can_be_listed(f);
}

static void without_gateway(struct rpc_client_fixture *f)
{
	const struct outage *o = f->arg;
	const Crm__ListContactsRequest q = CRM__LIST_CONTACTS_REQUEST__INIT;

	f->fails_fast = true;
	assert_int_equal(rpc_client_ask(f, CONTACTS "ListContacts", &q), ST_UNAVAILABLE);
	f->fails_fast = false;
	/* it is no trust boundary: the services are as good without it */
	assert_int_equal(office_ask_at(f, stack_port(o->office->stack, "CONTACTS"),
				 CONTACTS "ListContacts", &q),
		ST_OK);
}

static void without_postgres(struct rpc_client_fixture *f)
{
	contacts_cannot_be_listed(f);
	nobody_can_sign_in(f);
}

static void without_nats(struct rpc_client_fixture *f)
{
	struct outage *o = f->arg;

	o->made_meanwhile = create_contact(f, "Made without a bus")->id;
	the_tenant_can_be_asked_for(f);
}

/* ---- the story ---- */

static void end_component(struct outage *o)
{
	int status = 0;

	if (o->is_kill)
		stack_kill(o->office->stack, o->component);
	else
		status = stack_stop(o->office->stack, o->component);
	if (strcmp(o->component, "nats") != 0) /* nats-server ends with 1 when it is told to */
		assert_int_equal(status, 0);
}

/* The watcher is told; a gateway that is killed tells nothing, its stream breaks. */
static void watch_it_go(struct rpc_client_fixture *f, struct rpc_stream *watch)
{
	const struct outage *o = f->arg;
	bool is_gateway = strcmp(o->component, "gateway") == 0, is_serving = true;
	enum status s = health_next(f, watch, &is_serving);

	if (is_gateway && o->is_kill) {
		assert_int_equal(s, ST_UNAVAILABLE);
		return;
	}
	assert_int_equal(s, ST_OK);
	assert_false(is_serving);
	if (is_gateway)
		assert_int_equal(health_next(f, watch, &is_serving), ST_UNAVAILABLE);
}

static void everything_serves(struct rpc_client_fixture *f)
{
	health_await_serving(f, "");
	health_await_serving(f, CONTACTS_NAME);
	health_await_serving(f, IDENTITY_NAME);
}

static void is_there(struct rpc_client_fixture *f, const char *id, const char *display_name)
{
	assert_string_equal(get_contact(f, id)->display_name, display_name);
}

/* One signs in, and an earlier session goes on: by its token and, once that is too old, by its
 * refresh token. */
static void sessions_are_good(struct rpc_client_fixture *f)
{
	const struct outage *o = f->arg;
	struct office *office = o->office;
	Crm__RefreshSessionRequest q = CRM__REFRESH_SESSION_REQUEST__INIT;

	the_tenant_can_be_asked_for(f);
	assert_string_equal(
		sign_in(f, office->key, office->admin_email)->session->user_id, office->admin_id);
	q.refresh_token = office->refresh_token;
	const Crm__RefreshSessionResponse *r =
		ask(f, IDENTITY "RefreshSession", &q, &crm__refresh_session_response__descriptor);
	office->refresh_token = arena_strdup(office->arena, r->refresh_token);
}

static void story(struct rpc_client_fixture *f)
{
	struct outage *o = f->arg;
	const char *before, *after;
	bool is_serving;

	everything_serves(f);
	before = create_contact(f, "Made before")->id;
	struct rpc_stream *watch = health_watch(f, o->watched);
	assert_int_equal(health_next(f, watch, &is_serving), ST_OK);
	assert_true(is_serving);

	end_component(o);
	watch_it_go(f, watch);
	rpc_stream_close(watch);
	o->meanwhile(f);

	stack_run(o->office->stack, arena_printf(f->arena, "start %s", o->component));
	everything_serves(f);
	is_there(f, before, "Made before");
	if (o->made_meanwhile)
		is_there(f, o->made_meanwhile, "Made without a bus");
	sessions_are_good(f);
	after = create_contact(f, "Made after")->id;
	is_there(f, after, "Made after");
}

#define OUTAGE(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		struct outage o = { __VA_ARGS__, .office = *state };                               \
		office_run(o.office, story, &o);                                                   \
	}

OUTAGE(the_office_outlives_a_stop_of_contacts, "contacts", .watched = CONTACTS_NAME,
	.meanwhile = without_contacts)
OUTAGE(the_office_outlives_a_kill_of_contacts, "contacts", .is_kill = true,
	.watched = CONTACTS_NAME, .meanwhile = without_contacts)
OUTAGE(the_office_outlives_a_stop_of_identity, "identity", .watched = IDENTITY_NAME,
	.meanwhile = without_identity)
OUTAGE(the_office_outlives_a_kill_of_identity, "identity", .is_kill = true,
	.watched = IDENTITY_NAME, .meanwhile = without_identity)
OUTAGE(the_office_outlives_a_stop_of_the_gateway, "gateway", .watched = "",
	.meanwhile = without_gateway)
OUTAGE(the_office_outlives_a_kill_of_the_gateway, "gateway", .is_kill = true, .watched = "",
	.meanwhile = without_gateway)
OUTAGE(the_office_outlives_a_stop_of_postgres, "postgres", .watched = "",
	.meanwhile = without_postgres)
OUTAGE(the_office_outlives_a_kill_of_postgres, "postgres", .is_kill = true, .watched = "",
	.meanwhile = without_postgres)
OUTAGE(the_office_outlives_a_stop_of_nats, "nats", .watched = "", .meanwhile = without_nats)
OUTAGE(the_office_outlives_a_kill_of_nats, "nats", .is_kill = true, .watched = "",
	.meanwhile = without_nats)

/* ---- set-up ---- */

static int open_office(void **state)
{
	*state = office_new("restart");
	return 0;
}

static int close_office(void **state)
{
	office_free(*state);
	return 0;
}

/* Whatever a test before left behind. */
static int start_what_is_down(void **state)
{
	const struct office *o = *state;

	stack_run(o->stack, "up");
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, start_what_is_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_office_outlives_a_stop_of_contacts),
		TEST(the_office_outlives_a_kill_of_contacts),
		TEST(the_office_outlives_a_stop_of_identity),
		TEST(the_office_outlives_a_kill_of_identity),
		TEST(the_office_outlives_a_stop_of_the_gateway),
		TEST(the_office_outlives_a_kill_of_the_gateway),
		TEST(the_office_outlives_a_stop_of_postgres),
		TEST(the_office_outlives_a_kill_of_postgres),
		TEST(the_office_outlives_a_stop_of_nats),
		TEST(the_office_outlives_a_kill_of_nats),
	};

	return cmocka_run_group_tests(tests, open_office, close_office);
}
