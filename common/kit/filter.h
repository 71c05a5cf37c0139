/*
 * filter: AIP-160 filters and AIP-132 order_by to SQL over a whitelist. The only code that builds
 * SQL; values are always bound, never written into the text.
 *
 * Supported: AND OR NOT -, parentheses, juxtaposition (AND), = != < <= > >= :, text in double or
 * single quotes with escapes, numbers, true/false, RFC 3339 times, enum names, `field:*` (has),
 * `labels.key = "x"`, prefix and suffix matches with * in text (`name = "Nov*"`), has (:) on lists;
 * a bare word matches the fields marked is_text. Depth <= 16, at most 50 terms.
 * ':' on text means contains, without case; a star that is meant as a character is written "\\*";
 * an empty value means not set; NOT and != also find what is not set.
 * Source: https://google.aip.dev/160 and its EBNF. Threads: no shared state.
 */
#pragma once
#include "adapters/pb/pb.h"
#include "base/str.h"

enum filter_type {
	FILTER_TEXT, /* compared as is; LIKE for wildcards */
	FILTER_FOLD, /* text compared without case: lower(column) */
	FILTER_UUID,
	FILTER_INT,
	FILTER_BOOL,
	FILTER_TIME,
	FILTER_DATE,
	FILTER_ENUM, /* names looked up in the enumeration of the field */
	FILTER_LIST, /* text[]: ":" or "=" means contains */
	FILTER_MAP,  /* jsonb object: labels.key */
};

struct filter_field {
	const char *path;   /* as clients write it: a field of the resource, "name.given" */
	const char *column; /* SQL: "c.given_name" */
	enum filter_type type;
	bool can_order; /* the column is never NULL and an index begins with it */
	bool is_text;   /* bare words match it */
};

struct filter {
	const char *sql; /* NULL when the text was empty */
	size_t n_values;
	const char **values;
};

/* first_param: number of the first free $n. m gives enum names. ST_INVALID_ARGUMENT with *ret_why:
 * position and what is allowed. */
enum status filter_parse(struct arena *a, struct str text, const struct filter_field *fields,
	const struct pb_message *m, size_t first_param, struct filter *ret, const char **ret_why)
	MUST_CHECK;

enum { ORDER_MAX = 4 };
struct order_key {
	const struct filter_field *field;
	bool descending;
};
struct order {
	size_t n;
	struct order_key keys[ORDER_MAX + 1]; /* the id is appended as the last key */
};
enum status order_parse(struct arena *a, struct str text, const struct filter_field *fields,
	struct order *ret, const char **ret_why) MUST_CHECK;
