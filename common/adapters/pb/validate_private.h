/*
 * Validation: what its files share. Checks return false when reading must end: the bytes are
 * malformed, or there is no room for more complaints.
 */
#pragma once
#include "adapters/pb/pb_private.h"

enum mode {
	MODE_WIRE = 0,
	MODE_RULES = 1,
	MODE_PARTIAL = 2, /* with MODE_RULES: required fields may be missing */
};

/* Where a message stands, up to the root. */
struct place {
	const struct place *parent;
	const struct pb_field *field; /* NULL at the root */
	size_t index;                 /* in a repeated field */
	struct str entry;             /* of a map field */
};

struct check {
	struct arena *arena;
	unsigned flags;
	unsigned merges_left;
	struct pb_violations *out;
};

struct value {
	const struct pb_field *field; /* names the value in complaints */
	const struct pb_rules *rules;
	enum pb_type type;
	const struct pb_enum *enumeration;
	size_t index; /* in a repeated field, else SIZE_MAX */
};

/* index SIZE_MAX means the field as a whole; field NULL the message at `at` itself. */
bool validate_complain(struct check *x, const struct place *at, const struct pb_field *field,
	size_t index, const char *fmt, ...) PRINTF_LIKE(5, 6);
bool validate_scalar(struct check *x, const struct place *at, const struct value *v,
	const struct pb_wire_field *f, unsigned mode);
/* Of a Timestamp or Duration, and of a wrapper, that stand at `at` in this field. */
bool validate_time(
	struct check *x, const struct place *at, const struct pb_field *field, struct str wire);
bool validate_wrapper(
	struct check *x, const struct place *at, const struct pb_field *field, struct str wire);
