/*
 * json: reading JSON documents that are no protobuf messages (token claims), by jansson.
 *
 * A document is parsed strictly (RFC 8259, no duplicate names, no NUL in text) and is read-only.
 * Looking up what is not there, or is of another type, gives the absent value, so that a reader
 * checks once at the end of a path.
 * Owner: the arena given to json_parse. Threads: one at a time per document.
 */
#pragma once
#include "base/str.h"

struct json;

/* ST_INVALID_ARGUMENT if the text is not one JSON value. */
enum status json_parse(struct arena *a, struct str text, const struct json **ret) MUST_CHECK;

/* NULL if v is no object or has none */
const struct json *json_member(const struct json *v, const char *name);
size_t json_count(const struct json *v); /* elements of an array; 0 for anything else */
const struct json *json_at(const struct json *v, size_t i); /* NULL beyond the end */
bool json_is_list(const struct json *v);
struct str json_text(const struct json *v);        /* p NULL if v is no string */
bool json_int(const struct json *v, int64_t *ret); /* false if v is no integer */
