/*
 * Schema: names, types, options, reflection, and sets of strangers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "tests/support/pb_fixture.h"

extern const char crm_all_pb[], crm_all_pb_end[], crm_test_pb[], crm_test_pb_end[];

static const struct pb_field *field(
	const struct pb_fixture *f, const char *message, const char *name)
{
	const struct pb_field *found =
		pb_message_field(pb_fixture_message(f, message), str_c(name));
	assert_non_null(found);
	return found;
}

static void fields_carry_their_types(void **state)
{
	const struct pb_fixture *f = *state;
	static const struct {
		const char *name;
		enum pb_type type;
		uint32_t number;
		bool repeated, packed, is_map, has_presence;
	} cases[] = {
		{ "a_double", PB_DOUBLE, 1, false, false, false, false },
		{ "a_string", PB_STRING, 14, false, false, false, false },
		{ "a_color", PB_ENUM, 16, false, false, false, false },
		{ "a_message", PB_MESSAGE, 17, false, false, false, true },
		{ "int32s", PB_INT32, 23, true, true, false, false },
		{ "unpacked", PB_INT32, 38, true, false, false, false },
		{ "strings", PB_STRING, 34, true, false, false, false },
		{ "strings_by_string", PB_MESSAGE, 41, true, false, true, false },
		{ "choice_int", PB_INT64, 52, false, false, false, true },
		{ "far_away", PB_STRING, 100000, false, false, false, false },
	};
	const struct pb_message *m = pb_fixture_message(f, "crm.test.v1.Everything");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct pb_field *got = field(f, "crm.test.v1.Everything", cases[i].name);
		assert_int_equal(got->type, cases[i].type);
		assert_int_equal(got->number, cases[i].number);
		assert_int_equal(got->repeated, cases[i].repeated);
		assert_int_equal(got->packed, cases[i].packed);
		assert_int_equal(got->is_map, cases[i].is_map);
		assert_int_equal(got->has_presence, cases[i].has_presence);
		assert_ptr_equal(pb_message_field_by_number(m, cases[i].number), got);
	}
	assert_null(pb_message_field(m, STR("a_doubl")));
	assert_null(pb_message_field(m, STR("aDouble")));
	assert_null(pb_message_field_by_number(m, 0));
	assert_null(pb_message_field_by_number(m, 18));
	assert_null(pb_message_field_by_number(m, 99999));
	assert_null(pb_message_field_by_number(m, UINT32_MAX));
}

static void json_and_proto_names_lead_to_the_same_field(void **state)
{
	const struct pb_fixture *f = *state;
	const struct pb_message *m = pb_fixture_message(f, "crm.test.v1.Everything");
	const struct pb_field *a = pb_message_field_by_json(m, STR("anInt32"));
	assert_non_null(a);
	assert_ptr_equal(a, pb_message_field_by_json(m, STR("an_int32")));
	assert_null(pb_message_field_by_json(m, STR("AnInt32")));
	assert_string_equal(
		field(f, "crm.test.v1.Everything", "_odd__name_")->json_name, "OddName");
}

static void oneofs_are_known_and_those_of_optionals_are_not(void **state)
{
	const struct pb_fixture *f = *state;
	assert_string_equal(
		field(f, "crm.test.v1.Everything", "choice_string")->oneof_name, "choice");
	assert_int_equal(field(f, "crm.test.v1.Everything", "a_string")->oneof, -1);
	const struct pb_field *number = field(f, "crm.test.v1.optional.Maybe", "number");
	assert_int_equal(number->oneof, -1);
	assert_true(number->has_presence);
	assert_false(field(f, "crm.test.v1.optional.Maybe", "plain")->has_presence);
	assert_string_equal(field(f, "crm.test.v1.optional.Maybe", "a")->oneof_name, "real");
}

static void proto2_fields_have_presence_and_are_not_packed(void **state)
{
	const struct pb_fixture *f = *state;
	assert_true(field(f, "crm.test.v1.foreign.Old", "number")->has_presence);
	assert_false(field(f, "crm.test.v1.foreign.Old", "numbers")->packed);
	assert_true(field(f, "crm.test.v1.foreign.Old", "packed")->packed);
	assert_int_equal(field(f, "crm.test.v1.foreign.Old", "thing")->type, PB_GROUP);
}

static void rules_come_from_the_options(void **state)
{
	const struct pb_fixture *f = *state;
	const struct pb_rules *r = &field(f, "crm.test.v1.Part", "code")->rules;
	assert_true(r->required);
	assert_int_equal(r->format, PB_FORMAT_KEY);
	assert_int_equal(r->max_length, 10);
	assert_int_equal(r->min_length, 2);
	assert_int_equal(r->max_items, 1000);
	r = &field(f, "crm.test.v1.Thing", "score")->rules;
	assert_int_equal(r->min, -10);
	assert_int_equal(r->max, 10);
	assert_int_equal(r->max_length, 1024);
	assert_true(field(f, "crm.test.v1.Thing", "note")->rules.multiline);
	assert_true(field(f, "crm.test.v1.Thing", "note")->rules.pii);
	assert_true(field(f, "crm.test.v1.Thing", "password")->rules.secret);
	assert_true(field(f, "crm.test.v1.Thing", "create_time")->rules.output_only);
	assert_true(field(f, "crm.test.v1.Thing", "id")->rules.immutable);
}

static void methods_carry_kind_and_policy(void **state)
{
	const struct pb_fixture *f = *state;
	const struct pb_method *m =
		pb_schema_method(f->schema, STR("/crm.test.v1.ThingsService/UpdateThing"));
	assert_non_null(m);
	assert_string_equal(m->name, "UpdateThing");
	assert_string_equal(m->policy.permission, "things.things.write");
	assert_string_equal(m->policy.event, "thing.updated");
	assert_false(m->client_streaming || m->server_streaming || m->policy.slow);
	assert_string_equal(m->input->full_name, "crm.test.v1.UpdateThingRequest");
	assert_string_equal(m->output->name, "Thing");
	m = pb_schema_method(f->schema, STR("/crm.test.v1.ThingsService/WatchThings"));
	assert_true(m->client_streaming && m->server_streaming);
	assert_true(m->policy.signed_in && m->policy.read_only && m->policy.slow);
	assert_null(m->policy.permission);
	assert_true(pb_schema_method(f->schema, STR("/crm.test.v1.ThingsService/OpenThing"))
			    ->policy.is_public);
	assert_null(pb_schema_method(f->schema, STR("crm.test.v1.ThingsService/OpenThing")));
	const struct pb_service *s = pb_schema_service(f->schema, "crm.test.v1.ThingsService");
	assert_int_equal(s->n_methods, 3);
	assert_ptr_equal(m->service, s);
	const struct pb_service *const *all;
	assert_int_equal(pb_schema_services(f->schema, &all), 1);
	assert_ptr_equal(all[0], s);
}

static void enums_are_found_by_name(void **state)
{
	const struct pb_fixture *f = *state;
	const struct pb_enum *e = pb_schema_enum(f->schema, "crm.test.v1.Color");
	assert_int_equal(e->n_values, 4);
	assert_string_equal(e->values[1].name, "COLOR_RED");
	assert_int_equal(e->values[3].number, -1);
	assert_non_null(pb_schema_enum(f->schema, "crm.test.v1.foreign.Old.Nested.Kind"));
	assert_null(pb_schema_enum(f->schema, "crm.test.v1.Thing"));
}

static void reflection_finds_the_file_of_every_kind_of_symbol(void **state)
{
	const struct pb_fixture *f = *state;
	static const struct {
		const char *symbol, *file;
	} cases[] = {
		{ "crm.test.v1.Thing", "crm/test/v1/everything.proto" },
		{ "crm.test.v1.Thing.name", "crm/test/v1/everything.proto" },
		{ "crm.test.v1.Thing.owner", "crm/test/v1/everything.proto" },
		{ "crm.test.v1.Thing.LabelsEntry", "crm/test/v1/everything.proto" },
		{ "crm.test.v1.Color", "crm/test/v1/everything.proto" },
		{ "crm.test.v1.COLOR_RED", "crm/test/v1/everything.proto" },
		{ "crm.test.v1.ThingsService", "crm/test/v1/everything.proto" },
		{ "crm.test.v1.ThingsService.OpenThing", "crm/test/v1/everything.proto" },
		{ "crm.test.v1.foreign.more", "crm/test/v1/foreign.proto" },
		{ "crm.common.v1.rules", "crm/common/v1/options.proto" },
		{ "google.protobuf.Timestamp", "google/protobuf/timestamp.proto" },
		{ "crm.test.v1", NULL },
		{ "crm.test.v1.Color.COLOR_RED", NULL },
		{ "", NULL },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *name = NULL;
		struct str file =
			pb_schema_file_of_symbol(f->schema, str_c(cases[i].symbol), &name);
		assert_int_equal(file.p != NULL, cases[i].file != NULL);
		if (!cases[i].file)
			continue;
		assert_string_equal(name, cases[i].file);
		struct str by_name = pb_schema_file_by_name(f->schema, str_c(name));
		assert_true(str_eq(file, by_name));
	}
}

static void reflection_knows_extensions_and_dependencies(void **state)
{
	const struct pb_fixture *f = *state;
	uint32_t numbers[8];
	struct str old = STR("crm.test.v1.foreign.Old");
	assert_int_equal(pb_schema_extension_numbers(f->schema, old, numbers, 8), 2);
	assert_int_equal(numbers[0] + numbers[1], 250);
	assert_int_equal(pb_schema_extension_numbers(f->schema, old, numbers, 1), 1);
	const char *name = NULL;
	assert_non_null(pb_schema_file_of_extension(f->schema, old, 150, &name).p);
	assert_string_equal(name, "crm/test/v1/foreign.proto");
	assert_null(pb_schema_file_of_extension(f->schema, old, 151, &name).p);
	assert_non_null(pb_schema_file_of_extension(
		f->schema, STR("google.protobuf.FieldOptions"), 51002, &name)
				.p);
	const char *const *deps = NULL;
	assert_int_equal(
		pb_schema_file_dependencies(f->schema, STR("crm/test/v1/foreign.proto"), &deps), 1);
	assert_string_equal(deps[0], "google/protobuf/descriptor.proto");
	assert_int_equal(pb_schema_file_dependencies(f->schema, STR("nope.proto"), &deps), 0);
}

static void comments_are_read_from_the_source_info(void **state)
{
	const struct pb_fixture *f = *state;
	assert_string_equal(pb_schema_comment(f->schema, "crm.test.v1.Thing"),
		"The comment of Thing,\n  over two lines.");
	assert_string_equal(
		pb_schema_comment(f->schema, "crm.test.v1.Thing.id"), "The comment of id.");
	assert_string_equal(pb_schema_comment(f->schema, "crm.test.v1.ThingsService.UpdateThing"),
		"The comment of UpdateThing.");
	assert_string_equal(pb_schema_comment(f->schema, "crm.test.v1.Thing.name"), "");
	assert_string_equal(pb_schema_comment(f->schema, "nothing"), "");
}

static void the_set_of_all_protos_loads(void **state)
{
	(void)state;
	struct pb_schema *s;
	struct str set = str_n(crm_all_pb, (size_t)(crm_all_pb_end - crm_all_pb));
	assert_int_equal(pb_schema_new(set, &s), ST_OK);
	assert_non_null(pb_schema_message(s, "google.rpc.Status"));
	pb_schema_free(s);
}

/* Every cut and many a changed byte: refused or loaded, never more. */
static void damaged_sets_do_no_harm(void **state)
{
	(void)state;
	size_t n = (size_t)(crm_test_pb_end - crm_test_pb);
	char *copy = mem_dup(crm_test_pb, n);
	struct pb_schema *s;
	size_t loaded = 0;
	for (size_t i = 0; i < n; i += 97) {
		s = NULL;
		if (pb_schema_new(str_n(copy, i), &s) == ST_OK)
			pb_schema_free(s), loaded++;
		copy[i] = (char)(copy[i] ^ (1 << (i % 8)));
		if (pb_schema_new(str_n(copy, n), &s) == ST_OK)
			pb_schema_free(s), loaded++;
		copy[i] = crm_test_pb[i];
	}
	assert_true(loaded < n / 97 * 2);
	mem_free(copy);
}

static struct str set_of(struct arena *a, struct str file_members)
{
	struct buf file = buf_new(a, 0), set = buf_new(a, 0);
	pb_put_bytes(&file, 1, STR("x.proto"));
	pb_put_bytes(&file, 12, STR("proto3"));
	buf_put_str(&file, file_members);
	pb_put_message(&set, 1, buf_str(&file));
	return buf_str(&set);
}

static struct str message_of(struct arena *a, const char *name, struct str members)
{
	struct buf message = buf_new(a, 0), out = buf_new(a, 0);
	pb_put_bytes(&message, 1, str_c(name));
	buf_put_str(&message, members);
	pb_put_message(&out, 4, buf_str(&message));
	return buf_str(&out);
}

static struct str field_of(
	struct arena *a, const char *name, int64_t number, int64_t type, const char *type_name)
{
	struct buf field = buf_new(a, 0), out = buf_new(a, 0);
	pb_put_bytes(&field, 1, str_c(name));
	pb_put_int(&field, 3, number);
	pb_put_int(&field, 4, 1);
	pb_put_int(&field, 5, type);
	pb_put_bytes(&field, 6, str_c(type_name));
	pb_put_message(&out, 2, buf_str(&field));
	return buf_str(&out);
}

static struct str joined(struct arena *a, struct str x, struct str y)
{
	struct buf b = buf_new(a, 0);
	buf_put_str(&b, x);
	buf_put_str(&b, y);
	return buf_str(&b);
}

static struct str nested_messages(struct arena *a, int depth)
{
	struct str inner = STR("");
	for (int i = 0; i < depth; i++) {
		struct buf b = buf_new(a, 0), out = buf_new(a, 0);
		pb_put_bytes(&b, 1, STR("M"));
		buf_put_str(&b, inner);
		pb_put_message(&out, i == depth - 1 ? 4 : 3, buf_str(&b));
		inner = buf_str(&out);
	}
	return inner;
}

static void a_strangers_set_must_make_sense(void **state)
{
	const struct pb_fixture *f = *state;
	struct arena *a = f->a;
	struct str x1 = field_of(a, "x", 1, PB_INT32, "");
	const struct {
		struct str members;
		bool ok;
	} cases[] = {
		{ message_of(a, "A", x1), true },
		{ message_of(a, "A", field_of(a, "x", 1, PB_MESSAGE, ".A")), true },
		{ message_of(a, "A", field_of(a, "x", 1, PB_MESSAGE, ".B")), false },
		{ message_of(a, "A", field_of(a, "x", 1, PB_ENUM, ".A")), false },
		{ message_of(a, "A", field_of(a, "x", 0, PB_INT32, "")), false },
		{ message_of(a, "A", field_of(a, "x", 1 << 29, PB_INT32, "")), false },
		{ message_of(a, "A", field_of(a, "x", 1, 19, "")), false },
		{ message_of(a, "A", field_of(a, "x y", 1, PB_INT32, "")), false },
		{ message_of(a, "A", joined(a, x1, x1)), false },
		{ message_of(a, "A", joined(a, x1, field_of(a, "y", 1, PB_INT32, ""))), false },
		{ joined(a, message_of(a, "A", x1), message_of(a, "A", x1)), false },
		{ message_of(a, "A\nB", x1), false },
		{ message_of(a, "", x1), false },
		{ nested_messages(a, 20), true },
		{ nested_messages(a, 200), false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pb_schema *s = NULL;
		enum status st = pb_schema_new(set_of(a, cases[i].members), &s);
		if (st != (cases[i].ok ? ST_OK : ST_INVALID_ARGUMENT))
			fail_msg("case %zu: %s", i, status_name(st));
		pb_schema_free(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_carry_their_types),
		cmocka_unit_test(json_and_proto_names_lead_to_the_same_field),
		cmocka_unit_test(oneofs_are_known_and_those_of_optionals_are_not),
		cmocka_unit_test(proto2_fields_have_presence_and_are_not_packed),
		cmocka_unit_test(rules_come_from_the_options),
		cmocka_unit_test(methods_carry_kind_and_policy),
		cmocka_unit_test(enums_are_found_by_name),
		cmocka_unit_test(reflection_finds_the_file_of_every_kind_of_symbol),
		cmocka_unit_test(reflection_knows_extensions_and_dependencies),
		cmocka_unit_test(comments_are_read_from_the_source_info),
		cmocka_unit_test(the_set_of_all_protos_loads),
		cmocka_unit_test(damaged_sets_do_no_harm),
		cmocka_unit_test(a_strangers_set_must_make_sense),
	};
	return cmocka_run_group_tests(tests, pb_fixture_setup, pb_fixture_teardown);
}
