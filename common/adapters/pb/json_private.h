/*
 * What the JSON files share.
 */
#pragma once
#include "adapters/pb/pb_private.h"

void json_string_put(struct buf *b, struct str s); /* with quotes */
void json_base64_put(struct buf *b, struct str s); /* with quotes */
void json_double_put(struct buf *b, double d, bool is_float);
void json_timestamp_put(struct buf *b, struct pb_moment t);
void json_duration_put(struct buf *b, struct pb_moment t);
void json_camel_put(struct buf *b, struct str path); /* as it is if that could not be reversed */
int64_t json_days_of_civil(int64_t year, unsigned month, unsigned day); /* since 1970-01-01 */

/* The message type that the URL of an Any names, or NULL. */
const struct pb_message *json_any_type(const struct pb_schema *s, struct str url);
/* Types whose JSON form is not an object of fields: inside an Any they stand under "value". */
bool json_is_special(const struct pb_message *m);

/* ---- reading ---- */

/* A cursor over JSON text that is UTF-8. */
struct json {
	struct arena *arena;
	const char *start, *p, *end;
	const char *fault; /* what is wrong at p, when a function below returned false */
};

char json_peek(struct json *j);         /* the next character after white space; '\0' at the end */
bool json_take(struct json *j, char c); /* consumes c if it is next */
bool json_expect(struct json *j, char c);
bool json_word(struct json *j, const char *word); /* null, true, false */
bool json_string(
	struct json *j, struct str *ret); /* unescaped; a slice of the text where it can be */
bool json_number(struct json *j, struct str *ret); /* as written */
bool json_skip(struct json *j, unsigned depth);    /* any value */

/* Each false if the text is not of that form. */
bool json_is_number(struct str s);
bool json_to_integer(struct str number, bool *ret_negative,
	uint64_t *ret_size); /* exact: 1e3, 1.0; false for a fraction or over 64 bits */
bool json_to_double(
	struct arena *a, struct str number, bool is_float, double *ret); /* false if out of range */
bool json_to_bytes(struct arena *a, struct str base64, struct str *ret);
bool json_to_timestamp(struct str s, struct pb_moment *ret);
bool json_to_duration(struct str s, struct pb_moment *ret);
void json_snake_put(struct buf *b, struct str camel);
