/*
 * JSON in: what its files share. Each reading function takes one value off the text and says what
 * is wrong by json_in_complain.
 */
#pragma once
#include "adapters/pb/json_private.h"

/* Where a value stands, for the path of a complaint. */
struct place {
	const struct place *parent;
	struct str name; /* of a field, or a key */
	bool is_key;     /* in a map */
	size_t index;    /* in a list, or SIZE_MAX */
};

struct in {
	struct json j;
	struct arena *arena;
	const struct pb_schema *schema;
	struct buf b; /* the wire */
	struct pb_violations *out;
};

/* A scalar, ready for the wire. */
struct scalar {
	uint64_t value;
	struct str bytes;
};

/* json_in_value.c; all complaints return false */
bool json_in_complain(struct in *in, const struct place *at, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
bool json_in_malformed(struct in *in, const struct place *at);
/* Lengths are known only once what they count is written: room for a short one is left, and made
 * larger at the end. */
size_t json_in_length_open(struct in *in);
void json_in_length_close(struct in *in, size_t from);
bool json_in_text(struct in *in, const struct place *at, struct str *ret);
bool json_in_string(struct in *in, const struct place *at, struct str *ret); /* text without NUL */
bool json_in_integer_of(
	struct in *in, const struct place *at, enum pb_type type, struct str text, uint64_t *ret);
bool json_in_scalar(
	struct in *in, const struct pb_field *f, const struct place *at, struct scalar *ret);
void json_in_payload_put(struct in *in, const struct pb_field *f, const struct scalar *v);
void json_in_scalar_put(struct in *in, const struct pb_field *f, const struct scalar *v);

/* json_in_list.c */
bool json_in_is_null_enum(const struct pb_field *f);
bool json_in_takes_null(
	const struct pb_field *f); /* null is a value of the type, not its absence */
bool json_in_element(struct in *in, const struct pb_field *f, const struct place *at,
	unsigned depth); /* written even if default */
bool json_in_list(struct in *in, const struct pb_field *f, const struct place *at, unsigned depth);
bool json_in_map(struct in *in, const struct pb_field *f, const struct place *at, unsigned depth);

/* json_in_known.c */
bool json_in_known(
	struct in *in, const struct pb_message *m, const struct place *at, unsigned depth);

/* json_in.c */
bool json_in_message(
	struct in *in, const struct pb_message *m, const struct place *at, unsigned depth);
bool json_in_object(struct in *in, const struct pb_message *m, const struct place *at,
	unsigned depth, bool inside_any);
