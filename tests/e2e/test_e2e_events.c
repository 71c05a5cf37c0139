/* Every change made through the API is told on JetStream once, those of one resource in order: to a durable consumer that keeps a ledger, and that is right also when nats-server, the
 * service or the consumer was away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "crm/events/v1/event.pb-c.h"
#include "tests/support/office.h"

enum { MAX_ENTRIES = 1000, PATIENCE_US = 20 * 1000 * 1000, BATCH = 20 };

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

/* ---- hearing ---- */

static void put(struct entries *e, struct entry entry)
{
	assert_true(e->n < MAX_ENTRIES);
	e->list[e->n++] = entry;
}

/* A broker that was killed may have forgotten what it had delivered, and delivers it again. It never stores it twice. */
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
	struct str rest = str_c(arena_strdup(l->arena, d->subject)), payload = str_n(arena_dup(l->arena, d->payload.p, d->payload.n), d->payload.n);
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

static void listen_to_events(struct rpc_client_fixture *f)
{
	struct ledger *l = f->arg;
	const char *subject = arena_printf(l->arena, "crm.%s.>", l->office->tenant_id);
	const struct bus_config c = { .url = stack_value(l->office->stack, "NATS_URL"), .name = "ledger" };
	const struct bus_consumer ledger = { .durable = "ledger", .subjects = &subject, .n_subjects = 1, .handle = on_event, .arg = l };

	f->bus = bus_new(f->loop, &c);
	bus_consume(f->bus, &ledger);
}

/* Everything heard is acknowledged, so that it does not come again. */
static void stop_listening(struct rpc_client_fixture *f)
{
	assert_int_equal(bus_drain(f->bus), ST_OK);
}

/* ---- making ---- */

/* What the method declares to be its event happens to the resource. */
static void expect(struct ledger *l, const char *method, const char *id)
{
	const struct pb_method *m = pb_schema_method(l->schema, str_c(method));
	struct str verb;

	assert_non_null(m);
	assert_non_null(m->policy.event);
	verb = str_c(m->policy.event);
	struct str entity = str_cut(&verb, '.');
	put(&l->made, (struct entry){ str_dup(l->arena, entity), arena_strdup(l->arena, id), str_dup(l->arena, verb) });
}

static void expect_also(struct ledger *l, const char *entity, const char *id, const char *verb)
{
	put(&l->made, (struct entry){ entity, arena_strdup(l->arena, id), verb });
}

static struct str wire_of(struct rpc_client_fixture *f, const char *method, const char *json)
{
	const struct ledger *l = f->arg;
	struct pb_violations violations = { 0 };
	struct str wire;

	if (pb_json_to_wire(f->arena, l->schema, pb_schema_method(l->schema, str_c(method))->input, str_c(json), &wire, &violations) != ST_OK)
		fail_msg("%s: %s: %s in %s", method, violations.v[0].field, violations.v[0].description, json);
	return wire;
}

static void *call_json(struct rpc_client_fixture *f, const char *method, const ProtobufCMessageDescriptor *answer, const char *json)
{
	enum status s = rpc_client_ask_wire(f, method, wire_of(f, method, json));

	if (s != ST_OK)
		fail_msg("%s %s: %s: %s", method, json, status_name(s), f->answer.outcome.message);
	return rpc_client_answer(f, answer);
}

static void *call(struct rpc_client_fixture *f, const char *method, const ProtobufCMessageDescriptor *answer, const char *json, ...) PRINTF_LIKE(4, 5);
static void *call(struct rpc_client_fixture *f, const char *method, const ProtobufCMessageDescriptor *answer, const char *json, ...)
{
	va_list ap;

	va_start(ap, json);
	const char *text = arena_vprintf(f->arena, json, ap);
	va_end(ap);
	return call_json(f, method, answer, text);
}

/* A call that changes the resource that it answers with: the id. */
static const char *change(struct rpc_client_fixture *f, const char *method, const ProtobufCMessageDescriptor *resource, const char *json, ...) PRINTF_LIKE(4, 5);
static const char *change(struct rpc_client_fixture *f, const char *method, const ProtobufCMessageDescriptor *resource, const char *json, ...)
{
	va_list ap;

	va_start(ap, json);
	const char *id = pb_get_string(call_json(f, method, resource, arena_vprintf(f->arena, json, ap)), "id");
	va_end(ap);
	expect(f->arg, method, id);
	return id;
}

/* ---- comparing ---- */

static bool is_same_resource(const struct entry *a, const struct entry *b)
{
	return strcmp(a->id, b->id) == 0 && strcmp(a->entity, b->entity) == 0;
}

static const struct entry *find(const struct entries *e, const struct entry *wanted)
{
	for (size_t i = 0; i < e->n; i++) {
		if (is_same_resource(&e->list[i], wanted) && strcmp(e->list[i].verb, wanted->verb) == 0)
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
			assert_string_not_equal(e->list[i].event->event_id, e->list[k].event->event_id);
	}
}

/* A last change at each service comes after all others: when both are heard, nothing is still on the way. */
static void the_ledger_is_right(struct rpc_client_fixture *f)
{
	struct ledger *l = f->arg;

	(void)change(f, IDENTITY "CreateTeam", &crm__team__descriptor, "{\"team\": {\"displayName\": \"Last\"}}");
	(void)change(f, CONTACTS "CreateContact", &crm__contact__descriptor, "{\"contact\": {\"displayName\": \"Last\"}}");
	await(l, &l->made.list[l->made.n - 1]);
	await(l, &l->made.list[l->made.n - 2]);
	for (size_t i = 0; i < l->made.n; i++) {
		const struct entry *resource = &l->made.list[i];

		assert_string_equal(history(f->arena, &l->heard, resource), history(f->arena, &l->made, resource));
		check_order(&l->heard, resource);
	}
	assert_int_equal(l->heard.n, l->made.n); /* nothing that nobody did */
	check_ids(&l->heard);
}

/* ---- what an office does ---- */

/* Before anybody listened; the consumer begins at the beginning. */
static void the_office_was_opened(struct rpc_client_fixture *f)
{
	struct ledger *l = f->arg;
	const Crm__ListRolesResponse *roles = call(f, IDENTITY "ListRoles", &crm__list_roles_response__descriptor, "{}");
	const Crm__ListSessionsResponse *sessions = call(f, IDENTITY "ListSessions", &crm__list_sessions_response__descriptor, "{}");

	assert_int_equal(roles->n_roles, 3);
	assert_int_equal(sessions->n_sessions, 1);
	expect(l, IDENTITY "CreateTenant", l->office->tenant_id);
	expect(l, IDENTITY "CreateUser", l->office->admin_id);
	for (size_t i = 0; i < roles->n_roles; i++)
		expect(l, IDENTITY "CreateRole", roles->roles[i]->id);
	expect(l, IDENTITY "Authenticate", sessions->sessions[0]->id);
}

static void teams_and_roles_change(struct rpc_client_fixture *f)
{
	(void)change(f, IDENTITY "UpdateTenant", &crm__tenant__descriptor, "{\"tenant\": {\"displayName\": \"Ledger\"}}");
	const char *team = change(f, IDENTITY "CreateTeam", &crm__team__descriptor, "{\"team\": {\"displayName\": \"North\"}}");
	(void)change(f, IDENTITY "UpdateTeam", &crm__team__descriptor, "{\"team\": {\"id\": \"%s\", \"displayName\": \"South\"}}", team);
	(void)change(f, IDENTITY "DeleteTeam", &crm__team__descriptor, "{\"id\": \"%s\"}", team);
	const char *role = change(f, IDENTITY "CreateRole", &crm__role__descriptor, "{\"role\": {\"displayName\": \"Clerk\"}}");
	(void)change(f, IDENTITY "UpdateRole", &crm__role__descriptor,
		"{\"role\": {\"id\": \"%s\", \"grants\": [{\"permission\": \"contacts.*\", \"level\": \"LEVEL_OWN\"}]}}", role);
	(void)change(f, IDENTITY "DeleteRole", &crm__role__descriptor, "{\"id\": \"%s\"}", role);
}

static void eva_changes_her_password_and_signs_out(struct rpc_client_fixture *f, const char *eva, const char *email)
{
	struct ledger *l = f->arg;
	const Crm__AuthenticateResponse *first = sign_in(f, l->office->key, email), *second = sign_in(f, l->office->key, email);

	expect(l, IDENTITY "Authenticate", first->session->id);
	expect(l, IDENTITY "Authenticate", second->session->id);
	f->token = arena_printf(f->arena, "Bearer %s", second->access_token);
	(void)call(f, IDENTITY "ChangePassword", &crm__change_password_response__descriptor, "{\"oldPassword\": \"%s\", \"newPassword\": \"another horse another staple\"}",
		OFFICE_PASSWORD);
	expect(l, IDENTITY "ChangePassword", eva);
	expect(l, IDENTITY "RevokeSession", first->session->id); /* her other sessions end */
	(void)call(f, IDENTITY "RevokeSession", &crm__revoke_session_response__descriptor, "{}");
	expect(l, IDENTITY "RevokeSession", second->session->id);
	f->token = l->office->token;
}

static void users_come_and_go(struct rpc_client_fixture *f)
{
	static const char email[] = "eva@ledger.example.com";
	const char *eva = change(f, IDENTITY "CreateUser", &crm__user__descriptor, "{\"user\": {\"email\": \"%s\", \"displayName\": \"Eva\", \"password\": \"%s\"}}", email, OFFICE_PASSWORD);

	(void)change(f, IDENTITY "UpdateUser", &crm__user__descriptor, "{\"user\": {\"id\": \"%s\", \"displayName\": \"Eva Malá\"}}", eva);
	eva_changes_her_password_and_signs_out(f, eva, email);
	const char *key = change(f, IDENTITY "CreateApiKey", &crm__api_key__descriptor, "{\"apiKey\": {\"displayName\": \"scanner\", \"userId\": \"%s\"}}", eva);
	(void)change(f, IDENTITY "DeleteApiKey", &crm__api_key__descriptor, "{\"id\": \"%s\"}", key);
	(void)change(f, IDENTITY "DeleteUser", &crm__user__descriptor, "{\"id\": \"%s\"}", eva);
	(void)change(f, IDENTITY "UndeleteUser", &crm__user__descriptor, "{\"id\": \"%s\"}", eva);
}

static const char *contacts_change(struct rpc_client_fixture *f)
{
	const char *jana = change(f, CONTACTS "CreateContact", &crm__contact__descriptor, "{\"contact\": {\"displayName\": \"Jana\"}}");

	(void)change(f, CONTACTS "UpdateContact", &crm__contact__descriptor, "{\"contact\": {\"id\": \"%s\", \"displayName\": \"Jana Nová\"}}", jana);
	(void)change(f, CONTACTS "DeleteContact", &crm__contact__descriptor, "{\"id\": \"%s\"}", jana);
	(void)change(f, CONTACTS "UndeleteContact", &crm__contact__descriptor, "{\"id\": \"%s\"}", jana);
	return jana;
}

static void organizations_change(struct rpc_client_fixture *f, const char *jana)
{
	const char *mill = change(f, CONTACTS "CreateOrganization", &crm__organization__descriptor, "{\"organization\": {\"name\": \"Mlýn\"}}");

	(void)change(f, CONTACTS "UpdateOrganization", &crm__organization__descriptor, "{\"organization\": {\"id\": \"%s\", \"industry\": \"mills\"}}", mill);
	const char *link = change(f, CONTACTS "CreateAffiliation", &crm__affiliation__descriptor,
		"{\"affiliation\": {\"contactId\": \"%s\", \"organizationId\": \"%s\"}}", jana, mill);
	(void)change(f, CONTACTS "UpdateAffiliation", &crm__affiliation__descriptor, "{\"affiliation\": {\"id\": \"%s\", \"title\": \"mlynářka\"}}", link);
	(void)change(f, CONTACTS "DeleteAffiliation", &crm__affiliation__descriptor, "{\"id\": \"%s\"}", link);
	(void)change(f, CONTACTS "DeleteOrganization", &crm__organization__descriptor, "{\"id\": \"%s\"}", mill);
	(void)change(f, CONTACTS "UndeleteOrganization", &crm__organization__descriptor, "{\"id\": \"%s\"}", mill);
}

static void a_stranger_is_answered(struct rpc_client_fixture *f)
{
	struct ledger *l = f->arg;
	const Crm__Inquiry *inquiry = call(f, CONTACTS "SubmitInquiry", &crm__inquiry__descriptor,
		"{\"inquiry\": {\"channel\": \"web\", \"fromEmail\": \"stranger@example.com\"}}");

	expect(l, CONTACTS "SubmitInquiry", inquiry->id);
	expect(l, CONTACTS "CreateContact", inquiry->contact_id);
	(void)change(f, CONTACTS "LogInteraction", &crm__interaction__descriptor,
		"{\"interaction\": {\"contactId\": \"%s\", \"kind\": \"KIND_EMAIL\", \"direction\": \"DIRECTION_OUTBOUND\"}}", inquiry->contact_id);
	expect_also(l, "inquiry", inquiry->id, "answered");
}

/* A request for each id, of the same form. */
static const char *requests(struct arena *a, const char *before, size_t n, const char *const *ids, const char *after)
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
	const Crm__BatchCreateContactsResponse *created = call_json(f, CONTACTS "BatchCreateContacts", &crm__batch_create_contacts_response__descriptor,
		requests(f->arena, "{\"contact\": {\"displayName\": \"", BATCH, ids, "\"}}"));
	assert_int_equal(created->n_contacts, BATCH);
	for (size_t i = 0; i < BATCH; i++) {
		ids[i] = created->contacts[i]->id;
		expect(l, CONTACTS "BatchCreateContacts", ids[i]);
	}
	(void)call_json(f, CONTACTS "BatchUpdateContacts", &crm__batch_update_contacts_response__descriptor,
		requests(f->arena, "{\"contact\": {\"note\": \"one of many\", \"id\": \"", BATCH, ids, "\"}}"));
	(void)call_json(f, CONTACTS "BatchDeleteContacts", &crm__batch_delete_contacts_response__descriptor, requests(f->arena, "{\"id\": \"", BATCH, ids, "\"}"));
	for (size_t i = 0; i < BATCH; i++) {
		expect(l, CONTACTS "BatchUpdateContacts", ids[i]);
		expect(l, CONTACTS "BatchDeleteContacts", ids[i]);
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
	send_row(f, import, "{\"source\": \"old\", \"key\": \"1\", \"organization\": {\"name\": \"Pila\"}}");
	send_row(f, import, "{\"key\": \"2\", \"contact\": {\"displayName\": \"Petr\"}, \"organizationKey\": \"1\"}");
	send_row(f, import, "{\"key\": \"2\", \"contact\": {\"displayName\": \"Petr again\"}}");
	assert_int_equal(rpc_stream_half_close(import), ST_OK);
	assert_int_equal(rpc_stream_recv(import, &message), ST_OK);
	assert_non_null(message);
	assert_int_equal(pb_unpack(f->arena, &crm__import_contacts_response__descriptor, rpc_flat(f->arena, message), &r), ST_OK);
	rpc_bytes_unref(message);
	rpc_stream_close(import);
	assert_int_equal(r->created_count, 2);
	assert_int_equal(r->existing_count, 1);
	expect(f->arg, CONTACTS "CreateOrganization", r->verdicts[0]->id);
	expect(f->arg, CONTACTS "ImportContacts", r->verdicts[1]->id);
	const Crm__ListAffiliationsResponse *links = call(f, CONTACTS "ListAffiliations", &crm__list_affiliations_response__descriptor,
		"{\"filter\": \"contact_id = \\\"%s\\\"\"}", r->verdicts[1]->id);
	assert_int_equal(links->n_affiliations, 1);
	expect(f->arg, CONTACTS "CreateAffiliation", links->affiliations[0]->id);
}

/* Who did it, and what it was before and after. */
static void the_event_tells_what_changed(struct rpc_client_fixture *f, const char *contact_id)
{
	const struct ledger *l = f->arg;
	const struct entry *updated = find(&l->heard, &(struct entry){ "contact", contact_id, "updated" });
	Crm__Contact *before, *after;

	assert_non_null(updated);
	const Crm__Event *e = updated->event;
	assert_int_equal(pb_unpack(f->arena, &crm__contact__descriptor, str_n(e->before.data, e->before.len), &before), ST_OK);
	assert_int_equal(pb_unpack(f->arena, &crm__contact__descriptor, str_n(e->after.data, e->after.len), &after), ST_OK);
	assert_string_equal(before->display_name, "Jana");
	assert_string_equal(after->display_name, "Jana Nová");
	assert_string_equal(e->actor_id, l->office->admin_id);
	assert_string_equal(e->resource_type, "crm.contacts.v1.Contact");
}

/* ---- the stories ---- */

static void a_working_day(struct rpc_client_fixture *f)
{
	the_office_was_opened(f);
	listen_to_events(f);
	teams_and_roles_change(f);
	users_come_and_go(f);
	const char *jana = contacts_change(f);
	organizations_change(f, jana);
	a_stranger_is_answered(f);
	many_contacts_change_at_once(f);
	a_list_is_imported(f);
	the_ledger_is_right(f);
	the_event_tells_what_changed(f, jana);
	assert_int_equal(((const struct ledger *)f->arg)->repeated, 0);
	stop_listening(f);
}

/* What was acknowledged meanwhile is in the outbox alone when the service is killed too. */
static void a_day_without_bus(struct rpc_client_fixture *f)
{
	const struct ledger *l = f->arg;

	listen_to_events(f);
	const char *jana = contacts_change(f);
	stack_kill(l->office->stack, "nats");
	(void)change(f, CONTACTS "UpdateContact", &crm__contact__descriptor, "{\"contact\": {\"id\": \"%s\", \"note\": \"without bus\"}}", jana);
	(void)change(f, IDENTITY "CreateTeam", &crm__team__descriptor, "{\"team\": {\"displayName\": \"Made without bus\"}}");
	many_contacts_change_at_once(f);
	(void)change(f, CONTACTS "DeleteContact", &crm__contact__descriptor, "{\"id\": \"%s\"}", jana);
	stack_kill(l->office->stack, "contacts");
	stack_run(l->office->stack, "start nats");
	stack_run(l->office->stack, "start contacts");
	health_await_serving(f, "crm.contacts.v1.ContactsService");
	(void)change(f, CONTACTS "UndeleteContact", &crm__contact__descriptor, "{\"id\": \"%s\"}", jana);
	the_ledger_is_right(f);
	stop_listening(f);
}

static void unheard(struct rpc_client_fixture *f)
{
	(void)contacts_change(f);
	many_contacts_change_at_once(f);
}

static void heard_later(struct rpc_client_fixture *f)
{
	const struct ledger *l = f->arg;
	const size_t repeated = l->repeated;

	listen_to_events(f);
	the_ledger_is_right(f);
	assert_int_equal(l->repeated, repeated); /* it goes on where it was */
	stop_listening(f);
}

static void every_change_is_told_once_and_in_order(void **state)
{
	struct ledger *l = *state;

	office_run(l->office, a_working_day, l);
}

static void what_is_changed_while_the_bus_is_away_is_told_later(void **state)
{
	struct ledger *l = *state;

	office_run(l->office, a_day_without_bus, l);
}

static void a_consumer_that_was_away_goes_on_where_it_was(void **state)
{
	struct ledger *l = *state;

	office_run(l->office, unheard, l);
	office_run(l->office, heard_later, l);
}

/* ---- set-up ---- */

static int open_office(void **state)
{
	struct ledger *l = mem_zalloc(sizeof(*l));

	l->office = office_new("ledger");
	l->arena = arena_new();
	assert_int_equal(pb_schema_new(str_n(crm_all_pb, (size_t)(crm_all_pb_end - crm_all_pb)), &l->schema), ST_OK);
	*state = l;
	return 0;
}

static int close_office(void **state)
{
	struct ledger *l = *state;

	office_free(l->office);
	pb_schema_free(l->schema);
	arena_free(l->arena);
	mem_free(l);
	return 0;
}

/* Whatever a test before left behind. */
static int start_what_is_down(void **state)
{
	const struct ledger *l = *state;

	stack_run(l->office->stack, "up");
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
