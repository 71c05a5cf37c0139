/*
 * Set-up shared by the tests of the db adapter.
 */
#include "tests/support/db_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/fiber.h"
#include "crm/contacts/v1/contact.pb-c.h"
#include "crm/identity/v1/team.pb-c.h"
#include "crm/test/v1/everything.pb-c.h"
#include "tests/support/sample/sql.h"

enum { WAIT_US = 20 * 1000 * 1000, POLL_US = 2000 };

static const ProtobufCMessageDescriptor *const types[] = {
	&crm__contact__descriptor,
	&crm__list_contacts_request__descriptor,
	&crm__update_contact_request__descriptor,
	&crm__row_key__descriptor,
	&crm__row_keys__descriptor,
	&crm__idempotency_row__descriptor,
	&crm__team__descriptor,
	&crm__everything__descriptor,
};
const struct db_types sample_types = { types, sizeof(types) / sizeof(types[0]) };

int db_fixture_group_setup(void **state)
{
	struct db_fixture *f = mem_zalloc(sizeof(*f));
	const char *why = "";
	f->pg = postgres_new("sample");
	struct arena *a = arena_new();
	enum status s =
		db_migrate(a, postgres_url(f->pg), sample_migrations, sample_n_migrations, &why);
	if (s != ST_OK)
		print_error("migration: %s\n", why);
	arena_free(a);
	*state = f;
	return s != ST_OK;
}

int db_fixture_group_teardown(void **state)
{
	struct db_fixture *f = *state;
	postgres_free(f->pg);
	mem_free(f);
	return 0;
}

static void on_error(const char *statement, const struct db_error *e, void *arg)
{
	struct db_fixture *f = arg;
	f->errors = arena_printf(
		f->a, "%s%s: %s: %s\n", f->errors, statement, status_name(e->status), e->message);
}

void db_fixture_configure(struct db_fixture *f, const struct db_config *c)
{
	static const struct db_statements *const sets[] = { &sample_statements };
	db_free(f->db);
	f->db = db_new(f->loop, c, sets, 1, &sample_types, &crm__call_scope__descriptor);
	db_on_error(f->db, on_error, f);
}

int db_fixture_setup(void **state)
{
	struct db_fixture *f = *state;
	if (!postgres_is_running(f->pg))
		postgres_start(f->pg);
	postgres_exec(f->pg, "TRUNCATE contact, account, everything, counter");
	f->a = arena_new();
	f->errors = "";
	f->loop = loop_new();
	f->db = NULL;
	db_fixture_configure(f, &(struct db_config){ .url = postgres_url(f->pg),
					.read_lanes = 2,
					.write_lanes = 2,
					.exclusive = 2,
					.in_flight = 64,
					.statement_timeout_ms = 5000 });
	crm__call_scope__init(&f->scope);
	f->scope.tenant_id = DB_TENANT;
	f->scope.user_id = DB_USER;
	f->scope.sees_all = true;
	f->now = (Google__Protobuf__Timestamp)GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	f->now.seconds = 1700000000;
	f->now.nanos = 123456000;
	f->scope.now = &f->now;
	return 0;
}

int db_fixture_teardown(void **state)
{
	struct db_fixture *f = *state;
	if (loop_self())
		return 0; /* an assertion failed inside a fiber and left the loop by a jump: nothing
			     here can be taken apart */
	arena_free(f->a);
	db_free(f->db);
	loop_free(f->loop);
	return 0;
}

void db_fixture_await(struct db_fixture *f, bool is_up)
{
	int64_t end = clock_mono_us() + WAIT_US;
	while (db_is_up(f->db) != is_up && clock_mono_us() < end && !db_broken(f->db))
		assert_int_equal(fiber_sleep_us(POLL_US), ST_OK);
	if (db_broken(f->db))
		print_error("%s\n", db_broken(f->db));
	assert_int_equal(db_is_up(f->db), is_up);
}

struct body {
	struct db_fixture *f;
	void (*fn)(struct db_fixture *f);
};

static void run(void *arg)
{
	struct body *b = arg;
	db_fixture_await(b->f, true);
	b->fn(b->f);
	loop_stop(b->f->loop);
}

void db_fixture_run(struct db_fixture *f, void (*fn)(struct db_fixture *f))
{
	struct body b = { f, fn };
	fiber_spawn(f->loop, run, &b);
	loop_run(f->loop);
}

struct db_args db_fixture_args(const struct db_fixture *f, const void *input)
{
	return (struct db_args){ .input = input, .call = &f->scope };
}

Crm__RowKey db_fixture_key(const char *id)
{
	Crm__RowKey k = CRM__ROW_KEY__INIT;

	k.id = id;
	return k;
}
