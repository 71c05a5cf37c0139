/* Faults: broken connections, a killed server, a changed schema, statements that do not fit,
 * migrations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/fiber.h"
#include "base/uuid.h"
#include "crm/contacts/v1/contact.pb-c.h"
#include "tests/support/db_fixture.h"
#include "tests/support/sample/sql.h"

#define ID "0190a000-0000-7000-8000-000000000001"

static enum status nap(struct db_fixture *f, const char *seconds)
{
	Crm__IdempotencyRow row = CRM__IDEMPOTENCY_ROW__INIT;
	row.method = seconds;
	return db_read(f->db, f->a, &sql_nap, db_fixture_args(f, &row), NULL);
}

static enum status add(struct db_fixture *f, struct arena *a, const char *id, bool is_idempotent)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	struct db_batch *b = db_batch_new(f->db, a);
	c.id = id;
	db_batch_add(b, &sql_contact_insert, db_fixture_args(f, &c));
	if (is_idempotent)
		db_batch_idempotent(b);
	return db_write(f->db, a, b, NULL);
}

static void terminate_backends(struct db_fixture *f, const char *which)
{
	postgres_admin(f->pg, arena_printf(f->a,
				      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
				      "WHERE usename = 'sample' AND %s",
				      which));
}

/* ---- reads and writes whose connection breaks ---- */

struct child {
	struct db_fixture *f;
	const char *text;
	enum status status;
	bool is_idempotent;
};

static void run_nap(void *arg)
{
	struct child *c = arg;
	c->status = nap(c->f, c->text);
}

static void a_read_survives_the_loss_of_its_connection(struct db_fixture *f)
{
	struct child children[3];
	struct group g;
	group_init(&g);
	for (size_t i = 0; i < 3; i++) {
		children[i] = (struct child){ .f = f, .text = "0.1" };
		group_spawn(&g, run_nap, &children[i]);
	}
	assert_int_equal(fiber_sleep_us(30000), ST_OK);
	terminate_backends(f, "query LIKE '%pg_sleep%' AND state = 'active'");
	assert_int_equal(group_wait(&g), ST_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(children[i].status, ST_OK);
}

static void run_add(void *arg)
{
	struct child *c = arg;
	struct arena *a = arena_new();
	c->status = add(c->f, a, c->text, c->is_idempotent);
	arena_free(a);
}

/* Writes while the table is locked, and breaks the connection meanwhile. */
static enum status write_and_break(struct db_fixture *f, bool is_idempotent)
{
	struct child c = { .f = f, .text = ID, .is_idempotent = is_idempotent };
	struct db_tx *tx;
	struct group g;
	Crm__RowKey k = db_fixture_key(ID);
	struct db_batch *b = db_batch_new(f->db, f->a);
	db_batch_add(b, &sql_contact_delete, db_fixture_args(f, &k));
	assert_int_equal(db_write(f->db, f->a, b, NULL), ST_OK);
	assert_int_equal(db_begin(f->db, f->a, &tx), ST_OK);
	Crm__Contact same = CRM__CONTACT__INIT;
	same.id = ID;
	assert_int_equal(db_tx_run(tx, &sql_contact_insert, db_fixture_args(f, &same), NULL, NULL),
		ST_OK); /* the other insert waits for this one's end */
	group_init(&g);
	group_spawn(&g, run_add, &c);
	assert_int_equal(fiber_sleep_us(50000), ST_OK);
	terminate_backends(f, "wait_event_type = 'Lock'");
	assert_int_equal(fiber_sleep_us(20000), ST_OK);
	db_rollback(tx);
	assert_int_equal(group_wait(&g), ST_OK);
	return c.status;
}

static void a_write_without_key_has_an_unknown_outcome(struct db_fixture *f)
{
	assert_int_equal(write_and_break(f, false), ST_UNKNOWN);
	assert_string_equal(postgres_value(f->pg, f->a, "SELECT count(*) FROM contact"), "0");
	assert_non_null(strstr(f->errors, "contact_insert: UNKNOWN"));
}

static void an_idempotent_write_is_sent_again(struct db_fixture *f)
{
	assert_int_equal(write_and_break(f, true), ST_OK);
	assert_string_equal(postgres_value(f->pg, f->a, "SELECT count(*) FROM contact"), "1");
}

static void a_transaction_whose_connection_broke_says_so(struct db_fixture *f)
{
	Crm__RowKey k = db_fixture_key(ID);
	struct db_tx *tx;
	assert_int_equal(db_begin(f->db, f->a, &tx), ST_OK);
	assert_int_equal(
		db_tx_run(tx, &sql_counter_add, db_fixture_args(f, &k), NULL, NULL), ST_OK);
	terminate_backends(f, "state = 'idle in transaction'");
	assert_int_equal(fiber_sleep_us(50000), ST_OK);
	assert_int_equal(db_tx_run(tx, &sql_counter_add, db_fixture_args(f, &k), NULL, NULL),
		ST_UNAVAILABLE);
	assert_int_equal(db_commit(tx, NULL), ST_UNAVAILABLE);
	for (int i = 0; i < 6; i++) { /* the pool is whole again */
		assert_int_equal(db_begin(f->db, f->a, &tx), ST_OK);
		assert_int_equal(
			db_tx_run(tx, &sql_counter_add, db_fixture_args(f, &k), NULL, NULL), ST_OK);
		assert_int_equal(db_commit(tx, NULL), ST_OK);
	}
	assert_string_equal(postgres_value(f->pg, f->a, "SELECT n FROM counter"), "6");
}

/* ---- the server goes and comes ---- */

static void on_change(bool up, void *arg)
{
	int *changes = arg;
	*changes = *changes * 10 + (up ? 2 : 1);
}

static void the_database_may_go_and_come_back(struct db_fixture *f)
{
	int changes = 0;
	db_on_change(f->db, on_change, &changes);
	postgres_kill(f->pg);
	db_fixture_await(f, false);
	assert_int_equal(nap(f, "0"), ST_UNAVAILABLE);
	assert_int_equal(add(f, f->a, ID, true), ST_UNAVAILABLE);
	struct db_tx *tx;
	enum status begun = ST_OK;
	for (int i = 0; i < 1000 && begun == ST_OK; i++) { /* each connection notices by itself */
		begun = db_begin(f->db, f->a, &tx);
		if (begun == ST_OK)
			db_rollback(tx);
		assert_int_equal(fiber_sleep_us(1000), ST_OK);
	}
	assert_int_equal(begun, ST_UNAVAILABLE);
	assert_null(db_broken(f->db));
	postgres_start(f->pg);
	db_fixture_await(f, true);
	assert_int_equal(changes, 12);
	assert_int_equal(nap(f, "0"), ST_OK);
	assert_int_equal(add(f, f->a, ID, false), ST_OK);
}

struct load {
	struct db_fixture *f;
	bool is_over;
	size_t acknowledged, unknown, unavailable, other;
	const char *ids[20000];
};

static void write_until_over(void *arg)
{
	struct load *l = arg;
	while (!l->is_over && l->acknowledged < sizeof(l->ids) / sizeof(l->ids[0]) - 64) {
		struct arena *a = arena_new();
		char *id = uuid_v7_text(l->f->a);
		enum status s = add(l->f, a, id, false);
		arena_free(a);
		if (s == ST_OK)
			l->ids[l->acknowledged++] = id;
		l->unknown += s == ST_UNKNOWN;
		l->unavailable += s == ST_UNAVAILABLE;
		l->other += s != ST_OK && s != ST_UNKNOWN && s != ST_UNAVAILABLE;
		if (s == ST_UNAVAILABLE && fiber_sleep_us(2000) != ST_OK)
			break;
	}
}

static void what_was_acknowledged_outlives_kill_9(struct db_fixture *f)
{
	enum { WRITERS = 16, KILLS = 3 };
	struct load *l = arena_zalloc(f->a, sizeof(*l));
	struct group g;
	l->f = f;
	group_init(&g);
	for (int i = 0; i < WRITERS; i++)
		group_spawn(&g, write_until_over, l);
	for (int i = 0; i < KILLS; i++) {
		size_t before = l->acknowledged;
		for (int64_t end = clock_mono_us() + 10000000;
			l->acknowledged < before + 200 && clock_mono_us() < end;)
			assert_int_equal(fiber_sleep_us(1000), ST_OK);
		postgres_kill(f->pg);
		db_fixture_await(f, false);
		postgres_start(f->pg);
		db_fixture_await(f, true);
	}
	l->is_over = true;
	assert_int_equal(group_wait(&g), ST_OK);
	assert_true(l->acknowledged >= 600);
	assert_true(l->unknown > 0 || l->unavailable > 0);
	assert_int_equal(l->other, 0);
	for (size_t i = 0; i < l->acknowledged; i++) {
		Crm__RowKey k = db_fixture_key(l->ids[i]);
		assert_int_equal(
			db_read(f->db, f->a, &sql_contact_get, db_fixture_args(f, &k), NULL),
			ST_OK);
	}
	size_t rows = (size_t)strtoul(
		postgres_value(f->pg, f->a, "SELECT count(*) FROM contact"), NULL, 10);
	assert_true(rows >= l->acknowledged && rows <= l->acknowledged + l->unknown);
}

static void wait_for_start(void *arg)
{
	struct db_fixture *f = arg;
	assert_int_equal(fiber_sleep_us(100000), ST_OK);
	assert_false(db_is_up(f->db));
	assert_int_equal(nap(f, "0"), ST_UNAVAILABLE);
	postgres_start(f->pg);
	db_fixture_await(f, true);
	assert_int_equal(nap(f, "0"), ST_OK);
	loop_stop(f->loop);
}

static void test_the_database_may_be_away_at_start(void **state)
{
	struct db_fixture *f = *state;
	postgres_stop(f->pg);
	db_fixture_configure(f, &(struct db_config){ .url = postgres_url(f->pg) });
	fiber_spawn(f->loop, wait_for_start, f);
	loop_run(f->loop);
}

/* A server that is frozen, not gone: TCP says nothing. */
static void a_server_that_says_nothing_does_not_hold_calls(struct db_fixture *f)
{
	postgres_freeze(f->pg);
	fiber_set_deadline(fiber_self(), clock_mono_us() + 50000);
	assert_int_equal(nap(f, "0"), ST_DEADLINE_EXCEEDED);
	fiber_set_deadline(fiber_self(), CLOCK_NEVER);
	postgres_thaw(f->pg);
	assert_int_equal(nap(f, "0"), ST_OK);
}

/* ---- the schema changes below ---- */

static void a_changed_result_type_is_prepared_anew(struct db_fixture *f)
{
	Crm__RowKey k = db_fixture_key(ID);
	struct db_rows *rows;
	struct db_batch *b = db_batch_new(f->db, f->a);
	db_batch_add(b, &sql_counter_add, db_fixture_args(f, &k));
	assert_int_equal(db_write(f->db, f->a, b, NULL), ST_OK);
	for (int i = 0; i < 3; i++) {
		for (int n = 0; n < 4; n++) {
			assert_int_equal(db_read(f->db, f->a, &sql_counter_get,
						 db_fixture_args(f, &k), &rows),
				ST_OK);
			assert_int_equal(db_int(rows, 0, "n"), 1 + i);
		}
		postgres_exec(f->pg, i % 2 ? "ALTER TABLE counter ALTER n TYPE bigint"
					   : "ALTER TABLE counter ALTER n TYPE int");
		b = db_batch_new(f->db, f->a);
		size_t at = db_batch_add(b, &sql_counter_add, db_fixture_args(f, &k));
		assert_int_equal(db_write(f->db, f->a, b, NULL), ST_OK);
		assert_int_equal(db_int(db_batch_rows(b, at), 0, "n"), 2 + i);
	}
	postgres_exec(f->pg, "ALTER TABLE counter ALTER n TYPE bigint");
	assert_string_equal(f->errors, "");
}

static void a_forgotten_preparation_is_made_again(struct db_fixture *f)
{
	for (int i = 0; i < 4; i++)
		assert_int_equal(nap(f, "0"), ST_OK);
	terminate_backends(f, "true");
	for (int i = 0; i < 20; i++) {
		assert_int_equal(fiber_sleep_us(10000), ST_OK);
		enum status s = nap(f, "0");
		assert_true(s == ST_OK || s == ST_UNAVAILABLE);
	}
	db_fixture_await(f, true);
	assert_int_equal(nap(f, "0"), ST_OK);
}

/* ---- what does not fit ---- */

static const char *verify(struct db_fixture *f, struct db_statement s)
{
	const struct db_statement *const list[] = { &s };
	const struct db_statements set = { list, 1 };
	const struct db_statements *const sets[] = { &set };
	const char *why = "";
	s.name = "it";
	s.file = "x.sql";
	s.line = 7;
	enum status status = db_verify(f->a, postgres_url(f->pg), sets, 1, &sample_types,
		&crm__call_scope__descriptor, &why);
	return status == ST_OK ? "fits" : why;
}

static void test_statements_that_do_not_fit_are_named(void **state)
{
	struct db_fixture *f = *state;
	const char *const id[] = { "id" };
	const char *const nothing[] = { "nothing" };
	const char *const deep[] = { "id.deep" };
	const char *const labels[] = { "emails.address" };
	const char *const scope[] = { "call.teams" };
	static const struct {
		const char *sql, *input, *output, *says;
		int params;
	} cases[] = {
		{ "SELECT id FROM contact WHERE id = $1", "RowKey", "Contact", "fits", 1 },
		{ "SELECT id FROM contact WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: parameter :nothing names no field of RowKey", 2 },
		{ "SELECT id FROM contact WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: parameter :id.deep goes on below a field that is no message",
			3 },
		{ "SELECT id FROM contact WHERE id = $1", "NoSuchType", "Contact",
			"x.sql:7: it: NoSuchType is not among the service's types", 1 },
		{ "SELECT id FROM nowhere WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: relation \"nowhere\" does not exist", 1 },
		{ "SELECT id FROM contact WHERE revision = $1", "RowKey", "Contact",
			"x.sql:7: it: parameter :id does not fit the SQL type int8", 1 },
		{ "SELECT id FROM contact WHERE email_type = $1", "RowKey", "Contact",
			"x.sql:7: it: parameter :id is one value, but the SQL type is text[]", 1 },
		{ "SELECT id FROM contact WHERE note = $1", "Contact", "Contact",
			"x.sql:7: it: parameter :emails.address is repeated, but the SQL type is "
			"text",
			4 },
		{ "SELECT id FROM contact WHERE id = ANY($1)", "Contact", "Contact", "fits", 5 },
		{ "SELECT id AS who FROM contact WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: column \"who\" (uuid): Contact has no field who", 1 },
		{ "SELECT note AS create_time FROM contact WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: column \"create_time\" (text): the types do not fit", 1 },
		{ "SELECT id, note AS id FROM contact WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: column \"id\" (text): another column feeds the same field",
			1 },
		{ "SELECT note AS \"emails.address\" FROM contact WHERE id = $1", "RowKey",
			"Contact",
			"x.sql:7: it: column \"emails.address\" (text): a field of a repeated "
			"message is fed by an array with one value per element",
			1 },
		{ "SELECT email_type AS note FROM contact WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: column \"note\" (text[]): an array needs a repeated field",
			1 },
		{ "SELECT note AS \"note.deep\" FROM contact WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: column \"note.deep\" (text): the path goes on below a field "
			"that is no message",
			1 },
		{ "SELECT point(1, 2) AS id FROM contact WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: column \"id\" is of a type that is not supported (OID 600): "
			"cast it",
			1 },
		{ "DELETE FROM contact WHERE id = $1", "RowKey", "Contact",
			"x.sql:7: it: returns no columns", 1 },
		{ "SELEC id", "RowKey", "Contact", "x.sql:7: it: syntax error at or near \"SELEC\"",
			0 },
	};
	const char *const *const params[] = { NULL, id, nothing, deep, labels, scope };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct db_statement s = { .kind = DB_ONE,
			.sql = cases[i].sql,
			.input = cases[i].input,
			.output = cases[i].output,
			.params = params[cases[i].params],
			.n_params = cases[i].params != 0 };
		assert_string_equal(verify(f, s), cases[i].says);
	}
}

static void wait_until_broken(void *arg)
{
	struct db_fixture *f = arg;
	for (int i = 0; i < 2000 && !db_broken(f->db); i++)
		assert_int_equal(fiber_sleep_us(2000), ST_OK);
	assert_non_null(db_broken(f->db));
	assert_non_null(strstr(db_broken(f->db), "contact_get"));
	assert_false(db_is_up(f->db));
	assert_int_equal(nap(f, "0"), ST_UNAVAILABLE);
	loop_stop(f->loop);
}

static void test_a_schema_that_does_not_fit_is_told(void **state)
{
	struct db_fixture *f = *state;
	postgres_exec(f->pg, "ALTER TABLE contact RENAME middle TO between");
	db_fixture_configure(f, &(struct db_config){ .url = postgres_url(f->pg) });
	fiber_spawn(f->loop, wait_until_broken, f);
	loop_run(f->loop);
	postgres_exec(f->pg, "ALTER TABLE contact RENAME between TO middle");
}

/* ---- migrations ---- */

static enum status migrate(struct db_fixture *f, const char *url, const struct db_migration *list,
	size_t n, const char **ret_why)
{
	*ret_why = "";
	return db_migrate(f->a, url, list, n, ret_why);
}

static void test_migrations_are_applied_once_and_in_order(void **state)
{
	struct db_fixture *f = *state;
	const char *url = postgres_database(f->pg, "moves"), *why;
	struct db_migration list[] = {
		{ "moves/0001_a", "CREATE TABLE a (n int); INSERT INTO a VALUES (1);" },
		{ "moves/0002_b", "UPDATE a SET n = n + 1;" },
		{ "moves/0003_c", "UPDATE a SET n = n * 10; SELECT nonsense FROM a;" },
	};
	assert_int_equal(migrate(f, url, list, 2, &why), ST_OK);
	assert_int_equal(migrate(f, url, list, 2, &why), ST_OK);
	assert_int_equal(migrate(f, url, list, 3, &why), ST_FAILED_PRECONDITION);
	assert_non_null(strstr(why, "moves/0003_c"));
	assert_non_null(strstr(why, "nonsense"));
	list[2].sql = "UPDATE a SET n = n * 10;";
	assert_int_equal(migrate(f, url, list, 3, &why), ST_OK);
	assert_int_equal(migrate(f, url, list, 1, &why), ST_OK); /* an older binary */
	const struct db_migration check = { "moves/0004_d",
		"DO $$ BEGIN ASSERT (SELECT n FROM a) = 20; END $$" };
	assert_int_equal(migrate(f, url, &check, 1, &why), ST_OK);
	list[0].sql = "CREATE TABLE a (n int);";
	assert_int_equal(migrate(f, url, list, 3, &why), ST_FAILED_PRECONDITION);
	assert_non_null(strstr(why, "applied with another text"));
	postgres_stop(f->pg);
	assert_int_equal(migrate(f, url, list, 3, &why), ST_UNAVAILABLE);
}

#define IT(body)                                                                                   \
	static void test_##body(void **state)                                                      \
	{                                                                                          \
		db_fixture_run(*state, body);                                                      \
	}
IT(a_read_survives_the_loss_of_its_connection)
IT(a_write_without_key_has_an_unknown_outcome)
IT(an_idempotent_write_is_sent_again)
IT(a_transaction_whose_connection_broke_says_so)
IT(the_database_may_go_and_come_back)
IT(what_was_acknowledged_outlives_kill_9)
IT(a_server_that_says_nothing_does_not_hold_calls)
IT(a_changed_result_type_is_prepared_anew)
IT(a_forgotten_preparation_is_made_again)

#define TEST(body)                                                                                 \
	{                                                                                          \
#body, test_##body, db_fixture_setup, db_fixture_teardown, NULL                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_read_survives_the_loss_of_its_connection),
		TEST(a_write_without_key_has_an_unknown_outcome),
		TEST(an_idempotent_write_is_sent_again),
		TEST(a_transaction_whose_connection_broke_says_so),
		TEST(the_database_may_go_and_come_back),
		TEST(what_was_acknowledged_outlives_kill_9),
		TEST(the_database_may_be_away_at_start),
		TEST(a_server_that_says_nothing_does_not_hold_calls),
		TEST(a_changed_result_type_is_prepared_anew),
		TEST(a_forgotten_preparation_is_made_again),
		TEST(statements_that_do_not_fit_are_named),
		TEST(a_schema_that_does_not_fit_is_told),
		TEST(migrations_are_applied_once_and_in_order),
	};
	return cmocka_run_group_tests(tests, db_fixture_group_setup, db_fixture_group_teardown);
}
