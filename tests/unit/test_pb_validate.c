/*
 * Validation of wire bytes: what protobuf demands, and what the rules of the proto demand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "crm/test/v1/everything.pb-c.h"
#include "tests/support/pb_fixture.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

static const char *complaints(
	struct pb_fixture *f, const char *message, struct str wire, unsigned flags)
{
	enum status st =
		pb_validate(f->a, pb_fixture_message(f, message), wire, flags, &f->violations);
	assert_int_equal(st, f->violations.n ? ST_INVALID_ARGUMENT : ST_OK);
	return pb_fixture_complaints(f);
}

static const char *thing_complaints(struct pb_fixture *f, const Crm__Thing *t)
{
	return complaints(f, "crm.test.v1.Thing", pb_pack(f->a, t), PB_VALIDATE_RULES);
}

/* ---- the wire itself ---- */

static void malformed_bytes_name_the_field(void **state)
{
	struct pb_fixture *f = *state;
	static const struct {
		struct str wire;
		const char *complaint;
	} cases[] = {
		{ { "", 0 }, "" },
		{ { NULL, 0 }, "" },
		{ { "\x72\x01x", 3 }, "" },
		{ { "\x72\x05x", 3 }, "a_string: is malformed or cut short" },
		{ { "\x72", 1 }, "a_string: is malformed or cut short" },
		{ { "\x72\x01\xff", 3 }, "a_string: is not valid UTF-8" },
		{ { "\x72\x02\xc0\x80", 4 }, "a_string: is not valid UTF-8" },
		{ { "\x72\x03\xed\xa0\x80", 5 }, "a_string: is not valid UTF-8" },
		{ { "\x72\x03"
		    "a\0b",
			  5 },
			"a_string: has a NUL character" },
		{ { "\x7a\x03"
		    "a\0\xff",
			  5 },
			"" }, /* bytes may hold anything */
		{ { "\x70\x01", 2 }, "a_string: is malformed: wire type 0 does not fit its type" },
		{ { "\x1a\x01\x01", 3 },
			"an_int32: is malformed: wire type 2 does not fit its type" },
		{ { "\x18\xff", 2 }, "an_int32: is malformed or cut short" },
		{ { "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 }, "" },
		{ { "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 },
			"an_int32: is malformed or cut short" },
		{ { "\x09\1\2\3", 4 }, "a_double: is malformed or cut short" },
		{ { "\x15\1\2\3", 4 }, "a_float: is malformed or cut short" },
		{ { "\x00\x01", 2 }, ": is malformed or cut short" },
		{ { "\x80", 1 }, ": is malformed or cut short" },
		{ { "\x8b\x01\x8c\x01", 4 }, "a_message: is malformed: groups are not supported" },
		{ { "\x93\x03\x94\x03", 4 }, ": is malformed: groups are not supported" },
		{ { "\x9a\x03\x01x", 4 }, "" }, /* field 51's number is not this: unknown */
		{ { "\xba\x01\x03\x01\x02\x03", 6 }, "" }, /* packed int32s */
		{ { "\xb8\x01\x03", 3 }, "" },             /* the same, unpacked */
		{ { "\xba\x01\x02\x01\xff", 5 }, "int32s: is malformed: a number is cut short" },
		{ { "\xea\x01\x03\x01\x02\x03", 6 },
			"fixed32s: is malformed: a number is cut short" },
		{ { "\xb2\x02\x01\x03", 4 }, "" }, /* packed is fine for unpacked fields */
		{ { "\x8a\x01\x04\x72\x02\xc3\x28", 7 }, "a_message.a_string: is not valid UTF-8" },
		{ { "\x8a\x01\x03\x72\x02\xc3", 6 },
			"a_message.a_string: is malformed or cut short" },
		{ { "\x92\x02\x01"
		    "a\x92\x02\x01\xfe",
			  8 },
			"strings[1]: is not valid UTF-8" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got =
			complaints(f, "crm.test.v1.Everything", cases[i].wire, PB_VALIDATE_WIRE);
		if (strcmp(got, cases[i].complaint) != 0)
			fail_msg("case %zu: '%s', not '%s'", i, got, cases[i].complaint);
	}
}

static struct str nested(struct arena *a, uint32_t number, size_t depth)
{
	struct str wire = STR("");
	for (size_t i = 0; i < depth; i++) {
		struct buf b = buf_new(a, 0);
		pb_put_message(&b, number, wire);
		wire = buf_str(&b);
	}
	return wire;
}

static void nesting_is_bounded(void **state)
{
	struct pb_fixture *f = *state;
	const char *everything = "crm.test.v1.Everything";
	assert_string_equal(complaints(f, everything, nested(f->a, 17, PB_MAX_DEPTH), 0), "");
	assert_non_null(strstr(complaints(f, everything, nested(f->a, 17, PB_MAX_DEPTH + 1), 0),
		"is nested more than 32 deep"));
	/* the same for a hundred thousand levels, made by hand so that building it stays linear */
	size_t levels = 100000;
	char *deep = arena_alloc(f->a, 10 * levels);
	size_t at = 10 * levels, end = at;
	for (size_t i = 0; i < levels; i++) {
		uint8_t head[10];
		size_t n = 0, length = end - at;
		head[n++] = 0x8a;
		head[n++] = 0x01;
		for (; length >= 0x80; length >>= 7)
			head[n++] = (uint8_t)(length | 0x80);
		head[n++] = (uint8_t)length;
		at -= n;
		memcpy(deep + at, head, n);
	}
	assert_non_null(
		strstr(complaints(f, everything, str_n(deep + at, end - at), PB_VALIDATE_RULES),
			"is nested more than 32 deep"));
}

static void every_cut_of_a_message_is_survived(void **state)
{
	struct pb_fixture *f = *state;
	Crm__Part part = CRM__PART__INIT;
	part.code = "ab";
	Crm__Part *parts[] = { &part, &part };
	Crm__Thing t = CRM__THING__INIT;
	t.name = "Žluťoučký kůň";
	t.parts = parts;
	t.n_parts = 2;
	struct str wire = pb_pack(f->a, &t);
	for (size_t i = 0; i <= wire.n; i++) {
		struct str cut = { mem_dup(wire.p, i), i }; /* exact, for ASan */
		(void)complaints(f, "crm.test.v1.Thing", cut, PB_VALIDATE_RULES);
		mem_free((void *)(uintptr_t)cut.p);
	}
}

/* ---- rules ---- */

static void required_fields_are_demanded_of_every_kind(void **state)
{
	struct pb_fixture *f = *state;
	assert_string_equal(complaints(f, "crm.test.v1.RequiredKinds", STR(""), PB_VALIDATE_RULES),
		"text: is required\nnumber: is required\ncolor: is required\npart: is required\n"
		"items: is required\nlabels: is required\nleft: is required");
	assert_string_equal(
		complaints(f, "crm.test.v1.RequiredKinds", STR(""), PB_VALIDATE_WIRE), "");
	Crm__Part part = CRM__PART__INIT;
	part.code = "ab";
	char *items[] = { "" };
	Crm__RequiredKinds__LabelsEntry label = CRM__REQUIRED_KINDS__LABELS_ENTRY__INIT;
	Crm__RequiredKinds__LabelsEntry *labels[] = { &label };
	Crm__RequiredKinds r = CRM__REQUIRED_KINDS__INIT;
	r.text = "x";
	r.number = -1;
	r.color = CRM__COLOR__COLOR_NEGATIVE;
	r.part = &part;
	r.n_items = 1;
	r.items = (const char **)(void *)items;
	r.n_labels = 1;
	r.labels = labels;
	r.one_case = CRM__REQUIRED_KINDS__ONE_LEFT;
	r.left = "x";
	struct str wire = pb_pack(f->a, &r);
	assert_string_equal(
		complaints(f, "crm.test.v1.RequiredKinds", wire, PB_VALIDATE_RULES), "");
	/* a later zero, empty text or other member of the oneof takes the value away */
	struct buf b = buf_new(f->a, 0);
	buf_put_str(&b, wire);
	buf_put(&b, "\x0a\x00\x10\x00\x42\x01x", 7);
	assert_string_equal(
		complaints(f, "crm.test.v1.RequiredKinds", buf_str(&b), PB_VALIDATE_RULES),
		"text: is required\nnumber: is required\nleft: is required");
}

static void texts_and_bytes_have_lengths_and_forms(void **state)
{
	struct pb_fixture *f = *state;
	char long_text[1026];
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	static const struct {
		const char *name, *note, *id, *password, *complaint;
	} cases[] = {
		{ "Jan", "", "", "", "" },
		{ "žžžžžžžžžžžžžžžžžžžž", "", "", "", "" }, /* 20 characters, 40 bytes */
		{ "žžžžžžžžžžžžžžžžžžžžž", "", "", "",
			"name: has 21 characters, at most 20 are allowed" },
		{ "a\nb", "", "", "", "name: has control characters" },
		{ "a\x7f", "", "", "", "name: has control characters" },
		{ "a\xc2\x85"
		  "b",
			"", "", "", "name: has control characters" },
		{ "Jan", "a\r\n\tb", "", "", "" },
		{ "Jan", "a\x01", "", "",
			"note: has control characters other than line breaks and tabs" },
		{ "Jan", "", ID, "", "" },
		{ "Jan", "", "7", "",
			"id: is not a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057" },
		{ "Jan", "", "", "123456789", "password: has 9 characters, at most 8 are allowed" },
		{ "", "", "", "", "name: is required" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Crm__Thing t = CRM__THING__INIT;
		t.name = cases[i].name;
		t.note = cases[i].note;
		t.id = cases[i].id;
		t.password = cases[i].password;
		assert_string_equal(thing_complaints(f, &t), cases[i].complaint);
	}
	Crm__Thing t = CRM__THING__INIT;
	t.name = "Jan";
	t.data = (ProtobufCBinaryData){ 5, (uint8_t *)long_text };
	t.note = long_text;
	assert_string_equal(thing_complaints(f, &t),
		"note: has 1025 characters, at most 1024 are allowed\ndata: has 5 bytes, at most 4 are allowed");
}

static void numbers_have_ranges(void **state)
{
	struct pb_fixture *f = *state;
	static const struct {
		int64_t score;
		uint64_t size;
		double ratio;
		int color;
		const char *complaint;
	} cases[] = {
		{ 0, 0, 0, 0, "" },
		{ -10, 5, 1, -1, "" },
		{ 10, UINT64_MAX, 2, 2, "" },
		{ 11, 0, 0, 0, "score: must be from -10 to 10" },
		{ INT64_MIN, 0, 0, 0, "score: must be from -10 to 10" },
		{ 0, 4, 0, 0, "size: must be at least 5" },
		{ 0, 0, 2.5, 0, "ratio: must be from 1 to 2" },
		{ 0, 0, -1, 0, "ratio: must be from 1 to 2" },
		{ 0, 0, __builtin_nan(""), 0, "ratio: must be from 1 to 2" },
		{ 0, 0, 0, 3, "color: is not a value of crm.test.v1.Color" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Crm__Thing t = CRM__THING__INIT;
		t.name = "Jan";
		t.score = cases[i].score;
		t.size = cases[i].size;
		t.ratio = cases[i].ratio;
		t.color = (Crm__Color)cases[i].color;
		assert_string_equal(thing_complaints(f, &t), cases[i].complaint);
	}
}

static void lists_and_maps_have_limits_and_paths(void **state)
{
	struct pb_fixture *f = *state;
	Crm__Part good = CRM__PART__INIT, bad = CRM__PART__INIT;
	good.code = "ab";
	bad.code = "A";
	bad.weight = 501;
	bad.inner = &(Crm__Part)CRM__PART__INIT;
	Crm__Part *parts[] = { &good, &bad, &good, &good };
	Crm__Thing__LabelsEntry labels[3] = { CRM__THING__LABELS_ENTRY__INIT,
		CRM__THING__LABELS_ENTRY__INIT, CRM__THING__LABELS_ENTRY__INIT };
	Crm__Thing__LabelsEntry *label_list[] = { &labels[0], &labels[1], &labels[2] };
	labels[1].key = "k";
	labels[1].value = "123456";
	Crm__Thing__PartsByNameEntry named = CRM__THING__PARTS_BY_NAME_ENTRY__INIT;
	Crm__Thing__PartsByNameEntry *named_list[] = { &named };
	named.key = "left";
	named.value = &bad;
	const char *emails[] = { "a@b.cz", "x" };
	int32_t numbers[] = { 1, 101, 3, 4, 5 };
	Crm__Thing t = CRM__THING__INIT;
	t.name = "Jan";
	t.parts = parts;
	t.n_parts = 4;
	t.labels = label_list;
	t.n_labels = 3;
	t.parts_by_name = named_list;
	t.n_parts_by_name = 1;
	t.emails = emails;
	t.n_emails = 2;
	t.numbers = numbers;
	t.n_numbers = 5;
	assert_string_equal(thing_complaints(f, &t),
		"parts[1].code: has 1 characters, at least 2 are needed\n"
		"parts[1].weight: must be from 1 to 500\n"
		"parts[1].inner.code: is required\n"
		"parts: has more than 3 items\n"
		"labels[\"k\"]: has 6 characters, at most 5 are allowed\n"
		"labels: has more than 2 items\n"
		"emails[1]: is not an e-mail address: it has no '@'\n"
		"numbers[1]: must be from 0 to 100\n"
		"numbers: has more than 4 items\n"
		"parts_by_name[\"left\"].code: has 1 characters, at least 2 are needed\n"
		"parts_by_name[\"left\"].weight: must be from 1 to 500\n"
		"parts_by_name[\"left\"].inner.code: is required");
}

static void what_the_server_sets_need_not_please(void **state)
{
	struct pb_fixture *f = *state;
	Google__Protobuf__Timestamp odd = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	odd.nanos = -5;
	Crm__Part part = CRM__PART__INIT;
	part.code = "ab";
	part.made_by = "nobody";
	Crm__Thing t = CRM__THING__INIT;
	t.name = "Jan";
	t.main = &part;
	t.create_time = &odd;
	assert_string_equal(thing_complaints(f, &t), "");
	t.due_time = &odd;
	assert_string_equal(thing_complaints(f, &t), "due_time: has nanos outside 0 to 999999999");
}

static void well_known_types_have_bounds(void **state)
{
	struct pb_fixture *f = *state;
	Google__Protobuf__Timestamp due = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	Google__Protobuf__Duration span = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Protobuf__StringValue nick = GOOGLE__PROTOBUF__STRING_VALUE__INIT;
	Crm__Thing t = CRM__THING__INIT;
	t.name = "Jan";
	t.due_time = &due;
	t.span = &span;
	t.nick = &nick;
	due.seconds = 253402300799;
	span.seconds = -315576000000;
	nick.value = "abc";
	assert_string_equal(thing_complaints(f, &t), "");
	due.seconds++;
	span.nanos = 5;
	nick.value = "abcd";
	assert_string_equal(thing_complaints(f, &t),
		"due_time: is not a time from the year 1 to 9999\n"
		"nick: has 4 characters, at most 3 are allowed\n"
		"span: has seconds and nanos of opposite signs");
	Google__Protobuf__FieldMask mask = GOOGLE__PROTOBUF__FIELD_MASK__INIT;
	char path[258];
	memset(path, 'p', 257);
	path[257] = '\0';
	const char *paths[] = { path };
	mask.paths = paths;
	mask.n_paths = 1;
	due.seconds = 0;
	Crm__UpdateThingRequest u = CRM__UPDATE_THING_REQUEST__INIT;
	t.span = NULL;
	t.nick = NULL;
	u.thing = &t;
	u.update_mask = &mask;
	assert_string_equal(complaints(f, "crm.test.v1.UpdateThingRequest", pb_pack(f->a, &u),
				    PB_VALIDATE_RULES),
		"update_mask.paths[0]: has 257 characters, at most 256 are allowed");
}

static void an_update_may_leave_required_fields_of_its_resource_out(void **state)
{
	struct pb_fixture *f = *state;
	Crm__Part part = CRM__PART__INIT; /* no code */
	Crm__Part *parts[] = { &part };
	Crm__Thing t = CRM__THING__INIT; /* no name */
	t.parts = parts;
	t.n_parts = 1;
	Crm__UpdateThingRequest u = CRM__UPDATE_THING_REQUEST__INIT;
	const char *type = "crm.test.v1.UpdateThingRequest";
	unsigned update = PB_VALIDATE_RULES | PB_VALIDATE_UPDATE;
	assert_string_equal(complaints(f, type, pb_pack(f->a, &u), update), "thing: is required");
	u.thing = &t;
	assert_string_equal(complaints(f, type, pb_pack(f->a, &u), update), "");
	assert_string_equal(complaints(f, type, pb_pack(f->a, &u), PB_VALIDATE_RULES),
		"thing.parts[0].code: is required\nthing.name: is required");
	t.score = 99;
	assert_string_equal(complaints(f, type, pb_pack(f->a, &u), update),
		"thing.score: must be from -10 to 10");
	Crm__UpdateThingRequest *requests[] = { &u };
	Crm__BatchUpdateThingsRequest batch = CRM__BATCH_UPDATE_THINGS_REQUEST__INIT;
	batch.requests = requests;
	batch.n_requests = 1;
	assert_string_equal(complaints(f, "crm.test.v1.BatchUpdateThingsRequest",
				    pb_pack(f->a, &batch), update),
		"requests[0].thing.score: must be from -10 to 10");
}

static void a_message_sent_in_parts_is_judged_as_a_whole(void **state)
{
	struct pb_fixture *f = *state;
	Crm__Part part = CRM__PART__INIT;
	part.code = "ab";
	Crm__Part *parts[] = { &part, &part };
	Crm__Thing t = CRM__THING__INIT;
	t.name = "Jan";
	t.parts = parts;
	t.n_parts = 2;
	struct str thing = pb_pack(f->a, &t);
	struct buf b = buf_new(f->a, 0);
	pb_put_message(&b, 1, thing);
	pb_put_message(&b, 1, STR(""));
	assert_string_equal(
		complaints(f, "crm.test.v1.UpdateThingRequest", buf_str(&b), PB_VALIDATE_RULES),
		"");
	pb_put_message(&b, 1, thing); /* two and two parts: more than three */
	assert_string_equal(
		complaints(f, "crm.test.v1.UpdateThingRequest", buf_str(&b), PB_VALIDATE_RULES),
		"thing.parts: has more than 3 items");
}

static void parts_within_parts_cost_no_more_than_linear_time(void **state)
{
	struct pb_fixture *f = *state;
	struct str wire = STR("\x0a\x02"
			      "ab");
	for (size_t i = 0; i < 25; i++) {
		struct buf b = buf_new(f->a, 0);
		buf_puts(&b, "\x0a\x02"
			     "ab");
		pb_put_message(&b, 4, wire);
		pb_put_message(&b, 4, STR(""));
		wire = buf_str(&b);
	}
	assert_non_null(strstr(complaints(f, "crm.test.v1.Part", wire, PB_VALIDATE_RULES),
		"is sent in too many parts"));
}

static void complaints_are_limited_in_number(void **state)
{
	struct pb_fixture *f = *state;
	const char *emails[100];
	for (size_t i = 0; i < 100; i++)
		emails[i] = "x";
	Crm__Thing t = CRM__THING__INIT;
	t.emails = emails;
	t.n_emails = 100;
	(void)thing_complaints(f, &t);
	assert_int_equal(f->violations.n, PB_MAX_VIOLATIONS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(malformed_bytes_name_the_field),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(every_cut_of_a_message_is_survived),
		cmocka_unit_test(required_fields_are_demanded_of_every_kind),
		cmocka_unit_test(texts_and_bytes_have_lengths_and_forms),
		cmocka_unit_test(numbers_have_ranges),
		cmocka_unit_test(lists_and_maps_have_limits_and_paths),
		cmocka_unit_test(what_the_server_sets_need_not_please),
		cmocka_unit_test(well_known_types_have_bounds),
		cmocka_unit_test(an_update_may_leave_required_fields_of_its_resource_out),
		cmocka_unit_test(a_message_sent_in_parts_is_judged_as_a_whole),
		cmocka_unit_test(parts_within_parts_cost_no_more_than_linear_time),
		cmocka_unit_test(complaints_are_limited_in_number),
	};
	return cmocka_run_group_tests(tests, pb_fixture_setup, pb_fixture_teardown);
}
