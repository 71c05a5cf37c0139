/*
 * Which PostgreSQL types statements may use. The OIDs are fixed in PostgreSQL's catalog
 * (pg_type.dat).
 */
#include "adapters/db/value_private.h"

struct known_type {
	unsigned oid, array_oid; /* array_oid 0: no arrays of it */
	enum value_type value;
};

static const struct known_type known[] = {
	{ 25, 1009, VALUE_TEXT }, { 2950, 2951, VALUE_UUID }, { 1184, 1185, VALUE_TIME },
	{ 20, 1016, VALUE_INT8 }, { 23, 1007, VALUE_INT4 }, { 16, 1000, VALUE_BOOL },
	{ 3802, 0, VALUE_JSONB }, { 1082, 1182, VALUE_DATE }, { 17, 1001, VALUE_BYTES },
	{ 21, 1005, VALUE_INT2 }, { 701, 1022, VALUE_FLOAT8 }, { 700, 1021, VALUE_FLOAT4 },
	{ 1700, 0, VALUE_NUMERIC }, { 1043, 1015, VALUE_TEXT }, /* varchar */
	{ 1042, 1014, VALUE_TEXT },                             /* char(n) */
	{ 19, 1003, VALUE_TEXT },                               /* name */
	{ 114, 0, VALUE_TEXT },                                 /* json */
};

struct pg_type pg_type_find(unsigned oid, const struct extra_type *extra, size_t n_extra)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].oid == oid)
			return (struct pg_type){ .value = known[i].value };
		if (known[i].array_oid == oid && oid != 0)
			return (struct pg_type){ known[i].value, true, known[i].oid };
	}
	for (size_t i = 0; i < n_extra; i++) {
		if (extra[i].oid == oid)
			return (struct pg_type){ .value = VALUE_TEXT };
		if (extra[i].array_oid == oid)
			return (struct pg_type){ VALUE_TEXT, true, extra[i].oid };
	}
	return (struct pg_type){ .value = VALUE_NONE };
}

const char *pg_type_name(struct pg_type t)
{
	static const char *const names[][2] = {
		[VALUE_NONE] = { "a type that is not supported", "a type that is not supported" },
		[VALUE_BOOL] = { "bool", "bool[]" },
		[VALUE_INT2] = { "int2", "int2[]" },
		[VALUE_INT4] = { "int4", "int4[]" },
		[VALUE_INT8] = { "int8", "int8[]" },
		[VALUE_FLOAT4] = { "float4", "float4[]" },
		[VALUE_FLOAT8] = { "float8", "float8[]" },
		[VALUE_TEXT] = { "text", "text[]" },
		[VALUE_BYTES] = { "bytea", "bytea[]" },
		[VALUE_UUID] = { "uuid", "uuid[]" },
		[VALUE_DATE] = { "date", "date[]" },
		[VALUE_TIME] = { "timestamptz", "timestamptz[]" },
		[VALUE_NUMERIC] = { "numeric", "numeric[]" },
		[VALUE_JSONB] = { "jsonb", "jsonb[]" },
	};
	return names[t.value][t.is_array];
}
