/* See kit_fixture.h. */
#include "tests/support/kit_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "adapters/crypto/crypto.h"
#include "adapters/log/log.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "common/kit/sql.h"
#include "crm/events/v1/event.pb-c.h"
#include "kit/outbox.h"
#include "kit/write.h"
#include "tests/support/records/sql.h"

enum { WAIT_US = 20 * 1000 * 1000, POLL_US = 2000, VALUE_US = 40 * 1000 * 1000 };

extern const char crm_all_pb[], crm_all_pb_end[];

/* ---- resources ---- */

static enum status check_contact(struct call *call, const void *before, void *after)
{
	Crm__Contact *c = after;
	(void)before;
	if (strcmp(c->display_name, "bad") == 0)
		return call_fail(call, ST_INVALID_ARGUMENT, "contact.display_name", "is bad");
	if (!*c->display_name && c->name)
		c->display_name = c->name->family;
	return ST_OK;
}

static const struct filter_field contact_fields[] = {
	{ "id", "c.id", FILTER_UUID, true, false },
	{ "create_time", "c.create_time", FILTER_TIME, true, false },
	{ "display_name", "c.display_name", FILTER_FOLD, true, true },
	{ "name.given", "c.given", FILTER_TEXT, true, false },
	{ "name.family", "c.family", FILTER_TEXT, false, false },
	{ "emails.address", "c.email_address", FILTER_LIST, false, true },
	{ "owner_id", "c.owner_id", FILTER_UUID, false, false },
	{ "team_id", "c.team_id", FILTER_UUID, false, false },
	{ "revision", "c.revision", FILTER_INT, true, false },
	{ "birth_date", "c.birth_date", FILTER_DATE, false, false },
	{ "labels", "c.labels", FILTER_MAP, false, false },
	{ 0 },
};

static const struct constraint_message contact_constraints[] = {
	{ "contact_source_is_unique", "source", "is that of another contact", 0 },
	{ 0 },
};

const struct resource record_contact = {
	.name = "contact",
	.plural = "contacts",
	.type = &crm__contact__descriptor,
	.is_owned = true,
	.is_soft_deleted = true,
	.get = &sql_record_contact_get,
	.get_many = &sql_record_contact_get_many,
	.list = &sql_record_contact_list,
	.insert = &sql_record_contact_insert,
	.update = &sql_record_contact_update,
	.fields = contact_fields,
	.default_order = "create_time",
	.constraints = contact_constraints,
	.check = check_contact,
};

static const struct filter_field affiliation_fields[] = {
	{ "id", "a.id", FILTER_UUID, true, false },
	{ 0 },
};

const struct resource record_affiliation = {
	.name = "affiliation",
	.plural = "affiliations",
	.type = &crm__affiliation__descriptor,
	.get = &sql_record_affiliation_get,
	.get_many = &sql_record_affiliation_get_many,
	.list = &sql_record_affiliation_list,
	.insert = &sql_record_affiliation_insert,
	.update = &sql_record_affiliation_update,
	.remove = &sql_record_affiliation_remove,
	.fields = affiliation_fields,
	.default_order = "",
};

const struct resource record_user = {
	.name = "user",
	.plural = "users",
	.type = &crm__user__descriptor,
	.is_soft_deleted = true,
	.get = &sql_record_user_get,
	.insert = &sql_record_user_insert,
};

static const ProtobufCMessageDescriptor *const types[] = {
	&crm__contact__descriptor,
	&crm__list_contacts_request__descriptor,
	&crm__affiliation__descriptor,
	&crm__list_affiliations_request__descriptor,
	&crm__user__descriptor,
	&crm__outbox_row__descriptor,
	&crm__outbox_keys__descriptor,
	&crm__outbox_lock__descriptor,
	&crm__idempotency_row__descriptor,
	&crm__inbox_row__descriptor,
	&crm__row_key__descriptor,
	&crm__row_keys__descriptor,
	&crm__directory_user__descriptor,
	&crm__event__descriptor,
};
static const struct db_types all_types = { types, sizeof(types) / sizeof(types[0]) };

/* ---- life ---- */

static enum status migrate(struct arena *a, const char *url)
{
	const char *why = "";
	enum status st = db_migrate(a, url, kit_migrations, kit_n_migrations, &why);
	if (st == ST_OK)
		st = db_migrate(a, url, records_migrations, records_n_migrations, &why);
	if (st != ST_OK)
		print_error("migration: %s\n", why);
	return st;
}

int kit_group_setup(void **state)
{
	struct kit_fixture *f = mem_zalloc(sizeof(*f));
	_cleanup_(arena_freep) struct arena *a = arena_new();
	crypto_init();
	f->pg = postgres_new("records");
	*state = f;
	return migrate(a, postgres_url(f->pg)) == ST_OK ? 0 : -1;
}

int kit_group_setup_bus(void **state)
{
	int failed = kit_group_setup(state);
	struct kit_fixture *f = *state;
	f->nats = nats_server_new();
	return failed;
}

int kit_group_teardown(void **state)
{
	struct kit_fixture *f = *state;
	nats_server_free(f->nats);
	postgres_free(f->pg);
	mem_free(f);
	return 0;
}

static void free_schema(void *schema)
{
	pb_schema_free(schema);
}

static struct db *new_db(struct kit_fixture *f)
{
	static const struct db_statements *const sets[] = { &kit_statements, &records_statements };
	const struct db_config c = { .url = postgres_url(f->pg),
		.read_lanes = 1,
		.write_lanes = 2,
		.exclusive = 2,
		.in_flight = 256,
		.statement_timeout_ms = 10000 };
	return db_new(f->loop, &c, sets, 2, &all_types, &crm__call_scope__descriptor);
}

/* A new stream for each test: events of the last one are gone. */
static void start_bus(struct kit_fixture *f)
{
	nats_server_free(f->nats);
	f->nats = nats_server_new();
	const struct bus_config c = { .url = nats_server_url(f->nats), .name = "test" };
	f->service.bus = bus_new(f->loop, &c);
}

int kit_setup(void **state)
{
	struct kit_fixture *f = *state;
	struct pb_schema *schema;
	uint8_t key[32] = { 7 };
	if (!postgres_is_running(f->pg))
		postgres_start(f->pg);
	postgres_exec(f->pg,
		"TRUNCATE record_contact, record_affiliation, record_user, outbox, idempotency, inbox, inbox_revision, directory_user");
	f->arena = arena_new();
	f->loop = loop_new();
	f->def = (struct service_def){ .name = "contacts", .publishes = true };
	f->service = (struct service){
		.def = &f->def, .arena = arena_new(), .loop = f->loop, .metrics = metrics_new()
	};
	f->service.settings.database = postgres_url(f->pg);
	f->service.settings.statement_timeout_ms = 10000;
	f->service.page_key = secret_new(str_n(key, sizeof(key)));
	if (pb_schema_new(str_n(crm_all_pb, (size_t)(crm_all_pb_end - crm_all_pb)), &schema) !=
		ST_OK)
		return -1;
	f->service.schema = schema;
	arena_defer(f->service.arena, free_schema, schema);
	f->service.db = new_db(f);
	if (f->nats)
		start_bus(f);
	return 0;
}

int kit_teardown(void **state)
{
	struct kit_fixture *f = *state;
	if (loop_self())
		/* an assertion failed inside a fiber and left the loop by a jump: nothing here can
		 * be taken apart */
		return 0;
	outbox_free(f->service.outbox);
	bus_free(f->service.bus);
	db_free(f->service.db);
	loop_free(f->loop);
	metrics_free(f->service.metrics);
	secret_free((struct secret *)(uintptr_t)f->service.page_key);
	arena_free(f->service.arena);
	arena_free(f->arena);
	return 0;
}

struct body {
	struct kit_fixture *f;
	void (*fn)(struct kit_fixture *f);
};

static bool is_up(const struct kit_fixture *f)
{
	return db_is_up(f->service.db) && (!f->service.bus || bus_is_up(f->service.bus));
}

static void await_up(struct kit_fixture *f)
{
	int64_t end = clock_mono_us() + WAIT_US;
	while (!is_up(f) && clock_mono_us() < end && !db_broken(f->service.db))
		assert_int_equal(fiber_sleep_us(POLL_US), ST_OK);
	if (db_broken(f->service.db))
		print_error("%s\n", db_broken(f->service.db));
	assert_true(is_up(f));
}

static void run(void *arg)
{
	struct body *b = arg;
	await_up(b->f);
	if (b->f->service.bus && !b->f->service.outbox)
		b->f->service.outbox = outbox_new(&b->f->service);
	b->fn(b->f);
	fiber_set_deadline(fiber_self(), clock_mono_us() + WAIT_US);
	if (b->f->service.bus)
		/* as a service that ends does */
		assert_int_equal(bus_drain(b->f->service.bus), ST_OK);
	loop_stop(b->f->loop);
}

void kit_run(struct kit_fixture *f, void (*fn)(struct kit_fixture *f))
{
	struct body b = { f, fn };
	fiber_spawn(f->loop, run, &b);
	loop_run(f->loop);
	log_flush();
}

/* ---- calls ---- */

static const char *or_else(const char *given, const char *otherwise)
{
	return given ? given : otherwise;
}

static const Crm__CallScope *scope_of(struct arena *a, struct caller c)
{
	Crm__CallScope *s = pb_new(a, &crm__call_scope__descriptor);
	s->tenant_id = or_else(c.tenant, TENANT_A);
	s->user_id = or_else(c.user, USER_A);
	s->team_id = or_else(c.team, TEAM_A);
	s->sees_all = !c.sees_own_only && !c.sees_team;
	if (c.sees_team) {
		s->n_teams = 1;
		s->teams = arena_new_array(a, const char *, 1);
		s->teams[0] = c.sees_team;
	}
	s->now = call_timestamp(a, clock_now_us());
	return s;
}

static const struct pb_method *method_of(struct kit_fixture *f, const char *name)
{
	struct str rest = str_c(name);
	struct str service = str_cut(&rest, '/');
	bool is_identity = str_is(service, "identity");
	const char *path = arena_printf(f->arena,
		is_identity ? "/crm.identity.v1.IdentityService/%s"
			    : "/crm.contacts.v1.ContactsService/%s",
		rest.p);
	const struct pb_method *m = pb_schema_method(f->service.schema, str_c(path));
	assert_non_null(m);
	return m;
}

static const ProtobufCMessageDescriptor *output_of(const char *name)
{
	struct str rest = str_c(name);
	bool is_identity = str_is(str_cut(&rest, '/'), "identity");
	const ProtobufCServiceDescriptor *s = is_identity ? &crm__identity_service__descriptor
							  : &crm__contacts_service__descriptor;
	const ProtobufCMethodDescriptor *m =
		protobuf_c_service_descriptor_get_method_by_name(s, rest.p);
	assert_non_null(m);
	return m->output;
}

struct call *kit_new_call(struct kit_fixture *f, struct caller c, const char *method,
	const struct resource *r, const void *request)
{
	struct call *call = arena_zalloc(f->arena, sizeof(*call));
	*call = (struct call){
		.service = &f->service,
		.arena = f->arena,
		.method = method_of(f, method),
		.output = output_of(method),
		.resource = r,
		.request = request,
		.request_wire = pb_pack(f->arena, request),
		.scope = scope_of(f->arena, c),
		.request_id = or_else(c.request_id, ""),
		.correlation_id = "",
		.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		.address = "",
	};
	return call;
}

static enum status serve(struct call *call, enum status (*handler)(struct call *call))
{
	struct pb_violations v = { .n = 0 };
	bool is_replayed;
	if (pb_validate(call->arena, call->method->input, call->request_wire,
		    PB_VALIDATE_RULES | PB_VALIDATE_UPDATE, &v) != ST_OK)
		return call_fail_violations(call, &v, "");
	enum status st = handler(call);
	if (st == ST_OK || call->method->policy.read_only)
		return st;
	TRY(call_replay(call, &is_replayed));
	return is_replayed ? ST_OK : st;
}

struct answer kit_call(struct kit_fixture *f, struct caller c, const char *method,
	const struct resource *r, enum status (*handler)(struct call *call), const void *request)
{
	struct call *call = kit_new_call(f, c, method, r, request);
	enum status st = serve(call, handler);
	if (st == ST_OK)
		assert_true(call->has_reply);
	struct answer a = { .status = st, .wire = call->reply };
	call_error_take(call, &a.field, &a.message);
	return a;
}

void *kit_answer(struct kit_fixture *f, struct answer a, const ProtobufCMessageDescriptor *d)
{
	void *msg = NULL;
	if (a.status != ST_OK)
		print_error("%s: %s: %s\n", status_name(a.status), a.field, a.message);
	assert_int_equal(a.status, ST_OK);
	assert_int_equal(pb_unpack(f->arena, d, a.wire, &msg), ST_OK);
	return msg;
}

/* ---- builders ---- */

Crm__Contact *given_contact(struct kit_fixture *f, const char *display_name)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	Crm__CreateContactRequest q = CRM__CREATE_CONTACT_REQUEST__INIT;
	c.display_name = display_name;
	q.contact = &c;
	return kit_answer(f,
		kit_call(f, (struct caller){ 0 }, "contacts/CreateContact", &record_contact,
			resource_create, &q),
		&crm__contact__descriptor);
}

void given_user(struct kit_fixture *f, const char *user_id, const char *team_id)
{
	postgres_exec(f->pg,
		arena_printf(f->arena,
			"INSERT INTO directory_user (tenant_id, user_id, team_id, display_name, email, is_active, revision) VALUES ('" TENANT_A
			"', '%s', '%s', 'U', 'u@example.com', true, 1)",
			user_id, team_id));
}

const char *kit_value(struct kit_fixture *f, const char *sql)
{
	return postgres_value(f->pg, f->arena, sql);
}

void kit_await_value(struct kit_fixture *f, const char *sql, const char *value)
{
	const char *got = "";
	for (int64_t end = clock_mono_us() + VALUE_US; clock_mono_us() < end;) {
		got = kit_value(f, sql);
		if (strcmp(got, value) == 0)
			return;
		assert_int_equal(fiber_sleep_us(10000), ST_OK);
	}
	fail_msg("%s: %s instead of %s", sql, got, value);
}
