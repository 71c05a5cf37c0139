/* The standard and batch methods on a real PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/uuid.h"
#include "crm/events/v1/event.pb-c.h"
#include "tests/support/kit_fixture.h"

#define UNKNOWN "0190a000-0000-7000-8000-00000000dead"

static const struct caller anyone = { 0 };

/* ---- the calls ---- */

static struct answer create(struct kit_fixture *f, struct caller c, Crm__Contact *contact)
{
	Crm__CreateContactRequest q = CRM__CREATE_CONTACT_REQUEST__INIT;
	q.contact = contact;
	q.request_id = c.request_id ? c.request_id : "";
	return kit_call(f, c, "contacts/CreateContact", &record_contact, resource_create, &q);
}

static struct answer update(
	struct kit_fixture *f, struct caller c, Crm__Contact *contact, const char *path)
{
	Crm__UpdateContactRequest q = CRM__UPDATE_CONTACT_REQUEST__INIT;
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	mask.n_paths = 1;
	mask.paths = &path;
	q.contact = contact;
	q.update_mask = path ? &mask : NULL;
	q.request_id = c.request_id ? c.request_id : "";
	return kit_call(f, c, "contacts/UpdateContact", &record_contact, resource_update, &q);
}

static struct answer get(struct kit_fixture *f, struct caller c, const char *id)
{
	Crm__GetContactRequest q = CRM__GET_CONTACT_REQUEST__INIT;
	q.id = id;
	return kit_call(f, c, "contacts/GetContact", &record_contact, resource_get, &q);
}

static struct answer delete (
	struct kit_fixture *f, struct caller c, const char *id, const char *etag)
{
	Crm__DeleteContactRequest q = CRM__DELETE_CONTACT_REQUEST__INIT;
	q.id = id;
	q.etag = etag;
	q.request_id = c.request_id ? c.request_id : "";
	return kit_call(f, c, "contacts/DeleteContact", &record_contact, resource_delete, &q);
}

static struct answer undelete(struct kit_fixture *f, struct caller c, const char *id)
{
	Crm__UndeleteContactRequest q = CRM__UNDELETE_CONTACT_REQUEST__INIT;
	q.id = id;
	return kit_call(f, c, "contacts/UndeleteContact", &record_contact, resource_undelete, &q);
}

static Crm__Contact *contact_of(struct kit_fixture *f, struct answer a)
{
	return kit_answer(f, a, &crm__contact__descriptor);
}

static void assert_failed(struct answer a, enum status status, const char *field)
{
	if (a.status != status)
		print_error("%s: %s: %s\n", status_name(a.status), a.field, a.message);
	assert_int_equal(a.status, status);
	assert_string_equal(a.field, field);
	assert_string_not_equal(a.message, "");
}

/* The newest event. */
static Crm__Event *last_event(struct kit_fixture *f)
{
	const char *hex =
		kit_value(f, "SELECT encode(payload, 'hex') FROM outbox ORDER BY seq DESC LIMIT 1");
	struct buf b = buf_new(f->arena, 0);
	for (const char *p = hex; p[0] && p[1]; p += 2) {
		static const char DIGITS[] = "0123456789abcdef";
		buf_put_c(&b, (char)((strchr(DIGITS, p[0]) - DIGITS) << 4 |
				      (strchr(DIGITS, p[1]) - DIGITS)));
	}
	Crm__Event *e;
	assert_int_equal(pb_unpack(f->arena, &crm__event__descriptor, buf_str(&b), &e), ST_OK);
	return e;
}

static Crm__Contact *part(struct kit_fixture *f, ProtobufCBinaryData b)
{
	Crm__Contact *c;
	assert_int_equal(
		pb_unpack(f->arena, &crm__contact__descriptor, str_n(b.data, b.len), &c), ST_OK);
	return c;
}

/* ---- create and get ---- */

IN_FIBER(creating_fills_in_what_the_server_sets)
{
	Crm__PersonName name = CRM__PERSON_NAME__INIT;
	Crm__EmailAddress email = CRM__EMAIL_ADDRESS__INIT, *emails[] = { &email };
	Crm__Contact c = CRM__CONTACT__INIT;
	Google__Protobuf__Timestamp wrong = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	name.family = "Nováková";
	email.address = "jana@example.com";
	c.name = &name;
	c.n_emails = 1;
	c.emails = emails;
	c.id = UNKNOWN;
	c.etag = "99";
	c.revision = 99;
	c.creator_id = USER_B;
	c.create_time = c.delete_time = &wrong;
	int64_t before = clock_now_us();
	Crm__Contact *got = contact_of(f, create(f, anyone, &c));
	assert_string_not_equal(got->id, UNKNOWN);
	assert_string_equal(got->etag, "1");
	assert_int_equal(got->revision, 1);
	assert_string_equal(got->creator_id, USER_A);
	assert_string_equal(got->owner_id, USER_A);
	assert_string_equal(got->team_id, TEAM_A);
	assert_string_equal(got->display_name, "Nováková");
	assert_null(got->delete_time);
	assert_in_range(timestamp_us(got->create_time), before, clock_now_us());
	assert_int_equal(timestamp_us(got->update_time), timestamp_us(got->create_time));
	Crm__Contact *read = contact_of(f, get(f, anyone, got->id));
	assert_true(pb_equal(read, got));
}

IN_FIBER(creating_tells_an_event_with_the_whole_resource)
{
	Crm__Contact *c = given_contact(f, "Jana");
	Crm__Event *e = last_event(f);
	assert_string_equal(kit_value(f, "SELECT subject FROM outbox"),
		arena_printf(f->arena, "crm." TENANT_A ".contacts.contact.%s.created", c->id));
	assert_string_equal(kit_value(f, "SELECT id FROM outbox"), e->event_id);
	assert_string_equal(e->tenant_id, TENANT_A);
	assert_string_equal(e->resource_type, "crm.contacts.v1.Contact");
	assert_string_equal(e->resource_id, c->id);
	assert_string_equal(e->verb, "created");
	assert_string_equal(e->actor_id, USER_A);
	assert_string_equal(
		e->traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	assert_int_equal(e->revision, 1);
	assert_int_equal(e->before.len, 0);
	assert_true(pb_equal(part(f, e->after), c));
}

IN_FIBER(a_failed_check_or_rule_names_the_field_and_stores_nothing)
{
	Crm__Contact bad = CRM__CONTACT__INIT;
	Crm__EmailAddress email = CRM__EMAIL_ADDRESS__INIT, *emails[] = { &email };
	bad.display_name = "bad";
	assert_failed(create(f, anyone, &bad), ST_INVALID_ARGUMENT, "contact.display_name");
	bad.display_name = "good";
	email.address = "no address";
	bad.emails = emails;
	bad.n_emails = 1;
	assert_failed(create(f, anyone, &bad), ST_INVALID_ARGUMENT, "contact.emails[0].address");
	assert_string_equal(kit_value(f, "SELECT count(*) FROM record_contact"), "0");
	assert_string_equal(kit_value(f, "SELECT count(*) FROM outbox"), "0");
}

IN_FIBER(a_constraint_becomes_a_field_error)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	c.display_name = "A";
	c.source = "fair";
	contact_of(f, create(f, anyone, &c));
	struct answer a = create(f, anyone, &c);
	assert_failed(a, ST_ALREADY_EXISTS, "contact.source");
	assert_string_equal(a.message, "is that of another contact");
}

IN_FIBER(what_one_may_not_see_is_not_found)
{
	Crm__Contact *c = given_contact(f, "Jana");
	assert_failed(get(f, anyone, UNKNOWN), ST_NOT_FOUND, "id");
	assert_failed(get(f, (struct caller){ .tenant = TENANT_B }, c->id), ST_NOT_FOUND, "id");
	assert_failed(get(f, (struct caller){ .user = USER_B, .sees_own_only = true }, c->id),
		ST_NOT_FOUND, "id");
	assert_failed(get(f, (struct caller){ .user = USER_B, .sees_team = TEAM_B }, c->id),
		ST_NOT_FOUND, "id");
	contact_of(f, get(f, (struct caller){ .sees_own_only = true }, c->id));
	contact_of(f, get(f, (struct caller){ .user = USER_B, .sees_team = TEAM_A }, c->id));
	Crm__Contact changed = CRM__CONTACT__INIT;
	changed.id = c->id;
	changed.note = "x";
	assert_failed(update(f, (struct caller){ .tenant = TENANT_B }, &changed, NULL),
		ST_NOT_FOUND, "contact.id");
	assert_failed(
		delete (f, (struct caller){ .tenant = TENANT_B }, c->id, ""), ST_NOT_FOUND, "id");
}

/* ---- owner and team ---- */

IN_FIBER(an_owner_must_be_a_known_user_and_brings_the_team)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	c.display_name = "A";
	c.owner_id = USER_B;
	assert_failed(create(f, anyone, &c), ST_INVALID_ARGUMENT, "contact.owner_id");
	given_user(f, USER_B, TEAM_B);
	Crm__Contact *got = contact_of(f, create(f, anyone, &c));
	assert_string_equal(got->owner_id, USER_B);
	assert_string_equal(got->team_id, TEAM_B);
	c.owner_id = "0190A000-0000-7000-8000-0000000000B1";
	assert_string_equal(contact_of(f, create(f, anyone, &c))->owner_id, USER_B);
}

IN_FIBER(records_are_given_only_within_ones_reach)
{
	struct caller own = { .sees_own_only = true }, team = { .sees_team = TEAM_B };
	Crm__Contact c = CRM__CONTACT__INIT;
	given_user(f, USER_B, TEAM_B);
	c.display_name = "A";
	c.owner_id = USER_B;
	assert_failed(create(f, own, &c), ST_PERMISSION_DENIED, "contact.owner_id");
	contact_of(f, create(f, team, &c));
	c.owner_id = "";
	c.team_id = TEAM_B;
	assert_failed(create(f, own, &c), ST_PERMISSION_DENIED, "contact.team_id");
	contact_of(f, create(f, team, &c));
	c.team_id = TEAM_A;
	Crm__Contact *mine = contact_of(f, create(f, own, &c));
	Crm__Contact given = CRM__CONTACT__INIT;
	given.id = mine->id;
	given.owner_id = USER_B;
	assert_failed(update(f, own, &given, NULL), ST_PERMISSION_DENIED, "contact.owner_id");
	given.owner_id = "";
	given.team_id = TEAM_B;
	assert_failed(update(f, own, &given, NULL), ST_PERMISSION_DENIED, "contact.team_id");
	given.owner_id = USER_B;
	assert_string_equal(contact_of(f, update(f, anyone, &given, NULL))->team_id, TEAM_B);
}

IN_FIBER(an_update_never_takes_the_owner_away)
{
	Crm__Contact *c = given_contact(f, "Jana"), empty = CRM__CONTACT__INIT;
	empty.id = c->id;
	empty.display_name = "Eva";
	Crm__Contact *got = contact_of(f, update(f, anyone, &empty, "*"));
	assert_string_equal(got->owner_id, USER_A);
	assert_string_equal(got->team_id, TEAM_A);
}

/* ---- update ---- */

IN_FIBER(an_update_changes_what_the_mask_names)
{
	Crm__Contact *c = given_contact(f, "Jana"), u = CRM__CONTACT__INIT;
	Crm__PersonName name = CRM__PERSON_NAME__INIT;
	u.id = c->id;
	u.display_name = "not this";
	u.note = "likes wine";
	u.name = &name;
	name.given = "Jana";
	name.family = "not this";
	Crm__Contact *got = contact_of(f, update(f, anyone, &u, "note"));
	assert_string_equal(got->display_name, "Jana");
	assert_string_equal(got->note, "likes wine");
	assert_int_equal(got->revision, 2);
	assert_string_equal(got->etag, "2");
	got = contact_of(f, update(f, anyone, &u, "name.given"));
	assert_string_equal(got->name->given, "Jana");
	assert_string_equal(got->name->family, "");
	Crm__Event *e = last_event(f);
	assert_string_equal(e->verb, "updated");
	assert_int_equal(e->revision, 3);
	assert_int_equal(part(f, e->before)->revision, 2);
	assert_true(pb_equal(part(f, e->after), got));
	bool has_name = false;
	for (size_t i = 0; i < e->n_changed_fields; i++)
		has_name = has_name || strcmp(e->changed_fields[i], "name") == 0;
	assert_true(has_name);
	Crm__Contact clear = CRM__CONTACT__INIT;
	clear.id = c->id;
	assert_string_equal(contact_of(f, update(f, anyone, &clear, "note"))->note, "");
}

IN_FIBER(without_a_mask_what_is_set_is_changed)
{
	Crm__Contact *c = given_contact(f, "Jana"), u = CRM__CONTACT__INIT;
	u.id = c->id;
	u.etag = "1";
	u.language = "cs-CZ";
	u.revision = 77; /* output only: ignored */
	Crm__Contact *got = contact_of(f, update(f, anyone, &u, NULL));
	assert_string_equal(got->display_name, "Jana");
	assert_string_equal(got->language, "cs-CZ");
	assert_int_equal(got->revision, 2);
}

IN_FIBER(a_wrong_mask_etag_or_value_is_refused)
{
	Crm__Contact *c = given_contact(f, "Jana"), u = CRM__CONTACT__INIT;
	u.id = c->id;
	u.note = "x";
	assert_failed(update(f, anyone, &u, "nonsense"), ST_INVALID_ARGUMENT, "update_mask");
	assert_failed(update(f, anyone, &u, "create_time"), ST_INVALID_ARGUMENT, "update_mask");
	assert_failed(update(f, anyone, &u, "id"), ST_INVALID_ARGUMENT, "update_mask");
	u.etag = "7";
	assert_failed(update(f, anyone, &u, NULL), ST_ABORTED, "contact.etag");
	u.etag = "";
	u.language = "not a language!";
	assert_failed(update(f, anyone, &u, NULL), ST_INVALID_ARGUMENT, "contact.language");
	u.language = "";
	u.display_name = "bad";
	assert_failed(update(f, anyone, &u, NULL), ST_INVALID_ARGUMENT, "contact.display_name");
	u.id = "";
	assert_failed(update(f, anyone, &u, NULL), ST_INVALID_ARGUMENT, "contact.id");
	assert_string_equal(kit_value(f, "SELECT revision FROM record_contact"), "1");
}

IN_FIBER(an_update_that_changes_nothing_writes_nothing)
{
	Crm__Contact *c = given_contact(f, "Jana"), u = CRM__CONTACT__INIT;
	u.id = c->id;
	u.display_name = "Jana";
	Crm__Contact *got = contact_of(f, update(f, anyone, &u, NULL));
	assert_true(pb_equal(got, c));
	got = contact_of(f, update(f, anyone, c, "*"));
	assert_true(pb_equal(got, c));
	assert_string_equal(kit_value(f, "SELECT count(*) FROM outbox"), "1");
}

struct writer {
	struct kit_fixture *f;
	const char *id, *label;
	struct answer answer;
};

/* Each writes a label of its own: if one worked on stale data, another's label would be gone. */
static void add_label(void *arg)
{
	struct writer *w = arg;
	Crm__Contact *c = contact_of(w->f, get(w->f, anyone, w->id)), u = CRM__CONTACT__INIT;
	u.id = w->id;
	u.language = "cs";
	u.note = arena_printf(w->f->arena, "%s%s", c->note, w->label);
	w->answer = update(w->f, anyone, &u, "note");
}

IN_FIBER(updates_that_race_are_repeated_on_fresh_data)
{
	enum { N = 5 };
	struct writer writers[N];
	struct group g;
	Crm__Contact *c = given_contact(f, "Jana");
	group_init(&g);
	for (int i = 0; i < N; i++) {
		writers[i] = (struct writer){
			.f = f, .id = c->id, .label = arena_printf(f->arena, "%d", i)
		};
		group_spawn(&g, add_label, &writers[i]);
	}
	assert_int_equal(group_wait(&g), ST_OK);
	for (int i = 0; i < N; i++)
		assert_int_equal(writers[i].answer.status, ST_OK);
	assert_string_equal(kit_value(f, "SELECT revision FROM record_contact"), "6");
	assert_string_equal(kit_value(f, "SELECT count(*) FROM outbox"), "6");
	assert_string_equal(kit_value(f, "SELECT count(DISTINCT payload) FROM outbox"), "6");
}

/* ---- delete ---- */

IN_FIBER(a_deleted_record_can_be_read_and_brought_back)
{
	Crm__Contact *c = given_contact(f, "Jana");
	assert_failed(undelete(f, anyone, c->id), ST_FAILED_PRECONDITION, "id");
	assert_failed(delete (f, anyone, c->id, "5"), ST_ABORTED, "etag");
	Crm__Contact *gone = contact_of(f, delete (f, anyone, c->id, "1"));
	assert_non_null(gone->delete_time);
	assert_int_equal(gone->revision, 2);
	assert_string_equal(last_event(f)->verb, "deleted");
	assert_failed(delete (f, anyone, c->id, ""), ST_NOT_FOUND, "id");
	Crm__Contact u = CRM__CONTACT__INIT;
	u.id = c->id;
	u.note = "x";
	assert_failed(update(f, anyone, &u, NULL), ST_NOT_FOUND, "contact.id");
	assert_true(pb_equal(contact_of(f, get(f, anyone, c->id)), gone));
	Crm__Contact *back = contact_of(f, undelete(f, anyone, c->id));
	assert_null(back->delete_time);
	assert_int_equal(back->revision, 3);
	assert_string_equal(last_event(f)->verb, "undeleted");
}

static Crm__Affiliation *given_affiliation(struct kit_fixture *f)
{
	Crm__Affiliation a = CRM__AFFILIATION__INIT;
	Crm__CreateAffiliationRequest q = CRM__CREATE_AFFILIATION_REQUEST__INIT;
	a.contact_id = USER_A;
	a.organization_id = TEAM_A;
	a.title = "Buyer";
	q.affiliation = &a;
	return kit_answer(f,
		kit_call(f, anyone, "contacts/CreateAffiliation", &record_affiliation,
			resource_create, &q),
		&crm__affiliation__descriptor);
}

IN_FIBER(a_hard_delete_removes_the_row_and_tells_what_was)
{
	Crm__Affiliation *a = given_affiliation(f);
	Crm__DeleteAffiliationRequest q = CRM__DELETE_AFFILIATION_REQUEST__INIT;
	q.id = a->id;
	Crm__Affiliation *gone = kit_answer(f,
		kit_call(f, anyone, "contacts/DeleteAffiliation", &record_affiliation,
			resource_delete, &q),
		&crm__affiliation__descriptor);
	assert_true(pb_equal(gone, a));
	assert_string_equal(kit_value(f, "SELECT count(*) FROM record_affiliation"), "0");
	Crm__Event *e = last_event(f);
	assert_string_equal(e->verb, "deleted");
	assert_int_equal(e->revision, 2);
	assert_int_equal(e->after.len, 0);
	assert_true(e->before.len > 0);
	assert_failed(kit_call(f, anyone, "contacts/DeleteAffiliation", &record_affiliation,
			      resource_delete, &q),
		ST_NOT_FOUND, "id");
}

IN_FIBER(immutable_fields_may_be_repeated_but_not_changed)
{
	Crm__Affiliation *a = given_affiliation(f);
	Crm__UpdateAffiliationRequest q = CRM__UPDATE_AFFILIATION_REQUEST__INIT;
	q.affiliation = a;
	a->title = "Boss";
	Crm__Affiliation *got = kit_answer(f,
		kit_call(f, anyone, "contacts/UpdateAffiliation", &record_affiliation,
			resource_update, &q),
		&crm__affiliation__descriptor);
	assert_string_equal(got->title, "Boss");
	a->etag = "";
	a->contact_id = USER_B;
	assert_failed(kit_call(f, anyone, "contacts/UpdateAffiliation", &record_affiliation,
			      resource_update, &q),
		ST_INVALID_ARGUMENT, "affiliation.contact_id");
}

IN_FIBER(secrets_reach_the_row_but_neither_answer_nor_event)
{
	Crm__User u = CRM__USER__INIT;
	Crm__CreateUserRequest q = CRM__CREATE_USER_REQUEST__INIT;
	u.email = "a@example.com";
	u.display_name = "A";
	u.password = "correct horse battery";
	q.user = &u;
	Crm__User *got = kit_answer(f,
		kit_call(f, anyone, "identity/CreateUser", &record_user, resource_create, &q),
		&crm__user__descriptor);
	assert_string_equal(got->password, "");
	assert_string_equal(kit_value(f, "SELECT password_length FROM record_user"), "21");
	assert_string_equal(
		kit_value(f, "SELECT position('correct horse'::bytea IN payload) FROM outbox"),
		"0");
}

/* ---- batches ---- */

static struct answer batch_create(
	struct kit_fixture *f, Crm__CreateContactRequest **requests, size_t n)
{
	Crm__BatchCreateContactsRequest q = CRM__BATCH_CREATE_CONTACTS_REQUEST__INIT;
	q.n_requests = n;
	q.requests = requests;
	return kit_call(f, anyone, "contacts/BatchCreateContacts", &record_contact,
		resource_batch_create, &q);
}

static Crm__CreateContactRequest *creation(
	struct kit_fixture *f, const char *display_name, const char *source)
{
	Crm__CreateContactRequest *q = pb_new(f->arena, &crm__create_contact_request__descriptor);
	q->contact = pb_new(f->arena, &crm__contact__descriptor);
	q->contact->display_name = display_name;
	q->contact->source = source;
	return q;
}

IN_FIBER(a_batch_creates_all_in_one_transaction)
{
	Crm__CreateContactRequest *requests[] = { creation(f, "A", ""), creation(f, "B", ""),
		creation(f, "C", "") };
	Crm__BatchCreateContactsResponse *r = kit_answer(
		f, batch_create(f, requests, 3), &crm__batch_create_contacts_response__descriptor);
	assert_int_equal(r->n_contacts, 3);
	assert_string_equal(r->contacts[1]->display_name, "B");
	assert_string_equal(
		kit_value(f,
			"SELECT count(DISTINCT xmin::text) || ' ' || count(*) FROM record_contact"),
		"1 3");
	assert_string_equal(kit_value(f, "SELECT count(*) FROM outbox"), "3");
}

IN_FIBER(a_batch_that_fails_names_its_request_and_stores_nothing)
{
	Crm__CreateContactRequest *requests[] = { creation(f, "A", "s"), creation(f, "bad", "") };
	assert_failed(batch_create(f, requests, 2), ST_INVALID_ARGUMENT,
		"requests[1].contact.display_name");
	requests[1] = creation(f, "B", "s");
	assert_failed(
		batch_create(f, requests, 2), ST_ALREADY_EXISTS, "requests[1].contact.source");
	requests[1] = creation(f, "B", "");
	requests[1]->request_id = UNKNOWN;
	assert_failed(batch_create(f, requests, 2), ST_INVALID_ARGUMENT, "requests[1].request_id");
	assert_failed(batch_create(f, requests, 0), ST_INVALID_ARGUMENT, "requests");
	assert_string_equal(kit_value(f, "SELECT count(*) FROM record_contact"), "0");
}

static struct answer batch_get(struct kit_fixture *f, const char **ids, size_t n)
{
	Crm__BatchGetContactsRequest q = CRM__BATCH_GET_CONTACTS_REQUEST__INIT;
	q.n_ids = n;
	q.ids = ids;
	return kit_call(
		f, anyone, "contacts/BatchGetContacts", &record_contact, resource_batch_get, &q);
}

IN_FIBER(a_batch_is_read_in_the_order_asked)
{
	const char *a = given_contact(f, "A")->id, *b = given_contact(f, "B")->id;
	const char *ids[] = { b, a, b };
	Crm__BatchGetContactsResponse *r =
		kit_answer(f, batch_get(f, ids, 3), &crm__batch_get_contacts_response__descriptor);
	assert_int_equal(r->n_contacts, 3);
	assert_string_equal(r->contacts[0]->display_name, "B");
	assert_string_equal(r->contacts[1]->display_name, "A");
	assert_string_equal(r->contacts[2]->display_name, "B");
	ids[1] = UNKNOWN;
	struct answer missing = batch_get(f, ids, 3);
	assert_failed(missing, ST_NOT_FOUND, "ids[1]");
	assert_non_null(strstr(missing.message, UNKNOWN));
}

static struct answer batch_update(struct kit_fixture *f, Crm__Contact **contacts, size_t n)
{
	Crm__BatchUpdateContactsRequest q = CRM__BATCH_UPDATE_CONTACTS_REQUEST__INIT;
	q.n_requests = n;
	q.requests = arena_new_array(f->arena, Crm__UpdateContactRequest *, n);
	for (size_t i = 0; i < n; i++) {
		q.requests[i] = pb_new(f->arena, &crm__update_contact_request__descriptor);
		q.requests[i]->contact = contacts[i];
	}
	return kit_call(f, anyone, "contacts/BatchUpdateContacts", &record_contact,
		resource_batch_update, &q);
}

IN_FIBER(a_batch_updates_all_or_none)
{
	Crm__Contact *a = given_contact(f, "A"), *b = given_contact(f, "B");
	Crm__Contact ua = CRM__CONTACT__INIT, ub = CRM__CONTACT__INIT, *both[] = { &ua, &ub };
	ua.id = a->id;
	ub.id = b->id;
	ua.note = ub.note = "x";
	ub.etag = "9";
	assert_failed(batch_update(f, both, 2), ST_ABORTED, "requests[1].contact.etag");
	assert_string_equal(kit_value(f, "SELECT max(revision) FROM record_contact"), "1");
	ub.etag = "1";
	Crm__BatchUpdateContactsResponse *r = kit_answer(
		f, batch_update(f, both, 2), &crm__batch_update_contacts_response__descriptor);
	assert_string_equal(r->contacts[1]->note, "x");
	assert_string_equal(kit_value(f, "SELECT min(revision) FROM record_contact"), "2");
	ub.id = a->id;
	assert_failed(batch_update(f, both, 2), ST_INVALID_ARGUMENT, "requests[1].contact.id");
	ub.id = UNKNOWN;
	assert_failed(batch_update(f, both, 2), ST_NOT_FOUND, "requests[1].contact.id");
}

IN_FIBER(a_batch_deletes_all_or_none)
{
	Crm__BatchDeleteContactsRequest q = CRM__BATCH_DELETE_CONTACTS_REQUEST__INIT;
	Crm__DeleteContactRequest a = CRM__DELETE_CONTACT_REQUEST__INIT,
				  b = CRM__DELETE_CONTACT_REQUEST__INIT, *both[] = { &a, &b };
	a.id = given_contact(f, "A")->id;
	b.id = UNKNOWN;
	q.n_requests = 2;
	q.requests = both;
	assert_failed(kit_call(f, anyone, "contacts/BatchDeleteContacts", &record_contact,
			      resource_batch_delete, &q),
		ST_NOT_FOUND, "requests[1].id");
	b.id = given_contact(f, "B")->id;
	Crm__BatchDeleteContactsResponse *r = kit_answer(f,
		kit_call(f, anyone, "contacts/BatchDeleteContacts", &record_contact,
			resource_batch_delete, &q),
		&crm__batch_delete_contacts_response__descriptor);
	assert_int_equal(r->n_contacts, 2);
	assert_non_null(r->contacts[1]->delete_time);
	assert_string_equal(
		kit_value(f, "SELECT count(*) FROM record_contact WHERE delete_time IS NULL"), "0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)
	const struct CMUnitTest tests[] = {
		TEST(creating_fills_in_what_the_server_sets),
		TEST(creating_tells_an_event_with_the_whole_resource),
		TEST(a_failed_check_or_rule_names_the_field_and_stores_nothing),
		TEST(a_constraint_becomes_a_field_error),
		TEST(what_one_may_not_see_is_not_found),
		TEST(an_owner_must_be_a_known_user_and_brings_the_team),
		TEST(records_are_given_only_within_ones_reach),
		TEST(an_update_never_takes_the_owner_away),
		TEST(an_update_changes_what_the_mask_names),
		TEST(without_a_mask_what_is_set_is_changed),
		TEST(a_wrong_mask_etag_or_value_is_refused),
		TEST(an_update_that_changes_nothing_writes_nothing),
		TEST(updates_that_race_are_repeated_on_fresh_data),
		TEST(a_deleted_record_can_be_read_and_brought_back),
		TEST(a_hard_delete_removes_the_row_and_tells_what_was),
		TEST(immutable_fields_may_be_repeated_but_not_changed),
		TEST(secrets_reach_the_row_but_neither_answer_nor_event),
		TEST(a_batch_creates_all_in_one_transaction),
		TEST(a_batch_that_fails_names_its_request_and_stores_nothing),
		TEST(a_batch_is_read_in_the_order_asked),
		TEST(a_batch_updates_all_or_none),
		TEST(a_batch_deletes_all_or_none),
	};
	return cmocka_run_group_tests(tests, kit_group_setup, kit_group_teardown);
}
