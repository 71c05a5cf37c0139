/* Wire bytes: what validation passes must unpack, print as JSON and come back from it. */
#include "tests/fuzz/fuzz_pb.h"
#include "crm/test/v1/everything.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pb_schema *s;
	s = s ? s : fuzz_schema();
	struct arena *a = arena_new();
	const struct pb_message *m = pb_schema_message(s, "crm.test.v1.Everything");
	struct pb_violations v;
	struct str wire = str_n(data, size), json;
	(void)!pb_validate(a, pb_schema_message(s, "crm.test.v1.UpdateThingRequest"), wire,
		PB_VALIDATE_UPDATE, &v);
	if (pb_validate(a, m, wire, PB_VALIDATE_WIRE, &v) == ST_OK) {
		fuzz_struct(a, &crm__everything__descriptor, wire);
		if (pb_json_from_wire(a, s, m, wire, 0, &json) == ST_OK)
			fuzz_reads(a, s, m, json);
	}
	arena_free(a);
	return 0;
}
