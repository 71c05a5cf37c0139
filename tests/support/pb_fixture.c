/*
 * See pb_fixture.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "tests/support/pb_fixture.h"

extern const char crm_test_pb[], crm_test_pb_end[];

int pb_fixture_setup(void **state)
{
	struct pb_fixture *f = mem_zalloc(sizeof(*f));
	f->a = arena_new();
	struct str set = str_n(crm_test_pb, (size_t)(crm_test_pb_end - crm_test_pb));
	assert_int_equal(pb_schema_new(set, &f->schema), ST_OK);
	*state = f;
	return 0;
}

int pb_fixture_teardown(void **state)
{
	struct pb_fixture *f = *state;
	pb_schema_free(f->schema);
	arena_free(f->a);
	mem_free(f);
	return 0;
}

const struct pb_message *pb_fixture_message(const struct pb_fixture *f, const char *full_name)
{
	const struct pb_message *m = pb_schema_message(f->schema, full_name);
	assert_non_null(m);
	return m;
}

const char *pb_fixture_complaints(const struct pb_fixture *f)
{
	struct buf b = buf_new(f->a, 0);
	for (size_t i = 0; i < f->violations.n; i++) {
		const struct pb_violation *v = &f->violations.v[i];
		buf_printf(&b, "%s%s: %s", i ? "\n" : "", v->field, v->description);
	}
	return buf_cstr(&b);
}
