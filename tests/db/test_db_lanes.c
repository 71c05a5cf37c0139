/* Lanes: batches, errors in company, transactions, bounds, giving up, streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/fiber.h"
#include "crm/contacts/v1/contact.pb-c.h"
#include "crm/identity/v1/team.pb-c.h"
#include "tests/support/db_fixture.h"
#include "tests/support/sample/sql.h"

#define ID  "0190a000-0000-7000-8000-000000000001"
#define ID2 "0190a000-0000-7000-8000-000000000002"

static size_t add_contact(
	struct db_fixture *f, struct db_batch *b, const char *id, const char *display_name)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = id;
	c.display_name = display_name;
	return db_batch_add(
		/* c dies here: its values were bound */
		b, &sql_contact_insert, db_fixture_args(f, &c));
}

static enum status get(struct db_fixture *f, const char *id)
{
	Crm__RowKey k = db_fixture_key(id);
	return db_read(f->db, f->a, &sql_contact_get, db_fixture_args(f, &k), NULL);
}

static enum status parse(struct db_fixture *f, const char *text, int64_t *ret)
{
	Crm__IdempotencyRow row = CRM__IDEMPOTENCY_ROW__INIT;
	struct db_rows *rows;
	row.method = text;
	enum status s = db_read(f->db, f->a, &sql_parse_number, db_fixture_args(f, &row), &rows);
	if (s == ST_OK)
		*ret = db_int(rows, 0, "n");
	return s;
}

static enum status nap(struct db_fixture *f, const char *seconds)
{
	Crm__IdempotencyRow row = CRM__IDEMPOTENCY_ROW__INIT;
	row.method = seconds;
	return db_read(f->db, f->a, &sql_nap, db_fixture_args(f, &row), NULL);
}

/* ---- side by side ---- */

struct child {
	struct db_fixture *f;
	const char *text;
	int64_t n;
	enum status status;
	enum status (*fn)(struct db_fixture *f, const char *text);
};

static void run_parse(void *arg)
{
	struct child *c = arg;
	c->status = parse(c->f, c->text, &c->n);
}

static void run_fn(void *arg)
{
	struct child *c = arg;
	c->status = c->fn(c->f, c->text);
}

static void an_error_does_not_spoil_its_neighbours(struct db_fixture *f)
{
	enum { N = 60 };
	struct child children[N];
	for (int round = 0; round < 20; round++) {
		struct group g;
		group_init(&g);
		for (int i = 0; i < N; i++) {
			children[i] = (struct child){ .f = f,
				.text = i % 7 == round % 7 ? "not a number"
							   : arena_printf(f->a, "%d", i) };
			group_spawn(&g, run_parse, &children[i]);
		}
		assert_int_equal(group_wait(&g), ST_OK);
		for (int i = 0; i < N; i++) {
			assert_int_equal(children[i].status,
				i % 7 == round % 7 ? ST_INVALID_ARGUMENT : ST_OK);
			if (children[i].status == ST_OK)
				assert_int_equal(children[i].n, i);
		}
	}
}

static void a_full_lane_says_so(struct db_fixture *f)
{
	enum { N = 140 }; /* two lanes of 64 */
	struct child children[N];
	size_t refused = 0;
	struct group g;
	group_init(&g);
	for (int i = 0; i < N; i++) {
		children[i] = (struct child){ .f = f, .text = "0.002", .fn = nap };
		group_spawn(&g, run_fn, &children[i]);
	}
	assert_int_equal(group_wait(&g), ST_OK);
	for (int i = 0; i < N; i++) {
		assert_true(
			children[i].status == ST_OK || children[i].status == ST_RESOURCE_EXHAUSTED);
		refused += children[i].status == ST_RESOURCE_EXHAUSTED;
	}
	assert_int_equal(refused, N - 128);
	assert_int_equal(nap(f, "0"), ST_OK);
}

/* ---- writes ---- */

static void a_batch_is_all_or_nothing(struct db_fixture *f)
{
	struct db_batch *b = db_batch_new(f->db, f->a);
	struct db_error e = { 0 };
	add_contact(f, b, ID, "good");
	add_contact(f, b, ID2, "bad"); /* a check constraint */
	add_contact(f, b, ID2, "good");
	assert_int_equal(db_batch_count(b), 3);
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_INVALID_ARGUMENT);
	assert_int_equal(e.status, ST_INVALID_ARGUMENT);
	assert_string_equal(e.constraint, "contact_display_name_not_bad");
	assert_int_equal(e.statement, 1);
	assert_int_equal(get(f, ID), ST_NOT_FOUND);
	db_batch_truncate(b, 1);
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_OK);
	assert_int_equal(get(f, ID), ST_OK);
	assert_int_equal(get(f, ID2), ST_NOT_FOUND);
}

static void a_second_of_the_same_exists_already(struct db_fixture *f)
{
	struct db_batch *b = db_batch_new(f->db, f->a);
	struct db_error e = { 0 };
	add_contact(f, b, ID, "a");
	assert_int_equal(db_write(f->db, f->a, b, NULL), ST_OK);
	b = db_batch_new(f->db, f->a);
	add_contact(f, b, ID, "b");
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_ALREADY_EXISTS);
	assert_string_equal(e.constraint, "contact_pkey");
	assert_null(strstr(e.message, ID)); /* no data in what goes to the log */
}

static void a_must_that_finds_nothing_undoes_the_batch(struct db_fixture *f)
{
	struct db_batch *b = db_batch_new(f->db, f->a);
	struct db_error e = { 0 };
	Crm__RowKey k = db_fixture_key(ID2);
	add_contact(f, b, ID, "a");
	db_batch_add(b, &sql_contact_touch, db_fixture_args(f, &k));
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_ABORTED);
	assert_string_equal(e.constraint, "contact_touch");
	assert_int_equal(e.statement, 1);
	assert_int_equal(get(f, ID), ST_NOT_FOUND);

	b = db_batch_new(f->db, f->a);
	k.id = ID;
	size_t first = add_contact(f, b, ID, "a"),
	       second = db_batch_add(b, &sql_contact_touch, db_fixture_args(f, &k));
	size_t third = db_batch_add(b, &sql_contact_delete, db_fixture_args(f, &k));
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_OK);
	assert_int_equal(db_affected(db_batch_rows(b, first)), 1);
	assert_int_equal(db_affected(db_batch_rows(b, second)), 1);
	assert_int_equal(db_count(db_batch_rows(b, second)), 0);
	assert_int_equal(db_affected(db_batch_rows(b, third)), 1);
}

static void a_one_that_changes_nothing_undoes_the_batch(struct db_fixture *f)
{
	Crm__UpdateContactRequest u = CRM__UPDATE_CONTACT_REQUEST__INIT;
	Crm__Contact c = CRM__CONTACT__INIT;
	struct db_error e = { 0 };
	c.id = ID2;
	u.contact = &c;
	struct db_batch *b = db_batch_new(f->db, f->a);
	add_contact(f, b, ID, "a");
	db_batch_add(b, &sql_contact_update, db_fixture_args(f, &u));
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_NOT_FOUND);
	assert_string_equal(e.constraint, "contact_update");
	assert_int_equal(get(f, ID), ST_NOT_FOUND);
}

static void what_is_checked_at_commit_fails_the_batch(struct db_fixture *f)
{
	Crm__Team t = CRM__TEAM__INIT;
	struct db_error e = { 0 };
	t.id = ID;
	t.parent_id = ID2; /* is not there, which a deferred foreign key notices */
	struct db_batch *b = db_batch_new(f->db, f->a);
	db_batch_add(b, &sql_account_insert, db_fixture_args(f, &t));
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_FAILED_PRECONDITION);
	assert_string_equal(e.constraint, "account_parent_exists");
	assert_string_equal(postgres_value(f->pg, f->a, "SELECT count(*) FROM account"), "0");
	assert_int_equal(get(f, ID), ST_NOT_FOUND);
	b = db_batch_new(f->db, f->a); /* the lane is fine */
	add_contact(f, b, ID, "a");
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_OK);
}

static void a_value_that_cannot_be_bound_fails_the_batch(struct db_fixture *f)
{
	struct db_batch *b = db_batch_new(f->db, f->a);
	struct db_error e = { 0 };
	add_contact(f, b, ID, "a");
	add_contact(f, b, "not an id", "b");
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_INVALID_ARGUMENT);
	assert_int_equal(e.statement, 1);
	assert_int_equal(get(f, ID), ST_NOT_FOUND);
	db_batch_truncate(b, 1);
	assert_int_equal(db_write(f->db, f->a, b, &e), ST_OK);
}

static enum status write_contact(struct db_fixture *f, const char *id)
{
	struct db_batch *b = db_batch_new(f->db, f->a);
	add_contact(f, b, id, "x");
	return db_write(f->db, f->a, b, NULL);
}

static void many_writes_at_once_all_arrive(struct db_fixture *f)
{
	enum { N = 100 };
	struct child children[N];
	struct group g;
	group_init(&g);
	for (int i = 0; i < N; i++) { /* every fifth is written twice */
		children[i] = (struct child){ .f = f,
			.fn = write_contact,
			.text = arena_printf(
				f->a, "0190a000-0000-7000-8000-%012d", i % 5 == 4 ? i - 1 : i) };
		group_spawn(&g, run_fn, &children[i]);
	}
	assert_int_equal(group_wait(&g), ST_OK);
	int ok = 0, twice = 0;
	for (int i = 0; i < N; i++) {
		ok += children[i].status == ST_OK;
		twice += children[i].status == ST_ALREADY_EXISTS;
	}
	assert_int_equal(ok, 80);
	assert_int_equal(twice, 20);
	assert_string_equal(postgres_value(f->pg, f->a, "SELECT count(*) FROM contact"), "80");
}

/* ---- giving up ---- */

static void a_call_that_gives_up_leaves_the_lane_usable(struct db_fixture *f)
{
	fiber_set_deadline(fiber_self(), clock_mono_us() + 20000);
	assert_int_equal(nap(f, "0.2"), ST_DEADLINE_EXCEEDED);
	fiber_set_deadline(fiber_self(), CLOCK_NEVER);
	int64_t n = 0;
	for (int i = 0; i < 10; i++)
		assert_int_equal(parse(f, "3", &n), ST_OK);
	assert_int_equal(n, 3);
}

static void run_cancelled(void *arg)
{
	struct child *c = arg;
	struct arena *a = arena_new();
	Crm__IdempotencyRow row = CRM__IDEMPOTENCY_ROW__INIT;
	row.method = arena_strdup(a, "0.05");
	c->status = db_read(c->f->db, a, &sql_nap, db_fixture_args(c->f, &row), NULL);
	arena_free(a); /* its memory is gone when the answer comes */
}

static void answers_to_those_who_left_are_dropped(struct db_fixture *f)
{
	struct child c = { .f = f };
	struct fiber *child = fiber_spawn(f->loop, run_cancelled, &c);
	fiber_yield();
	fiber_cancel(child);
	assert_int_equal(fiber_sleep_us(100000), ST_OK);
	assert_int_equal(c.status, ST_CANCELLED);
	int64_t n;
	assert_int_equal(parse(f, "3", &n), ST_OK);
}

static void write_after_cancel(void *arg)
{
	struct child *c = arg;
	struct db_tx *tx;
	Crm__RowKey k = db_fixture_key(ID);
	struct arena *a = arena_new();
	assert_int_equal(db_begin(c->f->db, a, &tx), ST_OK);
	assert_int_equal(
		db_tx_run(tx, &sql_counter_add, db_fixture_args(c->f, &k), NULL, NULL), ST_OK);
	fiber_cancel(fiber_self());
	c->status = write_contact(c->f, ID);
	assert_int_equal(get(c->f, ID), ST_CANCELLED);
	assert_int_equal(db_commit(tx, NULL), ST_CANCELLED);
	arena_free(a);
}

static void nothing_is_sent_for_a_cancelled_call(struct db_fixture *f)
{
	struct child c = { .f = f };
	struct group g;
	for (int i = 0; i < 3; i++) { /* each gives its connection back */
		group_init(&g);
		group_spawn(&g, write_after_cancel, &c);
		assert_int_equal(group_wait(&g), ST_OK);
		assert_int_equal(c.status, ST_CANCELLED);
	}
	assert_int_equal(fiber_sleep_us(20000), ST_OK);
	assert_int_equal(get(f, ID), ST_NOT_FOUND);
	assert_string_equal(postgres_value(f->pg, f->a, "SELECT count(*) FROM counter"), "0");
}

static void a_statement_that_takes_too_long_is_ended(struct db_fixture *f)
{
	assert_int_equal(nap(f, "60"), ST_DEADLINE_EXCEEDED); /* the fixture's statement timeout */
}

/* ---- transactions ---- */

static int64_t counter(struct db_fixture *f)
{
	Crm__RowKey k = db_fixture_key(ID);
	struct db_rows *rows;
	enum status s = db_read(f->db, f->a, &sql_counter_get, db_fixture_args(f, &k), &rows);
	return s == ST_OK ? db_int(rows, 0, "n") : 0;
}

static void a_transaction_commits_or_rolls_back(struct db_fixture *f)
{
	Crm__RowKey k = db_fixture_key(ID);
	struct db_tx *tx;
	struct db_rows *rows;
	assert_int_equal(db_begin(f->db, f->a, &tx), ST_OK);
	assert_int_equal(
		db_tx_run(tx, &sql_counter_lock, db_fixture_args(f, &k), NULL, NULL), ST_NOT_FOUND);
	assert_int_equal(
		db_tx_run(tx, &sql_counter_add, db_fixture_args(f, &k), &rows, NULL), ST_OK);
	assert_int_equal(db_int(rows, 0, "n"), 1);
	assert_int_equal(counter(f), 0);
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	assert_int_equal(counter(f), 1);

	struct arena *call = arena_new();
	assert_int_equal(db_begin(f->db, call, &tx), ST_OK);
	assert_int_equal(
		db_tx_run(tx, &sql_counter_add, db_fixture_args(f, &k), NULL, NULL), ST_OK);
	arena_free(call); /* forgotten: rolled back */
	assert_int_equal(db_begin(f->db, f->a, &tx), ST_OK);
	assert_int_equal(db_tx_run(tx, &sql_counter_lock, db_fixture_args(f, &k), &rows, NULL),
		ST_OK); /* the lock is free */
	assert_int_equal(db_int(rows, 0, "n"), 1);
	db_rollback(tx);
	struct db_error e = { 0 };
	assert_int_equal(
		db_tx_run(tx, &sql_counter_add, db_fixture_args(f, &k), NULL, &e), ST_ABORTED);
	assert_int_equal(db_commit(tx, &e), ST_ABORTED);
	assert_int_equal(counter(f), 1);
}

static void a_failed_statement_fails_its_transaction(struct db_fixture *f)
{
	struct db_tx *tx;
	struct db_error e = { 0 };
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = ID;
	for (int i = 0; i < 5; i++) { /* more often than there are connections: each goes back */
		assert_int_equal(db_begin(f->db, f->a, &tx), ST_OK);
		c.display_name = "good";
		assert_int_equal(
			db_tx_run(tx, &sql_contact_insert, db_fixture_args(f, &c), NULL, &e),
			ST_OK);
		c.display_name = "bad";
		assert_int_equal(
			db_tx_run(tx, &sql_contact_insert, db_fixture_args(f, &c), NULL, &e),
			ST_INVALID_ARGUMENT);
		assert_string_equal(e.constraint, "contact_display_name_not_bad");
		assert_int_equal(db_commit(tx, &e), ST_INVALID_ARGUMENT);
	}
	assert_int_equal(get(f, ID), ST_NOT_FOUND);
}

static void commit_tells_of_what_is_checked_then(struct db_fixture *f)
{
	Crm__Team t = CRM__TEAM__INIT;
	struct db_error e = { 0 };
	struct db_tx *tx;
	t.id = ID;
	t.parent_id = ID2;
	assert_int_equal(db_begin(f->db, f->a, &tx), ST_OK);
	assert_int_equal(
		db_tx_run(tx, &sql_account_insert, db_fixture_args(f, &t), NULL, &e), ST_OK);
	assert_int_equal(db_commit(tx, &e), ST_FAILED_PRECONDITION);
	assert_string_equal(e.constraint, "account_parent_exists");
}

static void increment(void *arg)
{
	struct child *c = arg;
	struct db_tx *tx;
	Crm__RowKey k = db_fixture_key(ID);
	struct arena *a = arena_new();
	c->status = db_begin(c->f->db, a, &tx);
	if (c->status == ST_OK)
		c->status = db_tx_run(tx, &sql_counter_add, db_fixture_args(c->f, &k), NULL, NULL);
	if (c->status == ST_OK)
		c->status = db_commit(tx, NULL);
	arena_free(a);
}

static void transactions_queue_for_connections(struct db_fixture *f)
{
	enum { N = 20 };
	struct child children[N];
	struct group g;
	group_init(&g);
	for (int i = 0; i < N; i++) {
		children[i] = (struct child){ .f = f };
		group_spawn(&g, increment, &children[i]);
	}
	assert_int_equal(group_wait(&g), ST_OK);
	for (int i = 0; i < N; i++)
		assert_int_equal(children[i].status, ST_OK);
	assert_int_equal(counter(f), N);
}

static void giving_up_cancels_the_statement_in_the_server(struct db_fixture *f)
{
	Crm__RowKey k = db_fixture_key(ID);
	struct db_tx *holder, *waiter;
	struct db_batch *b = db_batch_new(f->db, f->a);
	db_batch_add(b, &sql_counter_add, db_fixture_args(f, &k));
	assert_int_equal(db_write(f->db, f->a, b, NULL), ST_OK);
	assert_int_equal(db_begin(f->db, f->a, &holder), ST_OK);
	assert_int_equal(
		db_tx_run(holder, &sql_counter_lock, db_fixture_args(f, &k), NULL, NULL), ST_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(db_begin(f->db, f->a, &waiter), ST_OK);
		fiber_set_deadline(fiber_self(), clock_mono_us() + 30000);
		assert_int_equal(
			db_tx_run(waiter, &sql_counter_lock, db_fixture_args(f, &k), NULL, NULL),
			ST_DEADLINE_EXCEEDED);
		fiber_set_deadline(fiber_self(), CLOCK_NEVER);
	}
	int64_t end = clock_mono_us() + 3000000;
	const char *waiting = "";
	do { /* long before the statement timeout */
		assert_int_equal(fiber_sleep_us(5000), ST_OK);
		waiting = postgres_value(f->pg, f->a,
			"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
	} while (strcmp(waiting, "0") != 0 && clock_mono_us() < end);
	assert_string_equal(waiting, "0");
	assert_int_equal(db_commit(holder, NULL), ST_OK);
}

/* ---- streams ---- */

struct seen {
	struct db_fixture *f;
	size_t rows, portions, stop_after;
	const char *last;
};

static enum status take(struct db_rows *portion, void *arg)
{
	struct seen *s = arg;
	s->portions++;
	for (size_t i = 0; i < db_count(portion); i++) {
		const char *id = db_text(portion, i, "id");
		assert_true(strcmp(id, s->last) > 0); /* in order, none twice */
		s->last = arena_strdup(s->f->a, id);
		s->rows++;
	}
	assert_int_equal(fiber_sleep_us(1000), ST_OK); /* a slow reader */
	assert_int_equal(
		db_read(s->f->db, s->f->a, &sql_nap_slow, db_fixture_args(s->f, NULL), NULL),
		ST_OK); /* the lane serves others meanwhile */
	return s->portions == s->stop_after ? ST_CANCELLED : ST_OK;
}

static void given_contacts(struct db_fixture *f, int n)
{
	postgres_exec(f->pg,
		arena_printf(f->a,
			"INSERT INTO contact (tenant_id, id, display_name) SELECT '" DB_TENANT
			"', ('0190a000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, i "
			"FROM generate_series(1, %d) i",
			n));
}

static void a_stream_brings_every_row_once(struct db_fixture *f)
{
	static const int sizes[] = { 0, 1, 499, 500, 501, 1000, 1234 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct seen s = { .f = f, .last = "" };
		postgres_exec(f->pg, "TRUNCATE contact");
		given_contacts(f, sizes[i]);
		assert_int_equal(db_stream(f->db, f->a, &sql_contact_all, db_fixture_args(f, NULL),
					 NULL, take, &s),
			ST_OK);
		assert_int_equal(s.rows, sizes[i]);
	}
}

static void a_stream_can_be_filtered_and_left(struct db_fixture *f)
{
	given_contacts(f, 1500);
	struct seen s = { .f = f, .last = "", .stop_after = 2 };
	const char *values[] = { "1" };
	Crm__ListContactsRequest r = CRM__LIST_CONTACTS_REQUEST__INIT;
	struct db_page_args page = { .filter = arena_printf(f->a, "c.revision = $%zu",
					     db_first_param(&sql_contact_list)),
		.order = "c.id",
		.limit = 1000000,
		.n_values = 1,
		.values = values };
	assert_int_equal(
		db_stream(f->db, f->a, &sql_contact_list, db_fixture_args(f, &r), &page, take, &s),
		ST_CANCELLED);
	assert_int_equal(s.rows, 1000);
	values[0] = "2";
	s = (struct seen){ .f = f, .last = "" };
	assert_int_equal(
		db_stream(f->db, f->a, &sql_contact_list, db_fixture_args(f, &r), &page, take, &s),
		ST_OK);
	assert_int_equal(s.rows, 0);
	values[0] = "x";
	assert_int_equal(
		db_stream(f->db, f->a, &sql_contact_list, db_fixture_args(f, &r), &page, take, &s),
		ST_INVALID_ARGUMENT);
	s = (struct seen){ .f = f, .last = "" };
	assert_int_equal(
		db_stream(f->db, f->a, &sql_contact_all, db_fixture_args(f, NULL), NULL, take, &s),
		ST_OK);
	assert_int_equal(s.rows, 1500);
}

#define IT(body)                                                                                   \
	static void test_##body(void **state)                                                      \
	{                                                                                          \
		db_fixture_run(*state, body);                                                      \
	}
IT(an_error_does_not_spoil_its_neighbours)
IT(a_full_lane_says_so)
IT(a_batch_is_all_or_nothing)
IT(a_second_of_the_same_exists_already)
IT(a_must_that_finds_nothing_undoes_the_batch)
IT(a_one_that_changes_nothing_undoes_the_batch)
IT(what_is_checked_at_commit_fails_the_batch)
IT(a_value_that_cannot_be_bound_fails_the_batch)
IT(many_writes_at_once_all_arrive)
IT(a_call_that_gives_up_leaves_the_lane_usable)
IT(answers_to_those_who_left_are_dropped)
IT(nothing_is_sent_for_a_cancelled_call)
IT(a_statement_that_takes_too_long_is_ended)
IT(a_transaction_commits_or_rolls_back)
IT(a_failed_statement_fails_its_transaction)
IT(commit_tells_of_what_is_checked_then)
IT(transactions_queue_for_connections)
IT(giving_up_cancels_the_statement_in_the_server)
IT(a_stream_brings_every_row_once)
IT(a_stream_can_be_filtered_and_left)

#define TEST(body)                                                                                 \
	{                                                                                          \
#body, test_##body, db_fixture_setup, db_fixture_teardown, NULL                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_error_does_not_spoil_its_neighbours),
		TEST(a_full_lane_says_so),
		TEST(a_batch_is_all_or_nothing),
		TEST(a_second_of_the_same_exists_already),
		TEST(a_must_that_finds_nothing_undoes_the_batch),
		TEST(a_one_that_changes_nothing_undoes_the_batch),
		TEST(what_is_checked_at_commit_fails_the_batch),
		TEST(a_value_that_cannot_be_bound_fails_the_batch),
		TEST(many_writes_at_once_all_arrive),
		TEST(a_call_that_gives_up_leaves_the_lane_usable),
		TEST(answers_to_those_who_left_are_dropped),
		TEST(nothing_is_sent_for_a_cancelled_call),
		TEST(a_statement_that_takes_too_long_is_ended),
		TEST(a_transaction_commits_or_rolls_back),
		TEST(a_failed_statement_fails_its_transaction),
		TEST(commit_tells_of_what_is_checked_then),
		TEST(transactions_queue_for_connections),
		TEST(giving_up_cancels_the_statement_in_the_server),
		TEST(a_stream_brings_every_row_once),
		TEST(a_stream_can_be_filtered_and_left),
	};
	return cmocka_run_group_tests(tests, db_fixture_group_setup, db_fixture_group_teardown);
}
