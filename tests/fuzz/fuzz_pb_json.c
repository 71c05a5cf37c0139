/* JSON text: what is accepted must be sound wire and print again. */
#include "tests/fuzz/fuzz_pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pb_schema *s;
	s = s ? s : fuzz_schema();
	struct arena *a = arena_new();
	const struct pb_message *m = pb_schema_message(s, "crm.test.v1.Everything");
	struct pb_violations v;
	struct str wire;
	if (pb_json_to_wire(a, s, m, str_n(data, size), &wire, &v) == ST_OK)
		fuzz_prints(a, s, m, wire);
	arena_free(a);
	return 0;
}
