/* JSON documents over jansson: struct json is a json_t that is only read. */
#include "adapters/json/json.h"
#include <jansson.h>

static void release(void *root)
{
	json_decref(root);
}

static const json_t *in(const struct json *v)
{
	return (const json_t *)v;
}

static const struct json *out(const json_t *v)
{
	return (const struct json *)v;
}

enum status json_parse(struct arena *a, struct str text, const struct json **ret)
{
	json_t *root = json_loadb(
		text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

	if (!root)
		return ST_INVALID_ARGUMENT;
	arena_defer(a, release, root);
	*ret = out(root);
	return ST_OK;
}

const struct json *json_member(const struct json *v, const char *name)
{
	return out(json_object_get(in(v), name));
}

size_t json_count(const struct json *v)
{
	return json_array_size(in(v));
}

const struct json *json_at(const struct json *v, size_t i)
{
	return out(json_array_get(in(v), i));
}

bool json_is_list(const struct json *v)
{
	return json_is_array(in(v));
}

struct str json_text(const struct json *v)
{
	if (!json_is_string(in(v)))
		return (struct str){ 0 };
	return str_n(json_string_value(in(v)), json_string_length(in(v)));
}

bool json_int(const struct json *v, int64_t *ret)
{
	if (!json_is_integer(in(v)))
		return false;
	*ret = json_integer_value(in(v));
	return true;
}
