/*
 * Plans: how the parameters of a statement are read from protobuf structs, and how its columns
 * become protobuf wire. Both are made once per statement from its names and the types PostgreSQL
 * reports, never per row.
 *
 * Owner: the arena given, which lives as long as the catalog. Immutable afterwards; any thread may
 * read them.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <postgresql/libpq-fe.h>
#include "adapters/db/db.h"
#include "adapters/db/value_private.h"

enum { PATH_MAX_STEPS = 4, COLUMNS_MAX = 128 };

/* ---- columns ---- */

/* What is written for one field of a message. */
enum column_op {
	COLUMN_TEXT,
	COLUMN_JSON_TEXT, /* jsonb as a string */
	COLUMN_UUID,
	COLUMN_DATE,
	COLUMN_NUMERIC,
	COLUMN_TIMESTAMP,
	COLUMN_VARINT, /* int32, int64, uint32, uint64, enum, bool */
	COLUMN_ZIGZAG,
	COLUMN_FIXED32,
	COLUMN_FIXED64,
	COLUMN_FLOAT,
	COLUMN_DOUBLE,
	COLUMN_LIST,     /* an array to a repeated field */
	COLUMN_PACKED,   /* an array to a repeated number */
	COLUMN_MAP,      /* jsonb to map<string, string> */
	COLUMN_MESSAGE,  /* the columns named "field.*" */
	COLUMN_ELEMENTS, /* the array columns named "field.*", zipped into a repeated message */
};

struct field_plan {
	enum column_op op;
	enum column_op item;  /* of a LIST or PACKED: how one element is written */
	enum value_type from; /* type of the column, or of its elements */
	bool keep_default;    /* a member of a oneof: written even when it holds its default */
	uint8_t tag_size;
	char tag[5];
	uint16_t column;
	const ProtobufCFieldDescriptor *field;
	struct field_plan *child; /* of a MESSAGE or ELEMENTS; siblings by field number */
	struct field_plan *next;
};

struct column {
	const char *name;
	unsigned oid;
	struct pg_type type;
	bool needs_null; /* NULL and empty differ on the wire */
};

struct columns {
	size_t n;
	struct column *column;
	struct field_plan *fields;
	size_t fixed_room; /* what the messages and tags of one row take at most, beside the values
			    */
	struct columns *next; /* an older shape, from before the schema changed */
};

/* ret_why says in words which column does not fit. output may be NULL: then columns are only for
 * db_int, db_text and db_bytes. */
bool columns_make(struct arena *a, const ProtobufCMessageDescriptor *output,
	const PGresult *described, const struct extra_type *extra, size_t n_extra,
	struct columns **ret, const char **ret_why);
bool field_is_string_map(const ProtobufCFieldDescriptor *f);
bool columns_fit(const struct columns *c, const PGresult *res);

struct db_rows {
	PGresult *res;
	const struct columns *columns;
	const ProtobufCMessageDescriptor *output;
	struct arena *arena;
	size_t n, affected;
};

/* ---- parameters ---- */

enum param_op {
	PARAM_TEXT,
	PARAM_TEXT_OR_NULL, /* empty is NULL; PostgreSQL parses the text */
	PARAM_UUID,
	PARAM_DATE,
	PARAM_BYTES,
	PARAM_BOOL,
	PARAM_INT,
	PARAM_FLOAT,
	PARAM_TIMESTAMP,
	PARAM_MAP,
};

struct param {
	const char *path;
	enum param_op op;
	struct pg_type type;
	bool from_call, is_list; /* is_list: one value per element of the last step or of
				    step[repeated_at] */
	uint8_t n_steps,
		repeated_at; /* repeated_at = n_steps if no message on the way is repeated */
	const ProtobufCFieldDescriptor *step[PATH_MAX_STEPS];
};

/* Parameters as libpq takes them. Pointers lead into the arena or into the structs they were read
 * from. */
struct bound {
	size_t n;
	const char **values;
	int *lengths, *formats;
};

/* Resolves a path; ret_why says in words what is wrong. The type is filled in by param_typed. */
bool param_make(struct arena *a, const char *path, const ProtobufCMessageDescriptor *input,
	const ProtobufCMessageDescriptor *call, struct param *ret, const char **ret_why);
bool param_typed(struct arena *a, struct param *p, struct pg_type type, const char **ret_why);

/* Reads the parameters now; extra room for n_extra more values that the caller fills in. copy:
 * values may not lead into the structs. ST_INVALID_ARGUMENT with *ret_why when a value cannot be
 * one of its type (a malformed id, a number out of range). */
enum status params_bind(struct arena *a, const struct param *list, size_t n, size_t n_extra,
	struct db_args args, bool copy, struct bound **ret, const char **ret_why) MUST_CHECK;
