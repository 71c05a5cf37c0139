/* Every change made through the API is told on JetStream once, those of one resource in order: to a
 * durable consumer that keeps a ledger, and that is right also when nats-server, the service or the
 * consumer was away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "tests/support/ledger.h"

enum { BATCH = 20 };

/* ---- making ---- */

static struct str wire_of(struct rpc_client_fixture *f, const char *method, const char *json)
{
	const struct ledger *l = f->arg;
	struct pb_violations violations = { 0 };
	struct str wire;

	if (pb_json_to_wire(f->arena, ledger_schema(l),
		    pb_schema_method(ledger_schema(l), str_c(method))->input, str_c(json), &wire,
		    &violations) != ST_OK)
		fail_msg("%s: %s: %s in %s", method, violations.v[0].field,
			violations.v[0].description, json);
	return wire;
}

static void *call_json(struct rpc_client_fixture *f, const char *method,
	const ProtobufCMessageDescriptor *answer, const char *json)
{
	enum status s = rpc_client_ask_wire(f, method, wire_of(f, method, json));

	if (s != ST_OK)
		fail_msg("%s %s: %s: %s", method, json, status_name(s), f->answer.outcome.message);
	return rpc_client_answer(f, answer);
}

static void *call(struct rpc_client_fixture *f, const char *method,
	const ProtobufCMessageDescriptor *answer, const char *json, ...) PRINTF_LIKE(4, 5);
static void *call(struct rpc_client_fixture *f, const char *method,
	const ProtobufCMessageDescriptor *answer, const char *json, ...)
{
	va_list ap;

	va_start(ap, json);
	const char *text = arena_vprintf(f->arena, json, ap);
	va_end(ap);
	return call_json(f, method, answer, text);
}

/* A call that changes the resource that it answers with: the id. */
static const char *change(struct rpc_client_fixture *f, const char *method,
	const ProtobufCMessageDescriptor *resource, const char *json, ...) PRINTF_LIKE(4, 5);
static const char *change(struct rpc_client_fixture *f, const char *method,
	const ProtobufCMessageDescriptor *resource, const char *json, ...)
{
	va_list ap;

	va_start(ap, json);
	const char *id = pb_get_string(
		call_json(f, method, resource, arena_vprintf(f->arena, json, ap)), "id");
	va_end(ap);
	ledger_expect(f->arg, method, id);
	return id;
}

/* A last change at each service comes after all others: when both are heard, nothing is still on
 * the way. */
static void the_ledger_is_right(struct rpc_client_fixture *f)
{
	struct ledger *l = f->arg;

	(void)change(f, IDENTITY "CreateTeam", &crm__team__descriptor,
		"{\"team\": {\"displayName\": \"Last\"}}");
	(void)change(f, CONTACTS "CreateContact", &crm__contact__descriptor,
		"{\"contact\": {\"displayName\": \"Last\"}}");
	ledger_check(l, f->arena, 2);
}

/* ---- what an office does ---- */

/* Before anybody listened; the consumer begins at the beginning. */
static void the_office_was_opened(struct rpc_client_fixture *f)
{
	struct ledger *l = f->arg;
	const Crm__ListRolesResponse *roles =
		call(f, IDENTITY "ListRoles", &crm__list_roles_response__descriptor, "{}");
	const Crm__ListSessionsResponse *sessions =
		call(f, IDENTITY "ListSessions", &crm__list_sessions_response__descriptor, "{}");

	assert_int_equal(roles->n_roles, 3);
	assert_int_equal(sessions->n_sessions, 1);
	ledger_expect(l, IDENTITY "CreateTenant", ledger_office(l)->tenant_id);
	ledger_expect(l, IDENTITY "CreateUser", ledger_office(l)->admin_id);
	for (size_t i = 0; i < roles->n_roles; i++)
		ledger_expect(l, IDENTITY "CreateRole", roles->roles[i]->id);
	ledger_expect(l, IDENTITY "Authenticate", sessions->sessions[0]->id);
}

static void teams_and_roles_change(struct rpc_client_fixture *f)
{
	(void)change(f, IDENTITY "UpdateTenant", &crm__tenant__descriptor,
		"{\"tenant\": {\"displayName\": \"Ledger\"}}");
	const char *team = change(f, IDENTITY "CreateTeam", &crm__team__descriptor,
		"{\"team\": {\"displayName\": \"North\"}}");
	(void)change(f, IDENTITY "UpdateTeam", &crm__team__descriptor,
		"{\"team\": {\"id\": \"%s\", \"displayName\": \"South\"}}", team);
	(void)change(f, IDENTITY "DeleteTeam", &crm__team__descriptor, "{\"id\": \"%s\"}", team);
	const char *role = change(f, IDENTITY "CreateRole", &crm__role__descriptor,
		"{\"role\": {\"displayName\": \"Clerk\"}}");
	(void)change(f, IDENTITY "UpdateRole", &crm__role__descriptor,
		"{\"role\": {\"id\": \"%s\", \"grants\": [{\"permission\": \"contacts.*\", "
		"\"level\": \"LEVEL_OWN\"}]}}",
		role);
	(void)change(f, IDENTITY "DeleteRole", &crm__role__descriptor, "{\"id\": \"%s\"}", role);
}

static void eva_changes_her_password_and_signs_out(
	struct rpc_client_fixture *f, const char *eva, const char *email)
{
	struct ledger *l = f->arg;
	const Crm__AuthenticateResponse *first = sign_in(f, ledger_office(l)->key, email),
					*second = sign_in(f, ledger_office(l)->key, email);

	ledger_expect(l, IDENTITY "Authenticate", first->session->id);
	ledger_expect(l, IDENTITY "Authenticate", second->session->id);
	f->token = arena_printf(f->arena, "Bearer %s", second->access_token);
	(void)call(f, IDENTITY "ChangePassword", &crm__change_password_response__descriptor,
		"{\"oldPassword\": \"%s\", \"newPassword\": \"another horse another staple\"}",
		OFFICE_PASSWORD);
	ledger_expect(l, IDENTITY "ChangePassword", eva);
	ledger_expect(l, IDENTITY "RevokeSession", first->session->id); /* her other sessions end */
	(void)call(f, IDENTITY "RevokeSession", &crm__revoke_session_response__descriptor, "{}");
	ledger_expect(l, IDENTITY "RevokeSession", second->session->id);
	f->token = ledger_office(l)->token;
}

static void users_come_and_go(struct rpc_client_fixture *f)
{
	static const char email[] = "eva@ledger.example.com";
	const char *eva = change(f, IDENTITY "CreateUser", &crm__user__descriptor,
		"{\"user\": {\"email\": \"%s\", \"displayName\": \"Eva\", \"password\": \"%s\"}}",
		email, OFFICE_PASSWORD);

	(void)change(f, IDENTITY "UpdateUser", &crm__user__descriptor,
		"{\"user\": {\"id\": \"%s\", \"displayName\": \"Eva Malá\"}}", eva);
	eva_changes_her_password_and_signs_out(f, eva, email);
	const char *key = change(f, IDENTITY "CreateApiKey", &crm__api_key__descriptor,
		"{\"apiKey\": {\"displayName\": \"scanner\", \"userId\": \"%s\"}}", eva);
	(void)change(
		f, IDENTITY "DeleteApiKey", &crm__api_key__descriptor, "{\"id\": \"%s\"}", key);
	(void)change(f, IDENTITY "DeleteUser", &crm__user__descriptor, "{\"id\": \"%s\"}", eva);
	(void)change(f, IDENTITY "UndeleteUser", &crm__user__descriptor, "{\"id\": \"%s\"}", eva);
}

static const char *contacts_change(struct rpc_client_fixture *f)
{
	const char *jana = change(f, CONTACTS "CreateContact", &crm__contact__descriptor,
		"{\"contact\": {\"displayName\": \"Jana\"}}");

	(void)change(f, CONTACTS "UpdateContact", &crm__contact__descriptor,
		"{\"contact\": {\"id\": \"%s\", \"displayName\": \"Jana Nová\"}}", jana);
	(void)change(
		f, CONTACTS "DeleteContact", &crm__contact__descriptor, "{\"id\": \"%s\"}", jana);
	(void)change(
		f, CONTACTS "UndeleteContact", &crm__contact__descriptor, "{\"id\": \"%s\"}", jana);
	return jana;
}

static void organizations_change(struct rpc_client_fixture *f, const char *jana)
{
	const char *mill = change(f, CONTACTS "CreateOrganization", &crm__organization__descriptor,
		"{\"organization\": {\"name\": \"Mlýn\"}}");

	(void)change(f, CONTACTS "UpdateOrganization", &crm__organization__descriptor,
		"{\"organization\": {\"id\": \"%s\", \"industry\": \"mills\"}}", mill);
	const char *link = change(f, CONTACTS "CreateAffiliation", &crm__affiliation__descriptor,
		"{\"affiliation\": {\"contactId\": \"%s\", \"organizationId\": \"%s\"}}", jana,
		mill);
	(void)change(f, CONTACTS "UpdateAffiliation", &crm__affiliation__descriptor,
		"{\"affiliation\": {\"id\": \"%s\", \"title\": \"mlynářka\"}}", link);
	(void)change(f, CONTACTS "DeleteAffiliation", &crm__affiliation__descriptor,
		"{\"id\": \"%s\"}", link);
	(void)change(f, CONTACTS "DeleteOrganization", &crm__organization__descriptor,
		"{\"id\": \"%s\"}", mill);
	(void)change(f, CONTACTS "UndeleteOrganization", &crm__organization__descriptor,
		"{\"id\": \"%s\"}", mill);
}

static void a_stranger_is_answered(struct rpc_client_fixture *f)
{
	struct ledger *l = f->arg;
	const Crm__Inquiry *inquiry = call(f, CONTACTS "SubmitInquiry", &crm__inquiry__descriptor,
		"{\"inquiry\": {\"channel\": \"web\", \"fromEmail\": \"stranger@example.com\"}}");

	ledger_expect(l, CONTACTS "SubmitInquiry", inquiry->id);
	ledger_expect(l, CONTACTS "CreateContact", inquiry->contact_id);
	(void)change(f, CONTACTS "LogInteraction", &crm__interaction__descriptor,
		"{\"interaction\": {\"contactId\": \"%s\", \"kind\": \"KIND_EMAIL\", "
		"\"direction\": \"DIRECTION_OUTBOUND\"}}",
		inquiry->contact_id);
	ledger_expect_also(l, "inquiry", inquiry->id, "answered");
}

/* A request for each id, of the same form. */
static const char *requests(
	struct arena *a, const char *before, size_t n, const char *const *ids, const char *after)
{
	struct buf b = buf_new(a, 0);

	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s%s%s", i ? ", " : "{\"requests\": [", before, ids[i], after);
	buf_puts(&b, "]}");
	return buf_cstr(&b);
}

static void many_contacts_change_at_once(struct rpc_client_fixture *f)
{
	struct ledger *l = f->arg;
	const char *ids[BATCH];

	for (size_t i = 0; i < BATCH; i++)
		ids[i] = arena_printf(f->arena, "Contact %zu", i);
	const Crm__BatchCreateContactsResponse *created = call_json(f,
		CONTACTS "BatchCreateContacts", &crm__batch_create_contacts_response__descriptor,
		requests(f->arena, "{\"contact\": {\"displayName\": \"", BATCH, ids, "\"}}"));
	assert_int_equal(created->n_contacts, BATCH);
	for (size_t i = 0; i < BATCH; i++) {
		ids[i] = created->contacts[i]->id;
		ledger_expect(l, CONTACTS "BatchCreateContacts", ids[i]);
	}
	(void)call_json(f, CONTACTS "BatchUpdateContacts",
		&crm__batch_update_contacts_response__descriptor,
		requests(f->arena, "{\"contact\": {\"note\": \"one of many\", \"id\": \"", BATCH,
			ids, "\"}}"));
	(void)call_json(f, CONTACTS "BatchDeleteContacts",
		&crm__batch_delete_contacts_response__descriptor,
		requests(f->arena, "{\"id\": \"", BATCH, ids, "\"}"));
	for (size_t i = 0; i < BATCH; i++) {
		ledger_expect(l, CONTACTS "BatchUpdateContacts", ids[i]);
		ledger_expect(l, CONTACTS "BatchDeleteContacts", ids[i]);
	}
}

static void send_row(struct rpc_client_fixture *f, struct rpc_stream *import, const char *json)
{
	struct rpc_bytes *row = rpc_bytes_of(wire_of(f, CONTACTS "ImportContacts", json));

	assert_int_equal(rpc_stream_send(import, row), ST_OK);
	rpc_bytes_unref(row);
}

static void a_list_is_imported(struct rpc_client_fixture *f)
{
	struct rpc_stream *import;
	struct rpc_bytes *message;
	Crm__ImportContactsResponse *r;

	assert_int_equal(rpc_client_open(f, CONTACTS "ImportContacts", &import), ST_OK);
	send_row(f, import,
		"{\"source\": \"old\", \"key\": \"1\", \"organization\": {\"name\": \"Pila\"}}");
	send_row(f, import,
		"{\"key\": \"2\", \"contact\": {\"displayName\": \"Petr\"}, \"organizationKey\": "
		"\"1\"}");
	send_row(f, import, "{\"key\": \"2\", \"contact\": {\"displayName\": \"Petr again\"}}");
	assert_int_equal(rpc_stream_half_close(import), ST_OK);
	assert_int_equal(rpc_stream_recv(import, &message), ST_OK);
	assert_non_null(message);
	assert_int_equal(pb_unpack(f->arena, &crm__import_contacts_response__descriptor,
				 rpc_flat(f->arena, message), &r),
		ST_OK);
	rpc_bytes_unref(message);
	rpc_stream_close(import);
	assert_int_equal(r->created_count, 2);
	assert_int_equal(r->existing_count, 1);
	ledger_expect(f->arg, CONTACTS "CreateOrganization", r->verdicts[0]->id);
	ledger_expect(f->arg, CONTACTS "ImportContacts", r->verdicts[1]->id);
	const Crm__ListAffiliationsResponse *links =
		call(f, CONTACTS "ListAffiliations", &crm__list_affiliations_response__descriptor,
			"{\"filter\": \"contact_id = \\\"%s\\\"\"}", r->verdicts[1]->id);
	assert_int_equal(links->n_affiliations, 1);
	ledger_expect(f->arg, CONTACTS "CreateAffiliation", links->affiliations[0]->id);
}

/* Who did it, and what it was before and after. */
static void the_event_tells_what_changed(struct rpc_client_fixture *f, const char *contact_id)
{
	const struct ledger *l = f->arg;
	const Crm__Event *e = ledger_event(l, "contact", contact_id, "updated");
	Crm__Contact *before, *after;

	assert_int_equal(pb_unpack(f->arena, &crm__contact__descriptor,
				 str_n(e->before.data, e->before.len), &before),
		ST_OK);
	assert_int_equal(pb_unpack(f->arena, &crm__contact__descriptor,
				 str_n(e->after.data, e->after.len), &after),
		ST_OK);
	assert_string_equal(before->display_name, "Jana");
	assert_string_equal(after->display_name, "Jana Nová");
	assert_string_equal(e->actor_id, ledger_office(l)->admin_id);
	assert_string_equal(e->resource_type, "crm.contacts.v1.Contact");
}

/* ---- the stories ---- */

static void a_working_day(struct rpc_client_fixture *f)
{
	the_office_was_opened(f);
	ledger_listen(f->arg, f);
	teams_and_roles_change(f);
	users_come_and_go(f);
	const char *jana = contacts_change(f);
	organizations_change(f, jana);
	a_stranger_is_answered(f);
	many_contacts_change_at_once(f);
	a_list_is_imported(f);
	the_ledger_is_right(f);
	the_event_tells_what_changed(f, jana);
	assert_int_equal(ledger_repeated(f->arg), 0);
	ledger_stop(f);
}

/* What was acknowledged meanwhile is in the outbox alone when the service is killed too. */
static void a_day_without_bus(struct rpc_client_fixture *f)
{
	struct ledger *l = f->arg;
	struct stack *stack = ledger_office(l)->stack;

	ledger_listen(l, f);
	const char *jana = contacts_change(f);
	stack_kill(stack, "nats");
	(void)change(f, CONTACTS "UpdateContact", &crm__contact__descriptor,
		"{\"contact\": {\"id\": \"%s\", \"note\": \"without bus\"}}", jana);
	(void)change(f, IDENTITY "CreateTeam", &crm__team__descriptor,
		"{\"team\": {\"displayName\": \"Made without bus\"}}");
	many_contacts_change_at_once(f);
	(void)change(
		f, CONTACTS "DeleteContact", &crm__contact__descriptor, "{\"id\": \"%s\"}", jana);
	stack_kill(stack, "contacts");
	stack_run(stack, "start nats");
	stack_run(stack, "start contacts");
	health_await_serving(f, "crm.contacts.v1.ContactsService");
	(void)change(
		f, CONTACTS "UndeleteContact", &crm__contact__descriptor, "{\"id\": \"%s\"}", jana);
	the_ledger_is_right(f);
	ledger_stop(f);
}

static void unheard(struct rpc_client_fixture *f)
{
	(void)contacts_change(f);
	many_contacts_change_at_once(f);
}

static void heard_later(struct rpc_client_fixture *f)
{
	const struct ledger *l = f->arg;
	const size_t repeated = ledger_repeated(l);

	ledger_listen(f->arg, f);
	the_ledger_is_right(f);
	assert_int_equal(ledger_repeated(l), repeated); /* it goes on where it was */
	ledger_stop(f);
}

static void every_change_is_told_once_and_in_order(void **state)
{
	struct ledger *l = *state;

	office_run(ledger_office(l), a_working_day, l);
}

static void what_is_changed_while_the_bus_is_away_is_told_later(void **state)
{
	struct ledger *l = *state;

	office_run(ledger_office(l), a_day_without_bus, l);
}

static void a_consumer_that_was_away_goes_on_where_it_was(void **state)
{
	struct ledger *l = *state;

	office_run(ledger_office(l), unheard, l);
	office_run(ledger_office(l), heard_later, l);
}

/* ---- set-up ---- */

static int open_office(void **state)
{
	*state = ledger_new(office_new("ledger"));
	return 0;
}

static int close_office(void **state)
{
	struct office *office = ledger_office(*state);

	ledger_free(*state);
	office_free(office);
	return 0;
}

/* Whatever a test before left behind. */
static int start_what_is_down(void **state)
{
	const struct ledger *l = *state;

	stack_run(ledger_office(l)->stack, "up");
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, start_what_is_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_change_is_told_once_and_in_order),
		TEST(what_is_changed_while_the_bus_is_away_is_told_later),
		TEST(a_consumer_that_was_away_goes_on_where_it_was),
	};

	return cmocka_run_group_tests(tests, open_office, close_office);
}
