/*
 * JSON in: elements, lists and maps.
 */
#include "adapters/pb/json_in_private.h"

/* ---- fields ---- */

static bool submessage_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	if (depth >= PB_MAX_DEPTH)
		return json_in_complain(in, at, "is nested more than %d deep", PB_MAX_DEPTH);
	pb_put_tag(&in->b, f->number, PB_WIRE_BYTES);
	size_t from = json_in_length_open(in);
	if (!json_in_message(in, f->message, at, depth + 1))
		return false;
	json_in_length_close(in, from);
	return true;
}

/* One value, written even when it is the default. */
bool json_in_element(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	struct scalar v;
	if (f->type == PB_GROUP)
		return json_in_complain(in, at, "is a group, which is not supported");
	if (f->message)
		return submessage_read(in, f, at, depth);
	if (!json_in_scalar(in, f, at, &v))
		return false;
	json_in_scalar_put(in, f, &v);
	return true;
}

bool json_in_is_null_enum(const struct pb_field *f)
{
	return f->enumeration &&
	       strcmp(f->enumeration->full_name, "google.protobuf.NullValue") == 0;
}

/* Whether null is a value of the type, not its absence. */
bool json_in_takes_null(const struct pb_field *f)
{
	return json_in_is_null_enum(f) ||
	       (f->message && pb_info(f->message)->known == PB_KNOWN_VALUE);
}

static bool list_item_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	struct scalar v = { 0 };
	if (json_peek(&in->j) == 'n' && !json_in_takes_null(f))
		return json_in_complain(in, at, "must not be null");
	if (json_in_is_null_enum(f) && json_word(&in->j, "null")) {
		if (!f->packed)
			pb_put_tag(&in->b, f->number, PB_WIRE_VARINT);
		json_in_payload_put(in, f, &v);
		return true;
	}
	if (!f->packed)
		return json_in_element(in, f, at, depth);
	if (!json_in_scalar(in, f, at, &v))
		return false;
	json_in_payload_put(in, f, &v);
	return true;
}

static bool list_items_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	struct place item = { .parent = at };
	for (;; item.index++) {
		if (!list_item_read(in, f, &item, depth))
			return false;
		if (!json_take(&in->j, ','))
			return json_expect(&in->j, ']') || json_in_malformed(in, at);
	}
}

bool json_in_list(struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	if (!json_take(&in->j, '['))
		return json_in_complain(in, at, "must be a list");
	if (json_take(&in->j, ']'))
		return true;
	if (!f->packed)
		return list_items_read(in, f, at, depth);
	pb_put_tag(&in->b, f->number, PB_WIRE_BYTES);
	size_t from = json_in_length_open(in);
	if (!list_items_read(in, f, at, depth))
		return false;
	json_in_length_close(in, from);
	return true;
}

/* ---- maps ---- */

static bool key_of(struct in *in, const struct pb_field *f, struct str text, const struct place *at,
	struct scalar *ret)
{
	*ret = (struct scalar){ .bytes = STR("") };
	if (f->type == PB_STRING) {
		ret->bytes = text;
		return !memchr(text.p, '\0', text.n) ||
		       json_in_complain(in, at, "has a NUL character");
	}
	if (f->type == PB_BOOL) {
		ret->value = str_is(text, "true");
		return ret->value || str_is(text, "false") ||
		       json_in_complain(in, at, "must be true or false");
	}
	return json_in_integer_of(in, at, f->type, text, &ret->value);
}

static bool entry_read(struct in *in, const struct pb_field *f, struct str text, struct map *keys,
	const struct place *at, unsigned depth)
{
	const struct pb_field *key = f->message->by_number[0], *value = f->message->by_number[1];
	struct scalar k;
	if (!key_of(in, key, text, at, &k))
		return false;
	struct str id = key->type == PB_STRING ? k.bytes : str_n(&k.value, sizeof(k.value));
	if (map_set(keys, id, in))
		return json_in_complain(in, at, "is given twice");
	if (depth >= PB_MAX_DEPTH)
		return json_in_complain(in, at, "is nested more than %d deep", PB_MAX_DEPTH);
	pb_put_tag(&in->b, f->number, PB_WIRE_BYTES);
	size_t from = json_in_length_open(in);
	json_in_scalar_put(in, key, &k);
	if (!list_item_read(in, value, at, depth + 1))
		return false;
	json_in_length_close(in, from);
	return true;
}

static bool entries_read(struct in *in, const struct pb_field *f, struct map *keys,
	const struct place *at, unsigned depth)
{
	if (json_take(&in->j, '}'))
		return true;
	for (;;) {
		struct place item = { .parent = at, .is_key = true, .index = SIZE_MAX };
		if (!json_string(&in->j, &item.name) || !json_expect(&in->j, ':'))
			return json_in_malformed(in, at);
		if (!entry_read(in, f, item.name, keys, &item, depth))
			return false;
		if (!json_take(&in->j, ','))
			return json_expect(&in->j, '}') || json_in_malformed(in, at);
	}
}

bool json_in_map(struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	struct map keys;
	if (!json_take(&in->j, '{'))
		return json_in_complain(in, at, "must be an object");
	map_init(&keys);
	bool ok = entries_read(in, f, &keys, at, depth);
	map_done(&keys);
	return ok;
}
