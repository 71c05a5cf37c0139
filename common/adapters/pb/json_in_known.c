/*
 * JSON in: messages with a form of their own.
 */
#include "adapters/pb/json_in_private.h"

static bool moment_read(struct in *in, enum pb_known known, const struct place *at)
{
	struct str text;
	struct pb_moment t;
	if (!json_in_text(in, at, &text))
		return false;
	if (known == PB_KNOWN_TIMESTAMP && !json_to_timestamp(text, &t))
		return json_in_complain(in, at, "is not a time such as 2026-03-29T10:00:00Z");
	if (known == PB_KNOWN_DURATION && !json_to_duration(text, &t))
		return json_in_complain(in, at, "is not a duration such as 1.5s");
	pb_put_int(&in->b, 1, t.seconds);
	pb_put_int(&in->b, 2, t.nanos);
	return true;
}

static bool mask_read(struct in *in, const struct place *at)
{
	struct str text;
	if (!json_in_string(in, at, &text))
		return false;
	while (text.n > 0) {
		struct buf path = buf_new(in->arena, 0);
		struct str one = str_cut(&text, ',');
		if (one.n == 0 || (text.p && text.n == 0))
			return json_in_complain(in, at, "has an empty path");
		json_snake_put(&path, one);
		pb_put_message(&in->b, 1, buf_str(&path));
	}
	return true;
}

static bool wrapper_read(struct in *in, const struct pb_message *m, const struct place *at)
{
	const struct pb_field *f = pb_message_field_by_number(m, 1);
	struct scalar v;
	if (!f || f->message || f->repeated)
		return json_in_complain(in, at, "is of an unknown kind");
	if (!json_in_scalar(in, f, at, &v))
		return false;
	if (v.value != 0 || v.bytes.n > 0)
		json_in_scalar_put(in, f, &v);
	return true;
}

/* The number of the member of google.protobuf.Value that the next token calls for. */
static uint32_t dynamic_member(struct in *in)
{
	switch (json_peek(&in->j)) {
	case 'n':
		return 1;
	case '"':
		return 3;
	case 't':
	case 'f':
		return 4;
	case '{':
		return 5;
	case '[':
		return 6;
	default:
		return 2;
	}
}

static bool dynamic_read(
	struct in *in, const struct pb_message *m, const struct place *at, unsigned depth)
{
	const struct pb_field *f = pb_message_field_by_number(m, dynamic_member(in));
	if (!f)
		return json_in_complain(in, at, "is of an unknown kind");
	if (f->number != 1)
		return json_in_element(in, f, at, depth);
	if (!json_word(&in->j, "null"))
		return json_in_complain(in, at, "is malformed JSON");
	pb_put_tag(&in->b, 1, PB_WIRE_VARINT);
	pb_put_varint(&in->b, 0);
	return true;
}

/* google.protobuf.Struct and ListValue: the one field they have */
static bool only_field_read(
	struct in *in, const struct pb_message *m, const struct place *at, unsigned depth)
{
	const struct pb_field *f = pb_message_field_by_number(m, 1);
	if (f && f->is_map)
		return json_in_map(in, f, at, depth);
	return f && f->repeated ? json_in_list(in, f, at, depth)
				: json_in_complain(in, at, "is of an unknown kind");
}

/* ---- Any ---- */

/* "@type" may stand anywhere in the object: looks ahead for it. Absent if the object is empty. */
static bool type_find(struct in *in, const struct place *at, struct str *ret)
{
	struct json ahead = in->j;
	bool found = false, is_empty = true;
	*ret = (struct str){ 0 };
	(void)json_expect(&ahead, '{'); /* seen by the caller */
	while (!json_take(&ahead, '}')) {
		struct str name;
		if (!is_empty && !json_expect(&ahead, ','))
			break;
		is_empty = false;
		if (!json_string(&ahead, &name) || !json_expect(&ahead, ':'))
			break;
		bool is_type = str_is(name, "@type");
		if (is_type && found)
			return json_in_complain(in, at, "has two \"@type\"");
		found |= is_type;
		if (!(is_type ? json_string(&ahead, ret) : json_skip(&ahead, 0)))
			break;
	}
	if (ahead.fault) {
		in->j = ahead;
		return json_in_malformed(in, at);
	}
	return found || is_empty || json_in_complain(in, at, "has no \"@type\"");
}

/* {"@type": ..., "value": ...} of a type with a form of its own */
static bool any_value_read(
	struct in *in, const struct pb_message *m, const struct place *at, unsigned depth)
{
	bool found = false;
	struct place inner = { .parent = at, .name = STR("value"), .index = SIZE_MAX };
	(void)json_expect(&in->j, '{'); /* seen by the caller */
	do {
		struct str name;
		if (!json_string(&in->j, &name) || !json_expect(&in->j, ':'))
			return json_in_malformed(in, at);
		if (str_is(name, "@type")) {
			if (!json_skip(&in->j, 0))
				return json_in_malformed(in, at);
			continue;
		}
		if (!str_is(name, "value") || found)
			return json_in_complain(
				in, at, "must have \"@type\" and one \"value\" only");
		found = true;
		if (!json_in_message(in, m, &inner, depth))
			return false;
	} while (json_take(&in->j, ','));
	if (!json_expect(&in->j, '}'))
		return json_in_malformed(in, at);
	return found || json_in_complain(in, at, "has no \"value\"");
}

static bool any_read(struct in *in, const struct place *at, unsigned depth)
{
	struct str url;
	if (json_peek(&in->j) != '{')
		return json_in_complain(in, at, "must be an object");
	if (!type_find(in, at, &url))
		return false;
	if (!url.p) /* {} */
		return json_take(&in->j, '{') && json_take(&in->j, '}');
	const struct pb_message *m = json_any_type(in->schema, url);
	if (!m)
		return json_in_complain(in, at, "has an \"@type\" that is not known here");
	pb_put_bytes(&in->b, 1, url);
	pb_put_tag(&in->b, 2, PB_WIRE_BYTES);
	size_t from = json_in_length_open(in);
	if (depth >= PB_MAX_DEPTH)
		return json_in_complain(in, at, "is nested more than %d deep", PB_MAX_DEPTH);
	bool ok = json_is_special(m) ? any_value_read(in, m, at, depth + 1)
				     : json_in_object(in, m, at, depth + 1, true);
	if (!ok)
		return false;
	if (in->b.n == from)
		in->b.n = from - 2; /* the default: neither tag nor length */
	else
		json_in_length_close(in, from);
	return true;
}

bool json_in_known(
	struct in *in, const struct pb_message *m, const struct place *at, unsigned depth)
{
	enum pb_known known = pb_info(m)->known;
	switch (known) {
	case PB_KNOWN_ANY:
		return any_read(in, at, depth);
	case PB_KNOWN_TIMESTAMP:
	case PB_KNOWN_DURATION:
		return moment_read(in, known, at);
	case PB_KNOWN_FIELD_MASK:
		return mask_read(in, at);
	case PB_KNOWN_VALUE:
		return dynamic_read(in, m, at, depth);
	case PB_KNOWN_STRUCT:
	case PB_KNOWN_LIST:
		return only_field_read(in, m, at, depth);
	default:
		return wrapper_read(in, m, at);
	}
}
