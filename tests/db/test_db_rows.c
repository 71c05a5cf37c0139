/* Values through PostgreSQL and back: every type, NULL, nesting, arrays, pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "adapters/pb/pb.h"
#include "crm/contacts/v1/contact.pb-c.h"
#include "crm/test/v1/everything.pb-c.h"
#include "tests/support/db_fixture.h"
#include "tests/support/sample/sql.h"

#define ID  "0190a000-0000-7000-8000-000000000001"
#define ID2 "0190a000-0000-7000-8000-000000000002"

static enum status write_one(
	struct db_fixture *f, const struct db_statement *s, const void *input, struct db_error *ret)
{
	struct db_batch *b = db_batch_new(f->db, f->a);
	db_batch_add(b, s, db_fixture_args(f, input));
	return db_write(f->db, f->a, b, ret);
}

static Crm__Contact *read_contact(struct db_fixture *f, const char *id)
{
	Crm__RowKey k = db_fixture_key(id);
	struct db_rows *rows;
	Crm__Contact *c;
	assert_int_equal(
		db_read(f->db, f->a, &sql_contact_get, db_fixture_args(f, &k), &rows), ST_OK);
	assert_int_equal(db_row_message(f->a, rows, 0, &c), ST_OK);
	return c;
}

/* ---- contacts ---- */

static void a_full_contact_comes_back(struct db_fixture *f)
{
	Crm__PersonName name = CRM__PERSON_NAME__INIT;
	name.given = "Jana";
	name.family = "Nov\xc3\xa1kov\xc3\xa1";
	Crm__EmailAddress e1 = CRM__EMAIL_ADDRESS__INIT, e2 = CRM__EMAIL_ADDRESS__INIT;
	e1.address = "Jana@Example.com";
	e1.type = "work";
	e1.primary = true;
	e2.address = "j@b.io";
	Crm__EmailAddress *emails[] = { &e1, &e2 };
	Crm__Contact__LabelsEntry l1 = CRM__CONTACT__LABELS_ENTRY__INIT,
				  l2 = CRM__CONTACT__LABELS_ENTRY__INIT;
	l1.key = "segment";
	l1.value = "retail \"x\"\n\\ \x01\xc4\x8d";
	l2.key = "";
	l2.value = "";
	Crm__Contact__LabelsEntry *labels[] = { &l1, &l2 };
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = ID;
	c.name = &name;
	c.display_name = "Jana";
	c.n_emails = 2;
	c.emails = emails;
	c.n_labels = 2;
	c.labels = labels;
	c.birth_date = "1984-02-29";
	c.owner_id = DB_USER;
	assert_int_equal(write_one(f, &sql_contact_insert, &c, NULL), ST_OK);

	Crm__Contact *got = read_contact(f, ID);
	assert_string_equal(got->id, ID);
	assert_string_equal(got->etag, "1");
	assert_int_equal(got->revision, 1);
	assert_int_equal(got->create_time->seconds, 1700000000);
	assert_int_equal(got->create_time->nanos, 123456000);
	assert_null(got->delete_time);
	assert_string_equal(got->owner_id, DB_USER);
	assert_string_equal(got->team_id, "");
	assert_string_equal(got->name->given, "Jana");
	assert_string_equal(got->name->family, name.family);
	assert_string_equal(got->name->prefix, "");
	assert_int_equal(got->n_emails, 2);
	assert_string_equal(got->emails[0]->address, "Jana@Example.com");
	assert_true(got->emails[0]->primary);
	assert_string_equal(got->emails[1]->type, "");
	assert_string_equal(got->birth_date, "1984-02-29");
	assert_int_equal(got->n_labels, 2);
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(got->labels[i]->value, *got->labels[i]->key ? l1.value : "");
}

static void a_bare_contact_has_no_name_and_no_lists(struct db_fixture *f)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = ID;
	assert_int_equal(write_one(f, &sql_contact_insert, &c, NULL), ST_OK);
	Crm__Contact *got = read_contact(f, ID);
	assert_null(got->name);
	assert_int_equal(got->n_emails, 0);
	assert_int_equal(got->n_labels, 0);
	assert_string_equal(got->birth_date, "");
}

static void long_text_and_many_elements_keep_their_lengths(struct db_fixture *f)
{
	char *note = arena_alloc(f->a, 300001);
	memset(note, 'x', 300000);
	note[300000] = '\0';
	Crm__EmailAddress *emails[200];
	for (size_t i = 0; i < 200; i++) {
		emails[i] = arena_alloc(f->a, sizeof(*emails[i]));
		crm__email_address__init(emails[i]);
		emails[i]->address = i % 2 ? "" : arena_printf(f->a, "%0*d@x", (int)(i * 2 + 1), 7);
	}
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = ID;
	c.note = note;
	c.n_emails = 200;
	c.emails = emails;
	assert_int_equal(write_one(f, &sql_contact_insert, &c, NULL), ST_OK);
	Crm__Contact *got = read_contact(f, ID);
	assert_string_equal(got->note, note);
	assert_int_equal(got->n_emails, 200);
	for (size_t i = 0; i < 200; i++)
		assert_string_equal(got->emails[i]->address, emails[i]->address);
}

static void what_is_not_there_is_not_found(struct db_fixture *f)
{
	Crm__RowKey k = db_fixture_key(ID);
	struct db_rows *rows = NULL;
	assert_int_equal(db_read(f->db, f->a, &sql_contact_get, db_fixture_args(f, &k), &rows),
		ST_NOT_FOUND);
	assert_null(rows);
}

static void another_tenant_and_another_owner_see_nothing(struct db_fixture *f)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = ID;
	c.owner_id = "0190a000-0000-7000-8000-0000000000ff";
	c.team_id = "0190a000-0000-7000-8000-0000000000fe";
	assert_int_equal(write_one(f, &sql_contact_insert, &c, NULL), ST_OK);
	Crm__RowKey k = db_fixture_key(ID);
	f->scope.sees_all = false;
	assert_int_equal(
		db_read(f->db, f->a, &sql_contact_get, db_fixture_args(f, &k), NULL), ST_NOT_FOUND);
	const char *teams[] = { ID2, c.team_id };
	f->scope.n_teams = 2;
	f->scope.teams = teams;
	assert_int_equal(
		db_read(f->db, f->a, &sql_contact_get, db_fixture_args(f, &k), NULL), ST_OK);
	f->scope.n_teams = 0;
	f->scope.user_id = c.owner_id;
	assert_int_equal(
		db_read(f->db, f->a, &sql_contact_get, db_fixture_args(f, &k), NULL), ST_OK);
	f->scope.sees_all = true;
	f->scope.tenant_id = DB_OTHER_TENANT;
	assert_int_equal(
		db_read(f->db, f->a, &sql_contact_get, db_fixture_args(f, &k), NULL), ST_NOT_FOUND);
}

static void a_malformed_id_is_refused_before_it_travels(struct db_fixture *f)
{
	static const char *const bad[] = { "x", "0190a000-0000-7000-8000-00000000000",
		"0190a000-0000-7000-8000-00000000000g", "' OR true --" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		Crm__RowKey k = db_fixture_key(bad[i]);
		assert_int_equal(
			db_read(f->db, f->a, &sql_contact_get, db_fixture_args(f, &k), NULL),
			ST_INVALID_ARGUMENT);
	}
	const char *ids[] = { ID, "no" };
	Crm__RowKeys many = CRM__ROW_KEYS__INIT;
	many.n_ids = 2;
	many.ids = ids;
	assert_int_equal(db_read(f->db, f->a, &sql_contact_ids, db_fixture_args(f, &many), NULL),
		ST_INVALID_ARGUMENT);
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = ID;
	c.birth_date = "2023-02-29";
	struct db_error e = { 0 };
	assert_int_equal(write_one(f, &sql_contact_insert, &c, &e), ST_INVALID_ARGUMENT);
	assert_string_equal(e.message, "birth_date is not a date YYYY-MM-DD");
}

static void an_update_keeps_what_its_mask_does_not_name(struct db_fixture *f)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = ID;
	c.display_name = "old";
	c.note = "old";
	assert_int_equal(write_one(f, &sql_contact_insert, &c, NULL), ST_OK);
	Crm__UpdateContactRequest u = CRM__UPDATE_CONTACT_REQUEST__INIT;
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	const char *paths[] = { "note" };
	mask.n_paths = 1;
	mask.paths = paths;
	c.display_name = "new";
	c.note = "new";
	u.contact = &c;
	u.update_mask = &mask;
	struct db_batch *b = db_batch_new(f->db, f->a);
	size_t i = db_batch_add(b, &sql_contact_update, db_fixture_args(f, &u));
	assert_int_equal(db_write(f->db, f->a, b, NULL), ST_OK);
	Crm__Contact *got;
	assert_int_equal(db_count(db_batch_rows(b, i)), 1);
	assert_int_equal(db_row_message(f->a, db_batch_rows(b, i), 0, &got), ST_OK);
	assert_string_equal(got->display_name, "old");
	assert_string_equal(got->note, "new");
	assert_int_equal(got->revision, 2);
	u.update_mask = NULL; /* an absent message: its list is empty */
	assert_int_equal(write_one(f, &sql_contact_update, &u, NULL), ST_OK);
	assert_string_equal(read_contact(f, ID)->display_name, "old");
}

static void single_columns_can_be_read(struct db_fixture *f)
{
	Crm__Contact c = CRM__CONTACT__INIT;
	c.id = ID;
	c.display_name = "Jana";
	assert_int_equal(write_one(f, &sql_contact_insert, &c, NULL), ST_OK);
	const char *ids[] = { ID };
	Crm__RowKeys many = CRM__ROW_KEYS__INIT;
	many.n_ids = 1;
	many.ids = ids;
	struct db_rows *rows;
	assert_int_equal(
		db_read(f->db, f->a, &sql_contact_ids, db_fixture_args(f, &many), &rows), ST_OK);
	assert_int_equal(db_count(rows), 1);
	assert_string_equal(db_text(rows, 0, "id"), ID);
	assert_string_equal(db_text(rows, 0, "display_name"), "Jana");
	assert_string_equal(db_text(rows, 0, "create_time"), "2023-11-14T22:13:20.123456Z");
	assert_string_equal(db_text(rows, 0, "revision"), "1");
	assert_int_equal(db_int(rows, 0, "revision"), 1);
	assert_true(db_int(rows, 0, "create_time") == 1700000000123456);
	assert_true(str_is(db_bytes(rows, 0, "display_name"), "Jana"));
	many.n_ids = 0;
	assert_int_equal(
		db_read(f->db, f->a, &sql_contact_ids, db_fixture_args(f, &many), &rows), ST_OK);
	assert_int_equal(db_count(rows), 0);
}

/* ---- pages ---- */

static void given_contacts(struct db_fixture *f, int n)
{
	for (int i = 0; i < n; i++) {
		Crm__Contact c = CRM__CONTACT__INIT;
		c.id = arena_printf(f->a, "0190a000-0000-7000-8000-%012d", i);
		c.display_name = arena_printf(f->a, "c%04d", i);
		assert_int_equal(write_one(f, &sql_contact_insert, &c, NULL), ST_OK);
	}
}

static const char *first_name(struct db_fixture *f, const struct db_page_args *page)
{
	Crm__ListContactsRequest r = CRM__LIST_CONTACTS_REQUEST__INIT;
	struct db_rows *rows;
	assert_int_equal(
		db_read_page(f->db, f->a, &sql_contact_list, db_fixture_args(f, &r), page, &rows),
		ST_OK);
	return db_count(rows) ? arena_printf(f->a, "%s/%zu", db_text(rows, 0, "display_name"),
					db_count(rows))
			      : "none";
}

static void pages_filter_order_and_limit(struct db_fixture *f)
{
	given_contacts(f, 10);
	const char *values[] = { "c0003" };
	size_t n = db_first_param(&sql_contact_list);
	struct db_page_args page = { .filter = arena_printf(f->a, "c.display_name > $%zu", n),
		.order = "c.id DESC",
		.limit = 3,
		.n_values = 1,
		.values = values };
	assert_string_equal(first_name(f, &page), "c0009/3");
	page.order = "c.id";
	assert_string_equal(first_name(f, &page), "c0004/3");
	values[0] = "c0008";
	assert_string_equal(first_name(f, &page), "c0009/1");
	values[0] = "' OR true; --";
	assert_string_equal(first_name(f, &page), "c0000/3");
	values[0] = "zzz";
	assert_string_equal(first_name(f, &page), "none");
	assert_string_equal(
		first_name(f, &(struct db_page_args){ .order = "c.id", .limit = 100 }), "c0000/10");
	page = (struct db_page_args){ .filter = arena_printf(f->a, "c.create_time > $%zu", n),
		.order = "c.id",
		.limit = 3,
		.n_values = 1,
		.values = values };
	assert_int_equal(
		db_read_page(f->db, f->a, &sql_contact_list,
			db_fixture_args(
				f, &(Crm__ListContactsRequest)CRM__LIST_CONTACTS_REQUEST__INIT),
			&page, NULL),
		ST_INVALID_ARGUMENT); /* zzz is no time */
}

static void many_filters_do_not_pile_up_in_the_server(struct db_fixture *f)
{
	given_contacts(f, 3);
	for (int i = 0; i < 400; i++) {
		struct db_page_args page = { .filter = arena_printf(f->a, "c.revision < %d", i + 2),
			.order = "c.id",
			.limit = 3 };
		assert_string_equal(first_name(f, &page), "c0000/3");
	}
	struct db_rows *rows;
	assert_int_equal(
		db_read_page(f->db, f->a, &sql_contact_list,
			db_fixture_args(
				f, &(Crm__ListContactsRequest)CRM__LIST_CONTACTS_REQUEST__INIT),
			&(struct db_page_args){
				.filter = "(SELECT count(*) FROM pg_prepared_statements) < 200",
				.order = "c.id",
				.limit = 1 },
			&rows),
		ST_OK);
	assert_int_equal(db_count(rows), 1);
}

/* ---- every type ---- */

static void every_type_comes_back(struct db_fixture *f)
{
	Crm__Everything e = CRM__EVERYTHING__INIT;
	double doubles[] = { 0, -1.5, 1e300 };
	int32_t int32s[] = { 0, -1, INT32_MAX };
	int64_t int64s[] = { INT64_MIN, 0, 300 };
	protobuf_c_boolean bools[] = { 0, 1, 1 };
	const char *strings[] = { "", "a", "\xc5\xbe" };
	ProtobufCBinaryData byteses[] = { { 0, NULL }, { 3, (uint8_t *)"a\0b" } };
	Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT,
				    t2 = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Google__Protobuf__Timestamp *times[] = { &t, &t2 };
	Crm__Everything__StringsByStringEntry entry =
		CRM__EVERYTHING__STRINGS_BY_STRING_ENTRY__INIT;
	Crm__Everything__StringsByStringEntry *map[] = { &entry };
	entry.key = "k";
	entry.value = "v";
	t.seconds = -62135596800; /* the year 1 */
	t2.seconds = 253402300799;
	t2.nanos = 999999000;
	e.an_int64 = 7;
	e.a_double = -0.25;
	e.a_float = 1.5F;
	e.an_int32 = INT32_MIN;
	e.a_uint32 = 5;
	e.a_sint32 = -300;
	e.a_fixed64 = 1234567890123;
	e.a_bool = true;
	e.a_string = "text";
	e.a_bytes = (ProtobufCBinaryData){ 4, (uint8_t *)"\0\xff\x01\x02" };
	e.a_color = CRM__COLOR__COLOR_NEGATIVE;
	e.n_doubles = 3, e.doubles = doubles;
	e.n_int32s = 3, e.int32s = int32s;
	e.n_int64s = 3, e.int64s = int64s;
	e.n_bools = 3, e.bools = bools;
	e.n_strings = 3, e.strings = strings;
	e.n_byteses = 2, e.byteses = byteses;
	e.n_strings_by_string = 1, e.strings_by_string = map;
	e.timestamp = &t2;
	e.n_timestamps = 2, e.timestamps = times;
	e.far_away = "{\"b\": [1, 2]}";
	e.choice_case = CRM__EVERYTHING__CHOICE_CHOICE_INT;
	e.choice_int = 0;
	assert_int_equal(write_one(f, &sql_everything_insert, &e, NULL), ST_OK);
	struct db_rows *rows;
	Crm__Everything *got;
	assert_int_equal(
		db_read(f->db, f->a, &sql_everything_get, db_fixture_args(f, &e), &rows), ST_OK);
	assert_int_equal(db_row_message(f->a, rows, 0, &got), ST_OK);
	assert_non_null(got->a_message); /* citext */
	assert_string_equal(got->a_message->a_message->far_away, "text");
	got->a_message = NULL;
	assert_true(pb_equal(&e, got));
}

static void null_is_absent_and_a_set_oneof_keeps_its_zero(struct db_fixture *f)
{
	Crm__Everything e = CRM__EVERYTHING__INIT;
	e.an_int64 = 8; /* choice_int: not set */
	assert_int_equal(write_one(f, &sql_everything_insert, &e, NULL), ST_OK);
	struct db_rows *rows;
	Crm__Everything *got;
	assert_int_equal(
		db_read(f->db, f->a, &sql_everything_get, db_fixture_args(f, &e), &rows), ST_OK);
	assert_int_equal(db_row_message(f->a, rows, 0, &got), ST_OK);
	assert_int_equal(got->choice_case, CRM__EVERYTHING__CHOICE__NOT_SET);
	assert_null(got->timestamp);
	assert_null(got->a_message);
	assert_string_equal(got->far_away, "");
	e.an_int64 = 9;
	e.choice_case = CRM__EVERYTHING__CHOICE_CHOICE_INT;
	assert_int_equal(write_one(f, &sql_everything_insert, &e, NULL), ST_OK);
	assert_int_equal(
		db_read(f->db, f->a, &sql_everything_get, db_fixture_args(f, &e), &rows), ST_OK);
	assert_int_equal(db_row_message(f->a, rows, 0, &got), ST_OK);
	assert_int_equal(got->choice_case, CRM__EVERYTHING__CHOICE_CHOICE_INT);
}

static const char *stored(struct db_fixture *f, const char *expression)
{
	return postgres_value(
		f->pg, f->a, arena_printf(f->a, "SELECT %s FROM everything", expression));
}

static void strings_become_what_their_columns_are(struct db_fixture *f)
{
	Crm__Everything e = CRM__EVERYTHING__INIT, m1 = CRM__EVERYTHING__INIT,
			m2 = CRM__EVERYTHING__INIT, id = CRM__EVERYTHING__INIT;
	const char *ids[] = { ID, "" };
	Crm__Everything *messages[] = { &m1, &m2 };
	m1.far_away = "2024-02-29";
	m1.choice_case = CRM__EVERYTHING__CHOICE_CHOICE_STRING;
	m1.choice_string = "sad";
	id.a_string = ID2;
	e.an_int64 = 10;
	e.n_strings = 2, e.strings = ids;
	e.n_messages = 2, e.messages = messages;
	e.a_string = "-0012.3400";
	e.far_away = "0001-01-01";
	e.choice_case = CRM__EVERYTHING__CHOICE_CHOICE_STRING;
	e.choice_string = "glad";
	e.a_message = &id;
	static const struct db_statement *const s = &sql_everything_texts;
	struct db_error error = { 0 };
	enum status status = write_one(f, s, &e, &error);
	if (status != ST_OK)
		print_error("%s\n", error.message);
	assert_int_equal(status, ST_OK);
	assert_string_equal(stored(f, "ids"), "{" ID ",NULL}");
	assert_string_equal(stored(f, "days"), "{2024-02-29,NULL}");
	assert_string_equal(stored(f, "moods"), "{sad,NULL}");
	assert_string_equal(stored(f, "a_number"), "-12.3400");
	struct db_rows *rows;
	Crm__Everything *got;
	assert_int_equal(
		db_read(f->db, f->a, &sql_everything_get, db_fixture_args(f, &e), &rows), ST_OK);
	assert_int_equal(db_row_message(f->a, rows, 0, &got), ST_OK);
	assert_string_equal(got->a_message->a_string, "-12.3400");
	assert_string_equal(got->a_message->far_away, "0001-01-01");
	assert_string_equal(got->a_message->choice_string, ID2);
	assert_string_equal(got->a_message->a_message->a_string, "glad");
}

static void numeric_prints_as_postgres_prints_it(struct db_fixture *f)
{
	static const char *const numbers[] = { "0", "1", "10000", "123456789012345678901234567890",
		"0.0001", "0.00000001", "1.50", "-3.14159265358979", "100000000", "99999999.9999",
		"0.00", "1e20", "NaN", "Infinity", "-Infinity", "1e-20", "12345.000067" };
	Crm__Everything e = CRM__EVERYTHING__INIT;
	e.an_int64 = 1;
	postgres_exec(f->pg, "INSERT INTO everything (id) VALUES (1)");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		postgres_exec(f->pg,
			arena_printf(f->a, "UPDATE everything SET a_number = '%s'", numbers[i]));
		struct db_rows *rows;
		Crm__Everything *got;
		assert_int_equal(
			db_read(f->db, f->a, &sql_everything_get, db_fixture_args(f, &e), &rows),
			ST_OK);
		assert_int_equal(db_row_message(f->a, rows, 0, &got), ST_OK);
		assert_string_equal(got->a_message->a_string, stored(f, "a_number::text"));
	}
}

static void numbers_out_of_range_are_refused(struct db_fixture *f)
{
	Crm__Everything e = CRM__EVERYTHING__INIT;
	struct db_error error = { 0 };
	e.a_sint32 = 40000; /* an int2 */
	assert_int_equal(write_one(f, &sql_everything_insert, &e, &error), ST_INVALID_ARGUMENT);
	assert_string_equal(error.message, "a_sint32 is out of range");
	e.a_sint32 = 0;
	e.a_uint32 = UINT32_MAX; /* an int4 */
	assert_int_equal(write_one(f, &sql_everything_insert, &e, &error), ST_INVALID_ARGUMENT);
	e.a_uint32 = 0;
	e.a_fixed64 = UINT64_MAX;
	assert_int_equal(write_one(f, &sql_everything_insert, &e, &error), ST_INVALID_ARGUMENT);
	e.a_fixed64 = 0;
	Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	t.seconds = INT64_MAX;
	e.timestamp = &t;
	assert_int_equal(write_one(f, &sql_everything_insert, &e, &error), ST_INVALID_ARGUMENT);
}

static void text_that_postgres_cannot_read_is_refused(struct db_fixture *f)
{
	Crm__Everything e = CRM__EVERYTHING__INIT;
	e.a_string = "no number";
	assert_int_equal(write_one(f, &sql_everything_texts, &e, NULL), ST_INVALID_ARGUMENT);
	e.a_string = "";
	e.far_away = "{not json";
	assert_int_equal(write_one(f, &sql_everything_insert, &e, NULL), ST_INVALID_ARGUMENT);
	e.far_away = "";
	e.a_string = "\xff\xfe";
	assert_int_equal(write_one(f, &sql_everything_insert, &e, NULL), ST_INVALID_ARGUMENT);
	e.a_string = "longer than twenty characters";
	assert_int_equal(write_one(f, &sql_everything_insert, &e, NULL), ST_INVALID_ARGUMENT);
	e.a_string = "fine";
	assert_int_equal(write_one(f, &sql_everything_insert, &e, NULL), ST_OK);
}

#define IT(body)                                                                                   \
	static void test_##body(void **state)                                                      \
	{                                                                                          \
		db_fixture_run(*state, body);                                                      \
	}
IT(a_full_contact_comes_back)
IT(a_bare_contact_has_no_name_and_no_lists)
IT(long_text_and_many_elements_keep_their_lengths)
IT(what_is_not_there_is_not_found)
IT(another_tenant_and_another_owner_see_nothing)
IT(a_malformed_id_is_refused_before_it_travels)
IT(an_update_keeps_what_its_mask_does_not_name)
IT(single_columns_can_be_read)
IT(pages_filter_order_and_limit)
IT(many_filters_do_not_pile_up_in_the_server)
IT(every_type_comes_back)
IT(null_is_absent_and_a_set_oneof_keeps_its_zero)
IT(strings_become_what_their_columns_are)
IT(numeric_prints_as_postgres_prints_it)
IT(numbers_out_of_range_are_refused)
IT(text_that_postgres_cannot_read_is_refused)

#define TEST(body)                                                                                 \
	{                                                                                          \
#body, test_##body, db_fixture_setup, db_fixture_teardown, NULL                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_contact_comes_back),
		TEST(a_bare_contact_has_no_name_and_no_lists),
		TEST(long_text_and_many_elements_keep_their_lengths),
		TEST(what_is_not_there_is_not_found),
		TEST(another_tenant_and_another_owner_see_nothing),
		TEST(a_malformed_id_is_refused_before_it_travels),
		TEST(an_update_keeps_what_its_mask_does_not_name),
		TEST(single_columns_can_be_read),
		TEST(pages_filter_order_and_limit),
		TEST(many_filters_do_not_pile_up_in_the_server),
		TEST(every_type_comes_back),
		TEST(null_is_absent_and_a_set_oneof_keeps_its_zero),
		TEST(strings_become_what_their_columns_are),
		TEST(numeric_prints_as_postgres_prints_it),
		TEST(numbers_out_of_range_are_refused),
		TEST(text_that_postgres_cannot_read_is_refused),
	};
	return cmocka_run_group_tests(tests, db_fixture_group_setup, db_fixture_group_teardown);
}
