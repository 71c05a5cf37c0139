/*
 * The schema of tests/proto, and an arena, for the tests of the pb adapter.
 */
#pragma once
#include "adapters/pb/pb.h"

struct pb_fixture {
	struct arena *a;
	struct pb_schema *schema;
	struct pb_violations violations;
};

int pb_fixture_setup(void **state); /* for cmocka: *state is a struct pb_fixture */
int pb_fixture_teardown(void **state);
/* exists, or the test fails */
const struct pb_message *pb_fixture_message(const struct pb_fixture *f, const char *full_name);
/* "field: description" lines of the violations. */
const char *pb_fixture_complaints(const struct pb_fixture *f);
