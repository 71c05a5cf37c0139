/* A descriptor set of a stranger: refused, or good enough to describe and validate with. */
#include "tests/fuzz/fuzz_pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pb_schema *s;
	if (pb_schema_new(str_n(data, size), &s) == ST_OK) {
		fuzz_schema_use(s);
		pb_schema_free(s);
	}
	return 0;
}
