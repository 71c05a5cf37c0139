/*
 * Field masks: what may be named, and what applying them replaces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "crm/test/v1/everything.pb-c.h"
#include "tests/support/pb_fixture.h"

static Crm__Thing *thing(struct pb_fixture *f, const char *json)
{
	struct str wire;
	Crm__Thing *t = NULL;
	if (pb_json_to_wire(f->a, f->schema, pb_fixture_message(f, "crm.test.v1.Thing"),
		    str_c(json), &wire, &f->violations) != ST_OK)
		fail_msg("%s: %s", json, pb_fixture_complaints(f));
	assert_int_equal(pb_unpack(f->a, &crm__thing__descriptor, wire, &t), ST_OK);
	return t;
}

static const char *json_of(struct pb_fixture *f, const Crm__Thing *t)
{
	struct str out;
	assert_int_equal(
		pb_json_from_wire(f->a, f->schema, pb_fixture_message(f, "crm.test.v1.Thing"),
			pb_pack(f->a, t), PB_JSON_PROTO_NAMES, &out),
		ST_OK);
	return str_dup(f->a, out);
}

/* "a,b" as an array */
static size_t paths_of(struct pb_fixture *f, const char *list, char ***ret)
{
	char **paths = arena_new_array(f->a, char *, 16);
	size_t n = 0;
	struct str rest = str_c(list);
	while (rest.n > 0)
		paths[n++] = str_dup(f->a, str_cut(&rest, ','));
	*ret = paths;
	return n;
}

static const char *joined(struct pb_fixture *f, char **paths, size_t n)
{
	struct buf b = buf_new(f->a, 0);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s", i ? "," : "", paths[i]);
	return buf_cstr(&b);
}

static void paths_must_name_fields_that_clients_may_change(void **state)
{
	struct pb_fixture *f = *state;
	static const struct {
		const char *paths, *complaint;
	} cases[] = {
		{ "", "" },
		{ "name", "" },
		{ "name,main.code,parts,labels,owner_id", "" },
		{ "main", "" },
		{ "main.inner.inner.code", "" },
		{ "main.inner.inner.inner.code",
			"update_mask: 'main.inner.inner.inner.code' names no field" },
		{ "*", "" },
		{ "*,name", "update_mask: '*' must stand alone" },
		{ "nope", "update_mask: 'nope' names no field" },
		{ "Name", "update_mask: 'Name' names no field" },
		{ "createTime", "update_mask: 'createTime' names no field" },
		{ "create_time", "update_mask: 'create_time' is set by the server only" },
		{ "create_time.seconds",
			"update_mask: 'create_time.seconds' is set by the server only" },
		{ "id", "update_mask: 'id' cannot be changed" },
		{ "main.serial", "update_mask: 'main.serial' cannot be changed" },
		{ "main.made_by,x",
			"update_mask: 'main.made_by' is set by the server only\nupdate_mask: 'x' names no field" },
		{ "parts.code",
			"update_mask: 'parts.code' leads through a repeated field, which is replaced whole" },
		{ "labels.a",
			"update_mask: 'labels.a' leads through a repeated field, which is replaced whole" },
		{ "name.x", "update_mask: 'name.x' names no field" },
		{ "main.", "update_mask: 'main.' names no field" },
		{ ".", "update_mask: '.' names no field" },
		{ "a\nb", "update_mask: has a malformed path" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char **paths;
		size_t n = paths_of(f, cases[i].paths, &paths);
		enum status st = pb_mask_check(
			f->a, pb_fixture_message(f, "crm.test.v1.Thing"), paths, n, &f->violations);
		assert_string_equal(pb_fixture_complaints(f), cases[i].complaint);
		assert_int_equal(st, *cases[i].complaint ? ST_INVALID_ARGUMENT : ST_OK);
	}
	char *empty[] = { (char[]){ "" } };
	assert_int_equal(pb_mask_check(f->a, pb_fixture_message(f, "crm.test.v1.Thing"), empty, 1,
				 &f->violations),
		ST_INVALID_ARGUMENT);
}

#define OLD                                                                                        \
	"{\"id\":\"1\",\"name\":\"old\",\"note\":\"n\",\"parts\":[{\"code\":\"a\"}],"              \
	"\"main\":{\"code\":\"m\",\"made_by\":\"srv\",\"weight\":3},\"owner_id\":\"o\"}"

static void applying_replaces_what_is_named_and_nothing_else(void **state)
{
	struct pb_fixture *f = *state;
	static const struct {
		const char *dst, *src, *paths, *result;
	} cases[] = {
		{ "{\"name\":\"a\",\"note\":\"b\"}", "{\"name\":\"x\",\"note\":\"y\"}", "name",
			"{\"name\":\"x\",\"note\":\"b\"}" },
		{ "{\"name\":\"a\",\"note\":\"b\"}", "{}", "name", "{\"note\":\"b\"}" },
		{ "{\"parts\":[{\"code\":\"a\"},{\"code\":\"b\"}]}",
			"{\"parts\":[{\"code\":\"c\"}]}", "parts",
			"{\"parts\":[{\"code\":\"c\"}]}" },
		{ "{\"parts\":[{\"code\":\"a\"}]}", "{}", "parts", "{}" },
		{ "{\"main\":{\"code\":\"a\",\"weight\":1}}", "{\"main\":{\"code\":\"b\"}}",
			"main.code", "{\"main\":{\"code\":\"b\",\"weight\":1}}" },
		{ "{\"main\":{\"code\":\"a\",\"weight\":1}}", "{}", "main.code",
			"{\"main\":{\"weight\":1}}" },
		{ "{}", "{\"main\":{\"code\":\"b\",\"weight\":1}}", "main.code",
			"{\"main\":{\"code\":\"b\"}}" },
		{ "{}", "{}", "main.code", "{}" },
		{ "{}", "{\"main\":{\"inner\":{\"code\":\"z\"}}}", "main.inner.code",
			"{\"main\":{\"inner\":{\"code\":\"z\"}}}" },
		{ "{\"main\":{\"code\":\"a\",\"weight\":1}}", "{\"main\":{\"code\":\"b\"}}", "main",
			"{\"main\":{\"code\":\"b\"}}" },
		{ "{\"main\":{\"code\":\"a\"}}", "{}", "main", "{}" },
		{ "{}", "{\"main\":{\"code\":\"b\"}}", "main", "{\"main\":{\"code\":\"b\"}}" },
		{ "{\"owner_id\":\"a\"}", "{\"owner_part\":{\"code\":\"p\"}}", "owner_part",
			"{\"owner_part\":{\"code\":\"p\"}}" },
		{ "{\"owner_id\":\"a\"}", "{}", "owner_part", "{\"owner_id\":\"a\"}" },
		{ "{\"owner_id\":\"a\"}", "{}", "owner_id", "{}" },
		/* what the server sets stays, named or not */
		{ OLD, "{\"id\":\"2\",\"name\":\"x\"}", "id,name",
			"{\"id\":\"1\",\"name\":\"x\",\"note\":\"n\",\"parts\":[{\"code\":\"a\"}],"
			"\"main\":{\"code\":\"m\",\"made_by\":\"srv\",\"weight\":3},\"owner_id\":\"o\"}" },
		{ OLD, "{\"main\":{\"code\":\"q\",\"made_by\":\"me\"}}", "main",
			"{\"id\":\"1\",\"name\":\"old\",\"note\":\"n\",\"parts\":[{\"code\":\"a\"}],"
			"\"main\":{\"code\":\"q\",\"made_by\":\"srv\"},\"owner_id\":\"o\"}" },
		{ OLD, "{\"id\":\"2\",\"name\":\"x\",\"create_time\":\"2026-01-01T00:00:00Z\",\"main\":{\"code\":\"q\"},\"owner_part\":{\"code\":\"p\"}}",
			"*",
			"{\"id\":\"1\",\"name\":\"x\",\"main\":{\"code\":\"q\",\"made_by\":\"srv\"},\"owner_part\":{\"code\":\"p\"}}" },
		{ OLD, "{}", "*", "{\"id\":\"1\"}" },
		{ "{\"labels\":{\"a\":\"b\"}}", "{\"labels\":{\"c\":\"d\"}}", "labels",
			"{\"labels\":{\"c\":\"d\"}}" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		Crm__Thing *dst = thing(f, cases[i].dst), *src = thing(f, cases[i].src);
		char **paths;
		size_t n = paths_of(f, cases[i].paths, &paths);
		pb_mask_apply(f->a, pb_fixture_message(f, "crm.test.v1.Thing"), dst, src, paths, n);
		if (strcmp(json_of(f, dst), cases[i].result) != 0)
			fail_msg("case %zu: %s, not %s", i, json_of(f, dst), cases[i].result);
	}
}

static void the_mask_of_a_message_names_what_is_set(void **state)
{
	struct pb_fixture *f = *state;
	char **paths;
	size_t n = pb_mask_of(f->a, thing(f, OLD), &paths);
	assert_string_equal(joined(f, paths, n), "id,name,note,parts,main,owner_id");
	assert_int_equal(pb_mask_of(f->a, thing(f, "{}"), &paths), 0);
}

static void changed_fields_are_those_that_differ(void **state)
{
	struct pb_fixture *f = *state;
	char **paths;
	size_t n = pb_changed_fields(f->a, thing(f, OLD),
		thing(f,
			"{\"id\":\"1\",\"name\":\"new\",\"note\":\"n\",\"parts\":[{\"code\":\"b\"}],"
			"\"main\":{\"code\":\"m\",\"made_by\":\"srv\",\"weight\":3},\"owner_part\":{}}"),
		&paths);
	assert_string_equal(joined(f, paths, n), "name,parts,owner_id,owner_part");
	assert_int_equal(pb_changed_fields(f->a, thing(f, OLD), thing(f, OLD), &paths), 0);
}

static void what_only_the_server_sets_is_cleared_at_every_depth(void **state)
{
	struct pb_fixture *f = *state;
	Crm__Thing *t = thing(f,
		"{\"id\":\"1\",\"create_time\":\"2026-01-01T00:00:00Z\",\"main\":{\"code\":\"m\",\"made_by\":\"x\","
		"\"inner\":{\"made_by\":\"y\"}},\"parts\":[{\"code\":\"a\",\"made_by\":\"z\"}],"
		"\"owner_part\":{\"made_by\":\"q\"},\"parts_by_name\":{\"k\":{\"made_by\":\"w\",\"weight\":1}}}");
	pb_clear_output_only(pb_fixture_message(f, "crm.test.v1.Thing"), t);
	assert_string_equal(json_of(f, t),
		"{\"id\":\"1\",\"parts\":[{\"code\":\"a\"}],\"main\":{\"code\":\"m\",\"inner\":{}},\"owner_part\":{},"
		"\"parts_by_name\":{\"k\":{\"weight\":1}}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_must_name_fields_that_clients_may_change),
		cmocka_unit_test(applying_replaces_what_is_named_and_nothing_else),
		cmocka_unit_test(the_mask_of_a_message_names_what_is_set),
		cmocka_unit_test(changed_fields_are_those_that_differ),
		cmocka_unit_test(what_only_the_server_sets_is_cleared_at_every_depth),
	};
	return cmocka_run_group_tests(tests, pb_fixture_setup, pb_fixture_teardown);
}
