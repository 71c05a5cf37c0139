/*
 * Structs: from the wire and back, copies, equality, paths, fields by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "crm/test/v1/everything.pb-c.h"
#include "tests/support/pb_fixture.h"

#define EVERYTHING "crm.test.v1.Everything"

static const ProtobufCMessageDescriptor *const everything = &crm__everything__descriptor;

static struct str wire_of(struct pb_fixture *f, const char *message, const char *json)
{
	struct str wire;
	if (pb_json_to_wire(f->a, f->schema, pb_fixture_message(f, message), str_c(json), &wire,
		    &f->violations) != ST_OK)
		fail_msg("%s: %s", json, pb_fixture_complaints(f));
	return wire;
}

static Crm__Everything *everything_of(struct pb_fixture *f, const char *json)
{
	Crm__Everything *e = NULL;
	assert_int_equal(pb_unpack(f->a, everything, wire_of(f, EVERYTHING, json), &e), ST_OK);
	return e;
}

/* Each kind of field once or more. */
static const char *const samples[] = {
	"{}",
	"{\"aDouble\":1.5,\"aFloat\":-0.5,\"anInt32\":-1,\"anInt64\":-2,\"aUint32\":3,\"aUint64\":4}",
	"{\"aSint32\":-5,\"aSint64\":-6,\"aFixed32\":7,\"aFixed64\":8,\"aSfixed32\":-9,\"aSfixed64\":-10}",
	"{\"aBool\":true,\"aString\":\"Žofie\",\"aBytes\":\"AAECAw==\",\"aColor\":\"COLOR_NEGATIVE\"}",
	"{\"aMessage\":{\"aMessage\":{\"strings\":[\"a\",\"\",\"b\"]}}}",
	"{\"doubles\":[1,2,3],\"int32s\":[-1,0,1,2,3],\"int64s\":[-5],\"uint64s\":[1,2,3,4,5,6,7,8,9]}",
	"{\"sint64s\":[-1,1],\"fixed32s\":[1,2,3],\"bools\":[true,false,true],\"unpacked\":[1,2]}",
	"{\"strings\":[\"a\",\"b\",\"c\"],\"byteses\":[\"\",\"AA==\"],\"colors\":[\"COLOR_RED\",-1,5]}",
	"{\"messages\":[{},{\"anInt32\":1},{\"messages\":[{},{}]}]}",
	"{\"stringsByString\":{\"a\":\"b\",\"c\":\"\"},\"messagesByInt\":{\"-1\":{\"aBool\":true}}}",
	"{\"choiceString\":\"\"}",
	"{\"choiceInt\":5}",
	"{\"choiceMessage\":{\"choiceMessage\":{}}}",
	"{\"timestamp\":\"2026-03-29T10:00:00.5Z\",\"duration\":\"-1.5s\",\"mask\":\"a.b,c\",\"farAway\":\"x\"}",
	"{\"value\":{\"a\":[1,null,\"x\"]},\"wrappedInt64s\":[1,0],\"any\":{\"@type\":\"x/crm.test.v1.Part\",\"code\":\"q\"}}",
};

enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static void unpacking_agrees_with_the_library(void **state)
{
	struct pb_fixture *f = *state;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct str wire = wire_of(f, EVERYTHING, samples[i]);
		Crm__Everything *ours = everything_of(f, samples[i]);
		ProtobufCMessage *theirs = protobuf_c_message_unpack(
			everything, NULL, wire.n, (const uint8_t *)wire.p);
		assert_non_null(theirs);
		assert_true(pb_equal(ours, theirs));
		struct str packed = pb_pack(f->a, ours), packed_by_them = pb_pack(f->a, theirs);
		assert_int_equal(packed.n, packed_by_them.n);
		assert_memory_equal(packed.p, packed_by_them.p, packed.n);
		protobuf_c_message_free_unpacked(theirs, NULL);
	}
}

static void packing_into_a_buffer_appends(void **state)
{
	struct pb_fixture *f = *state;
	Crm__Everything *e = everything_of(f, samples[3]);
	struct buf b = buf_new(f->a, 0), small = buf_new(f->a, 4);
	buf_puts(&b, "x");
	pb_pack_to(&b, e);
	struct str packed = pb_pack(f->a, e);
	assert_int_equal(b.n, packed.n + 1);
	assert_memory_equal(b.p + 1, packed.p, packed.n);
	pb_pack_to(&small, e);
	assert_true(small.overflow);
}

static void parts_merge_and_the_last_value_counts(void **state)
{
	struct pb_fixture *f = *state;
	struct buf b = buf_new(f->a, 0);
	struct str one = wire_of(f, EVERYTHING,
		"{\"anInt32\":1,\"aString\":\"a\",\"strings\":[\"x\"],\"aMessage\":{\"anInt64\":1,\"aUint32\":2,\"strings\":[\"p\"]},\"choiceInt\":5}");
	struct str two = wire_of(f, EVERYTHING,
		"{\"aString\":\"b\",\"strings\":[\"y\",\"z\"],\"aMessage\":{\"anInt64\":3,\"strings\":[\"q\"]},\"choiceString\":\"c\"}");
	buf_put_str(&b, one);
	buf_put_str(&b, two);
	Crm__Everything *e;
	assert_int_equal(pb_unpack(f->a, everything, buf_str(&b), &e), ST_OK);
	Crm__Everything *want = everything_of(f,
		"{\"anInt32\":1,\"aString\":\"b\",\"strings\":[\"x\",\"y\",\"z\"],"
		"\"aMessage\":{\"anInt64\":3,\"aUint32\":2,\"strings\":[\"p\",\"q\"]},\"choiceString\":\"c\"}");
	assert_true(pb_equal(e, want));
}

static void a_oneof_never_keeps_what_another_member_left(void **state)
{
	struct pb_fixture *f = *state;
	struct buf b = buf_new(f->a, 0);
	buf_put_str(&b, wire_of(f, EVERYTHING, "{\"choiceInt\":81985529216486895}"));
	buf_put_str(&b, wire_of(f, EVERYTHING, "{\"choiceMessage\":{\"anInt32\":1}}"));
	Crm__Everything *e;
	assert_int_equal(pb_unpack(f->a, everything, buf_str(&b), &e), ST_OK);
	assert_int_equal(e->choice_case, CRM__EVERYTHING__CHOICE_CHOICE_MESSAGE);
	assert_int_equal(e->choice_message->an_int32, 1);
}

static void unpacking_refuses_what_is_malformed(void **state)
{
	struct pb_fixture *f = *state;
	static const struct str cases[] = {
		{ "\x72\x05x", 3 },
		{ "\x70\x01", 2 },     /* a string field as a number */
		{ "\x1a\x01\x01", 3 }, /* a number packed that is not repeated */
		{ "\xba\x01\x01\xff", 4 },
		{ "\xea\x01\x03\x01\x02\x03", 6 },
		{ "\x8b\x01\x8c\x01", 4 },
	};
	Crm__Everything *e;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(pb_unpack(f->a, everything, cases[i], &e), ST_INVALID_ARGUMENT);
	struct str deep = STR("");
	for (int i = 0; i < 40; i++) {
		struct buf b = buf_new(f->a, 0);
		pb_put_message(&b, 17, deep);
		deep = buf_str(&b);
	}
	assert_int_equal(pb_unpack(f->a, everything, deep, &e), ST_INVALID_ARGUMENT);
}

static void a_short_wire_cannot_ask_for_much_memory(void **state)
{
	struct pb_fixture *f = *state;
	struct buf b = buf_new(f->a, 0);
	for (int i = 0; i < 1000000; i++)
		pb_put_message(&b, 37, STR(""));
	Crm__Everything *e;
	struct arena *a = arena_new();
	assert_int_equal(pb_unpack(a, everything, buf_str(&b), &e), ST_RESOURCE_EXHAUSTED);
	assert_true(arena_used(a) < (size_t)128 << 20);
	arena_free(a);
}

static void unknown_fields_are_skipped(void **state)
{
	struct pb_fixture *f = *state;
	Crm__Everything *e;
	struct str wire = { "\xfa\x3f\x01x\x18\x05\xf8\x3f\x01", 9 };
	assert_int_equal(pb_unpack(f->a, everything, wire, &e), ST_OK);
	assert_int_equal(e->an_int32, 5);
}

static void copies_share_nothing_with_the_original(void **state)
{
	struct pb_fixture *f = *state;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct arena *first = arena_new();
		struct str wire = wire_of(f, EVERYTHING, samples[i]);
		Crm__Everything *e;
		assert_int_equal(pb_unpack(first, everything, wire, &e), ST_OK);
		Crm__Everything *copy = pb_dup(f->a, e);
		assert_true(pb_equal(copy, e));
		struct str before = pb_pack(f->a, e);
		arena_free(first); /* under ASan a pointer left in the copy shows */
		struct str after = pb_pack(f->a, copy);
		assert_int_equal(before.n, after.n);
		assert_memory_equal(before.p, after.p, after.n);
	}
}

static void only_equal_values_are_equal(void **state)
{
	struct pb_fixture *f = *state;
	for (size_t i = 0; i < SAMPLES; i++) {
		for (size_t k = 0; k < SAMPLES; k++)
			assert_int_equal(pb_equal(everything_of(f, samples[i]),
						 everything_of(f, samples[k])),
				i == k);
	}
	static const char *const pairs[][2] = {
		{ "{\"choiceInt\":0}", "{}" },
		{ "{\"choiceInt\":0}", "{\"choiceString\":\"\"}" },
		{ "{\"aMessage\":{}}", "{}" },
		{ "{\"strings\":[\"a\",\"b\"]}", "{\"strings\":[\"b\",\"a\"]}" },
		{ "{\"strings\":[\"a\"]}", "{\"strings\":[\"a\",\"\"]}" },
		{ "{\"aBytes\":\"AA==\"}", "{\"aBytes\":\"AAA=\"}" },
		{ "{\"messages\":[{\"aBool\":true}]}", "{\"messages\":[{}]}" },
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_false(
			pb_equal(everything_of(f, pairs[i][0]), everything_of(f, pairs[i][1])));
	Crm__Everything absent = CRM__EVERYTHING__INIT, empty = CRM__EVERYTHING__INIT;
	absent.a_string = NULL;
	assert_true(pb_equal(&absent, &empty));
}

static void paths_lead_through_messages(void **state)
{
	struct pb_fixture *f = *state;
	static const struct {
		const char *path;
		size_t n, repeated_at; /* n 0: no such path */
	} cases[] = {
		{ "name", 1, 1 },
		{ "main.code", 2, 2 },
		{ "main.inner.inner.code", 4, 4 },
		{ "main.inner.inner.inner.code", 0, 0 },
		{ "parts", 1, 1 },
		{ "parts.code", 2, 0 },
		{ "main.inner", 2, 2 },
		{ "owner_part.code", 2, 2 },
		{ "labels.key", 2, 0 },
		{ "nope", 0, 0 },
		{ "name.x", 0, 0 },
		{ "main.nope", 0, 0 },
		{ "main.", 0, 0 },
		{ ".main", 0, 0 },
		{ "", 0, 0 },
	};
	(void)f;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pb_path p = { 0 };
		bool found = pb_path_find(&crm__thing__descriptor, str_c(cases[i].path), &p);
		assert_int_equal(found, cases[i].n > 0);
		assert_int_equal(p.n, cases[i].n);
		assert_int_equal(p.repeated_at, cases[i].repeated_at);
	}
	struct pb_path none = { 0 };
	assert_false(pb_path_find(&crm__thing__descriptor, (struct str){ 0 }, &none));
}

static void a_path_yields_the_address_of_a_field(void **state)
{
	(void)state;
	Crm__Part inner = CRM__PART__INIT, part = CRM__PART__INIT;
	Crm__Thing t = CRM__THING__INIT;
	struct pb_path code, owner;
	assert_true(pb_path_find(&crm__thing__descriptor, STR("main.inner.code"), &code));
	assert_null(pb_path_get(&t, &code));
	t.main = &part;
	assert_null(pb_path_get(&t, &code));
	part.inner = &inner;
	assert_ptr_equal(pb_path_get(&t, &code), &inner.code);
	assert_true(pb_path_find(&crm__thing__descriptor, STR("owner_id"), &owner));
	assert_null(pb_path_get(&t, &owner)); /* not the member that is set */
	t.owner_case = CRM__THING__OWNER_OWNER_ID;
	t.owner_id = "x";
	assert_ptr_equal(pb_path_get(&t, &owner), &t.owner_id);
}

static void fields_are_read_and_written_by_name(void **state)
{
	(void)state;
	Crm__Part part = CRM__PART__INIT;
	Crm__Part *parts[] = { &part };
	Crm__Thing t = CRM__THING__INIT;
	void **list;
	t.name = NULL;
	assert_string_equal(pb_get_string(&t, "name"), "");
	pb_set_string(&t, "name", "Jan");
	assert_string_equal(t.name, "Jan");
	pb_set_int(&t, "score", -5);
	pb_set_int(&t, "color", CRM__COLOR__COLOR_GREEN);
	assert_int_equal(t.score, -5);
	assert_int_equal(pb_get_int(&t, "score"), -5);
	assert_int_equal(pb_get_int(&t, "color"), 2);
	assert_null(pb_get_message(&t, "main"));
	pb_set_message(&t, "main", &part);
	assert_ptr_equal(pb_get_message(&t, "main"), &part);
	pb_set_message(&t, "main", NULL);
	assert_null(t.main);
	pb_set_repeated(&t, "parts", 1, parts);
	assert_int_equal(pb_get_repeated(&t, "parts", &list), 1);
	assert_ptr_equal(list[0], &part);
	assert_string_equal(pb_get_string(&t, "owner_id"), "");
	pb_set_string(&t, "owner_id", "x");
	assert_int_equal(t.owner_case, CRM__THING__OWNER_OWNER_ID);
	pb_set_message(&t, "owner_part", &part);
	assert_string_equal(pb_get_string(&t, "owner_id"), "");
	assert_ptr_equal(pb_get_message(&t, "owner_part"), &part);
	Crm__Everything e = CRM__EVERYTHING__INIT;
	pb_set_int(&e, "a_uint32", 4294967295);
	assert_int_equal(pb_get_int(&e, "a_uint32"), 4294967295);
	pb_set_int(&e, "a_bool", 1);
	assert_true(e.a_bool);
}

static void wire_written_by_hand_reads_back(void **state)
{
	struct pb_fixture *f = *state;
	struct buf b = buf_new(f->a, 0);
	pb_put_int(&b, 3, -1);
	pb_put_int(&b, 4, 0);
	pb_put_bytes(&b, 14, STR("abc"));
	pb_put_bytes(&b, 15, STR(""));
	pb_put_message(&b, 17, STR(""));
	pb_put_tag(&b, 10, 1);
	buf_put(&b, "\1\2\3\4\5\6\7\x08", 8);
	struct pb_reader r = { (const uint8_t *)b.p, (const uint8_t *)b.p + b.n };
	struct pb_wire_field v;
	assert_true(pb_read(&r, &v) && v.number == 3 && v.value == UINT64_MAX);
	assert_true(pb_read(&r, &v) && v.number == 14 && str_is(v.bytes, "abc"));
	assert_true(pb_read(&r, &v) && v.number == 17 && v.bytes.n == 0 && v.wire_type == 2);
	assert_true(pb_read(&r, &v) && v.number == 10 && v.value == 0x0807060504030201);
	assert_false(pb_read(&r, &v));
	assert_ptr_equal(r.p, r.end);
	r = (struct pb_reader){ (const uint8_t *)"\x08", (const uint8_t *)"" };
	r.end = r.p + 1;
	assert_false(pb_read(&r, &v));
	assert_ptr_not_equal(r.p, r.end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unpacking_agrees_with_the_library),
		cmocka_unit_test(packing_into_a_buffer_appends),
		cmocka_unit_test(parts_merge_and_the_last_value_counts),
		cmocka_unit_test(a_oneof_never_keeps_what_another_member_left),
		cmocka_unit_test(unpacking_refuses_what_is_malformed),
		cmocka_unit_test(a_short_wire_cannot_ask_for_much_memory),
		cmocka_unit_test(unknown_fields_are_skipped),
		cmocka_unit_test(copies_share_nothing_with_the_original),
		cmocka_unit_test(only_equal_values_are_equal),
		cmocka_unit_test(paths_lead_through_messages),
		cmocka_unit_test(a_path_yields_the_address_of_a_field),
		cmocka_unit_test(fields_are_read_and_written_by_name),
		cmocka_unit_test(wire_written_by_hand_reads_back),
	};
	return cmocka_run_group_tests(tests, pb_fixture_setup, pb_fixture_teardown);
}
