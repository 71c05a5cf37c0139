/* Filters and orders from a stranger: they parse or are refused, whatever the bytes. */
#include "kit/filter.h"

static const struct filter_field FIELDS[] = {
	{ "id", "c.id", FILTER_UUID, true, false },
	{ "name", "c.name", FILTER_FOLD, true, true },
	{ "text", "c.text", FILTER_TEXT, false, true },
	{ "count", "c.count", FILTER_INT, true, false },
	{ "flag", "c.flag", FILTER_BOOL, false, false },
	{ "time", "c.time", FILTER_TIME, true, false },
	{ "date", "c.date", FILTER_DATE, false, false },
	{ "list", "c.list", FILTER_LIST, false, true },
	{ "map", "c.map", FILTER_MAP, false, false },
	{ 0 },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct filter f;
	struct order o;
	const char *why;
	(void)filter_parse(a, str_n(data, size), FIELDS, NULL, 1, &f, &why);
	(void)order_parse(a, str_n(data, size), FIELDS, &o, &why);
	arena_free(a);
	return 0;
}
