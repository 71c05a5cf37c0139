/*
 * Values: the PostgreSQL types that statements may use, and their binary form.
 *
 * Everything travels in binary except what PostgreSQL itself must parse (numeric, jsonb, text-like
 * types). Threads: no state.
 */
#pragma once
#include <endian.h>
#include "base/str.h"

enum value_type {
	VALUE_NONE, /* a type that is not supported */
	VALUE_BOOL,
	VALUE_INT2,
	VALUE_INT4,
	VALUE_INT8,
	VALUE_FLOAT4,
	VALUE_FLOAT8,
	VALUE_TEXT, /* and varchar, name, json, citext, enums: the binary form is the text */
	VALUE_BYTES,
	VALUE_UUID,
	VALUE_DATE,
	VALUE_TIME, /* timestamptz */
	VALUE_NUMERIC,
	VALUE_JSONB,
};

struct pg_type {
	enum value_type value; /* of the element, if it is an array */
	bool is_array;
	unsigned element; /* OID of the element type of an array */
};

/* A type whose OID differs between databases: citext and enums. */
struct extra_type {
	unsigned oid, array_oid;
};

struct pg_type pg_type_find(unsigned oid, const struct extra_type *extra, size_t n_extra);
const char *pg_type_name(struct pg_type t); /* for messages to developers */

enum {
	NUMERIC_TEXT_EXTRA = 16, /* sign, point, rounding to whole groups */
	DATE_TEXT_MAX = 16,
	PG_EPOCH_DAYS = 10957, /* 2000-01-01, from 1970-01-01 */
};
#define PG_EPOCH_US (946684800LL * 1000000)

/* Big-endian reads; the bytes come from the server and need not be aligned. */
static inline uint16_t read_be16(const char *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}
static inline uint32_t read_be32(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}
static inline uint64_t read_be64(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}
static inline void write_be16(char *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}
static inline void write_be32(char *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}
static inline void write_be64(char *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

/* int2, int4, int8, bool. */
int64_t value_int(enum value_type t, const char *v);
double value_double(enum value_type t, const char *v);

/* Writers: return the end of what they wrote, no NUL. */
char *value_put_uuid(char *p, const char *v);
char *value_put_date(char *p, int32_t pg_days);    /* YYYY-MM-DD, at most DATE_TEXT_MAX bytes */
size_t value_numeric_room(const char *v, int len); /* what value_put_numeric may write at most */
char *value_put_numeric(char *p, const char *v, int len);

/* "YYYY-MM-DD" of an existing day to days since 2000-01-01. */
bool value_parse_date(const char *s, int32_t *ret_pg_days);

/* The elements of a binary array, dimensions flattened. */
struct array_reader {
	const char *p, *end;
	uint32_t left;
};
struct array_reader array_open(const char *v, int len);
bool array_next(struct array_reader *r, const char **ret_v, int *ret_len); /* length -1 is NULL */

/* The members of a JSON object as PostgreSQL prints it. Key and value are slices of the text: the
 * key without quotes; a string value without quotes and is_string set. */
struct json_reader {
	const char *p, *end;
};
struct json_member {
	struct str key, value;
	bool is_string;
};
struct json_reader json_open(const char *text, size_t n);
bool json_next(struct json_reader *r, struct json_member *ret);
char *json_put_unescaped(char *p, struct str s);     /* never longer than s */
void json_put_escaped(struct buf *b, const char *s); /* with quotes */
