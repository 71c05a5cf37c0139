/* Idempotency, events and failures of writes on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/fiber.h"
#include "base/uuid.h"
#include "kit/write.h"
#include "tests/support/kit_fixture.h"
#include "tests/support/records/sql.h"

#define REQUEST "0190a000-0000-7000-8000-00000000f001"

static struct answer create(struct kit_fixture *f, struct caller c, const char *display_name)
{
	Crm__Contact *contact = pb_new(f->arena, &crm__contact__descriptor);
	Crm__CreateContactRequest *q = pb_new(f->arena, &crm__create_contact_request__descriptor);
	contact->display_name = display_name;
	q->contact = contact;
	q->request_id = c.request_id ? c.request_id : "";
	return kit_call(f, c, "contacts/CreateContact", &record_contact, resource_create, q);
}

static const char *counts(struct kit_fixture *f)
{
	return kit_value(f,
		"SELECT (SELECT count(*) FROM record_contact) || ' ' || (SELECT count(*) FROM outbox) || ' ' || (SELECT count(*) FROM idempotency)");
}

static void assert_same(struct str a, struct str b)
{
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.p, b.p, a.n);
}

IN_FIBER(a_repeat_gets_the_same_bytes_and_has_no_second_effect)
{
	struct caller c = { .request_id = REQUEST };
	struct answer first = create(f, c, "Jana");
	kit_answer(f, first, &crm__contact__descriptor);
	struct answer second = create(f, c, "Jana");
	assert_int_equal(second.status, ST_OK);
	assert_same(first.wire, second.wire);
	assert_string_equal(counts(f), "1 1 1");
}

IN_FIBER(the_same_id_and_body_for_another_method_is_refused)
{
	struct caller c = { .request_id = REQUEST };
	Crm__DeleteContactRequest q = CRM__DELETE_CONTACT_REQUEST__INIT;
	Crm__DeleteOrganizationRequest same = CRM__DELETE_ORGANIZATION_REQUEST__INIT;
	same.id = q.id = given_contact(f, "Jana")->id;
	same.request_id = q.request_id = REQUEST;
	kit_answer(f,
		kit_call(f, c, "contacts/DeleteContact", &record_contact, resource_delete, &q),
		&crm__contact__descriptor);
	struct answer other = kit_call(
		f, c, "contacts/DeleteOrganization", &record_contact, resource_delete, &same);
	assert_int_equal(other.status, ST_INVALID_ARGUMENT);
	assert_string_equal(other.field, "request_id");
}

IN_FIBER(the_same_id_with_another_body_is_refused)
{
	struct caller c = { .request_id = REQUEST };
	kit_answer(f, create(f, c, "Jana"), &crm__contact__descriptor);
	struct answer other = create(f, c, "Eva");
	assert_int_equal(other.status, ST_INVALID_ARGUMENT);
	assert_string_equal(other.field, "request_id");
	Crm__DeleteContactRequest q = CRM__DELETE_CONTACT_REQUEST__INIT;
	q.id = REQUEST;
	q.request_id = REQUEST;
	other = kit_call(f, c, "contacts/DeleteContact", &record_contact, resource_delete, &q);
	assert_int_equal(other.status, ST_INVALID_ARGUMENT);
	assert_string_equal(counts(f), "1 1 1");
}

IN_FIBER(the_same_id_of_another_user_or_tenant_is_another_request)
{
	kit_answer(f, create(f, (struct caller){ .request_id = REQUEST }, "Jana"),
		&crm__contact__descriptor);
	kit_answer(f, create(f, (struct caller){ .request_id = REQUEST, .user = USER_B }, "Jana"),
		&crm__contact__descriptor);
	kit_answer(f,
		create(f, (struct caller){ .request_id = REQUEST, .tenant = TENANT_B }, "Jana"),
		&crm__contact__descriptor);
	assert_string_equal(counts(f), "3 3 3");
}

struct attempt {
	struct kit_fixture *f;
	struct answer answer;
};

static void attempt(void *arg)
{
	struct attempt *a = arg;
	a->answer = create(a->f, (struct caller){ .request_id = REQUEST }, "Jana");
}

IN_FIBER(twenty_at_once_have_one_effect_and_one_answer)
{
	enum { N = 20 };
	struct attempt attempts[N];
	struct group g;
	group_init(&g);
	for (int i = 0; i < N; i++) {
		attempts[i] = (struct attempt){ .f = f };
		group_spawn(&g, attempt, &attempts[i]);
	}
	assert_int_equal(group_wait(&g), ST_OK);
	for (int i = 0; i < N; i++) {
		assert_int_equal(attempts[i].answer.status, ST_OK);
		assert_same(attempts[i].answer.wire, attempts[0].answer.wire);
	}
	assert_string_equal(counts(f), "1 1 1");
}

static struct answer delete (struct kit_fixture *f, const char *id)
{
	Crm__DeleteContactRequest q = CRM__DELETE_CONTACT_REQUEST__INIT;
	q.id = id;
	q.request_id = REQUEST;
	return kit_call(f, (struct caller){ .request_id = REQUEST }, "contacts/DeleteContact",
		&record_contact, resource_delete, &q);
}

IN_FIBER(a_repeated_delete_answers_as_the_first)
{
	const char *id = given_contact(f, "Jana")->id;
	struct answer first = delete (f, id), second = delete (f, id);
	assert_int_equal(first.status, ST_OK);
	assert_int_equal(second.status, ST_OK);
	assert_same(first.wire, second.wire);
}

static struct answer set_note(
	struct kit_fixture *f, const char *request_id, const char *id, const char *note)
{
	Crm__UpdateContactRequest q = CRM__UPDATE_CONTACT_REQUEST__INIT;
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = id;
	c.note = note;
	q.contact = &c;
	q.request_id = request_id;
	return kit_call(f, (struct caller){ .request_id = request_id }, "contacts/UpdateContact",
		&record_contact, resource_update, &q);
}

IN_FIBER(a_repeated_update_answers_as_the_first_though_others_wrote_since)
{
	const char *id = given_contact(f, "Jana")->id;
	struct answer first = set_note(f, REQUEST, id, "a");
	assert_int_equal(set_note(f, "", id, "b").status, ST_OK);
	struct answer second = set_note(f, REQUEST, id, "a");
	assert_int_equal(second.status, ST_OK);
	assert_same(first.wire, second.wire);
	assert_string_equal(kit_value(f, "SELECT note FROM record_contact"), "b");
	/* now the repeat would change nothing, and still must not answer what is there now */
	assert_int_equal(set_note(f, "", id, "a").status, ST_OK);
	struct answer third = set_note(f, REQUEST, id, "a");
	assert_same(first.wire, third.wire);
}

IN_FIBER(a_failed_request_may_be_tried_again_under_its_id)
{
	struct caller c = { .request_id = REQUEST };
	assert_int_equal(create(f, c, "bad").status, ST_INVALID_ARGUMENT);
	assert_string_equal(counts(f), "0 0 0");
	assert_int_equal(create(f, c, "good").status, ST_OK);
}

/* ---- the pieces, for handlers of their own ---- */

/* A batch with a new contact in it. */
static struct db_batch *new_contact_batch(
	struct call *call, Crm__Contact **ret, struct change *ret_change)
{
	Crm__Contact *c = pb_new(call->arena, &crm__contact__descriptor);
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	c->display_name = "Jana";
	assert_int_equal(resource_prepare_create(call, &record_contact, c, b, ret_change), ST_OK);
	*ret = c;
	return b;
}

static struct call *new_call(struct kit_fixture *f, const char *request_id)
{
	Crm__CreateContactRequest *q = pb_new(f->arena, &crm__create_contact_request__descriptor);
	return kit_new_call(f, (struct caller){ .request_id = request_id },
		"contacts/CreateContact", &record_contact, q);
}

IN_FIBER(a_resent_creation_that_was_stored_already_is_a_success)
{
	struct call *call = new_call(f, "");
	struct change change;
	Crm__Contact *c;
	struct db_batch *first = new_contact_batch(call, &c, &change);
	/* as if the answer had been lost */
	assert_int_equal(db_write(f->service.db, f->arena, first, NULL), ST_OK);
	struct db_batch *again = db_batch_new(f->service.db, f->arena);
	(void)db_batch_add(again, &sql_record_contact_insert,
		(struct db_args){ .input = c, .call = call->scope });
	assert_int_equal(call_write(call, again, &change, 1, c), ST_OK);
	assert_true(call->has_reply);
	again = db_batch_new(f->service.db, f->arena);
	(void)db_batch_add(again, &sql_record_contact_insert,
		(struct db_args){ .input = c, .call = call->scope });
	change.entity = "person"; /* the table need not be named like the resource */
	assert_int_equal(call_write(call, again, &change, 1, c), ST_OK);
	change.insert_at = 1; /* but another row's key is another matter */
	assert_int_equal(call_write(call, again, &change, 1, c), ST_ALREADY_EXISTS);
}

IN_FIBER(a_guard_that_fails_undoes_everything_and_says_so)
{
	struct call *call = new_call(f, "");
	struct change change;
	Crm__Contact *c;
	struct db_batch *b = new_contact_batch(call, &c, &change);
	Crm__Contact stale = CRM__CONTACT__INIT;
	stale.id = REQUEST;
	stale.revision = 5;
	stale.owner_id = USER_A;
	(void)db_batch_add(b, &sql_record_contact_update,
		(struct db_args){ .input = &stale, .call = call->scope });
	assert_int_equal(call_write(call, b, &change, 1, c), ST_ABORTED);
	assert_string_equal(counts(f), "0 0 0");
	assert_false(call->has_reply);
}

/* The exclusive connections come up after the lanes. */
static struct db_tx *begin(struct kit_fixture *f)
{
	struct db_tx *tx = NULL;
	for (int64_t end = clock_mono_us() + 10000000;
		db_begin(f->service.db, f->arena, &tx) != ST_OK && clock_mono_us() < end;)
		assert_int_equal(fiber_sleep_us(5000), ST_OK);
	assert_non_null(tx);
	return tx;
}

IN_FIBER(a_transaction_writes_the_same_rows)
{
	struct call *call = new_call(f, REQUEST);
	Crm__Contact *c = pb_new(f->arena, &crm__contact__descriptor);
	struct db_tx *tx;
	struct change change;
	struct db_batch *unused = db_batch_new(f->service.db, f->arena);
	c->display_name = "Jana";
	assert_int_equal(resource_prepare_create(call, &record_contact, c, unused, &change), ST_OK);
	tx = begin(f);
	assert_int_equal(db_tx_run(tx, &sql_record_contact_insert,
				 (struct db_args){ .input = c, .call = call->scope }, NULL, NULL),
		ST_OK);
	assert_int_equal(call_write_tx(call, tx, &change, 1, c), ST_OK);
	assert_string_equal(counts(f), "0 0 0");
	assert_int_equal(db_commit(tx, NULL), ST_OK);
	assert_string_equal(counts(f), "1 1 1");
	bool replayed = false;
	struct call *again = new_call(f, REQUEST);
	assert_int_equal(call_replay(again, &replayed), ST_OK);
	assert_true(replayed);
	assert_same(again->reply, call->reply);
}

IN_FIBER(an_event_is_taken_in_once_and_never_a_stale_one)
{
	struct call call = *new_call(f, "");
	call.method = NULL;
	call.inbox_consumer = "contacts_test";
	call.inbox_event_id = uuid_v7_text(f->arena);
	call.inbox_resource = "t.Thing/1";
	call.inbox_revision = 5;
	struct db_batch *b = db_batch_new(f->service.db, f->arena);
	assert_int_equal(call_write(&call, b, NULL, 0, NULL), ST_OK);
	b = db_batch_new(f->service.db, f->arena);
	assert_int_equal(call_write(&call, b, NULL, 0, NULL), ST_ALREADY_EXISTS);
	call.inbox_event_id = uuid_v7_text(f->arena);
	b = db_batch_new(f->service.db, f->arena);
	assert_int_equal(call_write(&call, b, NULL, 0, NULL), ST_ABORTED);
	call.inbox_revision = 6;
	b = db_batch_new(f->service.db, f->arena);
	assert_int_equal(call_write(&call, b, NULL, 0, NULL), ST_OK);
	assert_string_equal(
		kit_value(f,
			"SELECT count(*) || ' ' || (SELECT max(revision) FROM inbox_revision) FROM inbox"),
		"2 6");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_repeat_gets_the_same_bytes_and_has_no_second_effect),
		TEST(the_same_id_with_another_body_is_refused),
		TEST(the_same_id_and_body_for_another_method_is_refused),
		TEST(the_same_id_of_another_user_or_tenant_is_another_request),
		TEST(twenty_at_once_have_one_effect_and_one_answer),
		TEST(a_repeated_delete_answers_as_the_first),
		TEST(a_repeated_update_answers_as_the_first_though_others_wrote_since),
		TEST(a_failed_request_may_be_tried_again_under_its_id),
		TEST(a_resent_creation_that_was_stored_already_is_a_success),
		TEST(a_guard_that_fails_undoes_everything_and_says_so),
		TEST(a_transaction_writes_the_same_rows),
		TEST(an_event_is_taken_in_once_and_never_a_stale_one),
	};
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
