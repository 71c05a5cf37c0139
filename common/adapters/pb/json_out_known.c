/*
 * JSON out: messages with a form of their own.
 *
 * An Any of a type that the schema lacks prints its bytes in base64 under "value" rather than
 * failing the whole text.
 */
#include "adapters/pb/json_out_private.h"

const struct pb_message *json_any_type(const struct pb_schema *s, struct str url)
{
	const char *slash = url.n > 0 ? memrchr(url.p, '/', url.n) : NULL;
	if (!slash)
		return NULL;
	struct str name = str_n(slash + 1, (size_t)(url.p + url.n - slash - 1));
	const struct pb_message_info *m = map_get(&s->messages, name);
	return m && !m->is_map_entry ? &m->pub : NULL;
}

bool json_is_special(const struct pb_message *m)
{
	return pb_info(m)->known != PB_KNOWN_NONE ||
	       strcmp(m->full_name, "google.protobuf.Empty") == 0;
}

/* The last occurrence of a field in a small message. */
static struct pb_wire_field last_of(struct str wire, uint32_t number)
{
	struct pb_wire_field v, last = { 0 };
	for (struct pb_reader r = pb_reader_of(wire); pb_read(&r, &v);) {
		if (v.number == number)
			last = v;
	}
	return last;
}

static bool any_body_put(struct out *o, const struct pb_message *m, struct str wire, unsigned depth)
{
	bool is_first = false; /* "@type" stands before */
	if (!json_is_special(m))
		return json_out_fields(o, m, wire, &is_first, depth);
	json_out_item(o, &is_first);
	json_out_name(o, STR("value"));
	return json_out_message(o, m, wire, depth + 1);
}

static bool any_put(struct out *o, struct str wire, unsigned depth)
{
	struct str url = last_of(wire, 1).bytes, bytes = last_of(wire, 2).bytes;
	struct pb_violations *v = arena_zalloc(o->arena, sizeof(*v));
	const struct pb_message *m = json_any_type(o->schema, url);
	bool is_first = true, ok = true;
	bytes = bytes.p ? bytes : STR("");
	json_out_open(o, '{');
	if (url.n > 0 || bytes.n > 0) {
		json_out_item(o, &is_first);
		json_out_name(o, STR("@type"));
		json_string_put(&o->b, url);
	}
	if (m && pb_validate(o->arena, m, bytes, PB_VALIDATE_WIRE, v) == ST_OK) {
		ok = any_body_put(o, m, bytes, depth);
	} else if (bytes.n > 0) {
		json_out_item(o, &is_first);
		json_out_name(o, STR("value"));
		json_base64_put(&o->b, bytes);
	}
	json_out_close(o, '}', is_first);
	return ok && !o->b.overflow;
}

static bool moment_put(struct out *o, enum pb_known known, struct str wire)
{
	struct pb_moment t;
	if (!pb_moment_read(wire, &t))
		return false;
	if (known == PB_KNOWN_TIMESTAMP ? pb_timestamp_fault(t) : pb_duration_fault(t))
		return false; /* has no JSON form */
	if (known == PB_KNOWN_TIMESTAMP)
		json_timestamp_put(&o->b, t);
	else
		json_duration_put(&o->b, t);
	return true;
}

static bool mask_put(struct out *o, struct str wire)
{
	struct buf all = buf_new(o->arena, 0);
	struct pb_wire_field v;
	bool is_first = true;
	for (struct pb_reader r = pb_reader_of(wire); pb_read(&r, &v);) {
		if (v.number != 1)
			continue;
		if (!is_first)
			buf_put_c(&all, ',');
		is_first = false;
		json_camel_put(&all, v.bytes);
	}
	json_string_put(&o->b, buf_str(&all));
	return !all.overflow;
}

/* google.protobuf.Value: null, number, string, bool, struct or list, whichever came last */
static bool dynamic_put(struct out *o, const struct pb_message *m, struct str wire, unsigned depth)
{
	struct pb_wire_field v, last = { 0 };
	for (struct pb_reader r = pb_reader_of(wire); pb_read(&r, &v);) {
		if (v.number >= 1 && v.number <= 6)
			last = v;
	}
	const struct pb_field *f = pb_message_field_by_number(m, last.number);
	if (!f || f->type == PB_ENUM) {
		buf_puts(&o->b, "null");
		return true;
	}
	if (f->type == PB_DOUBLE) {
		double d = pb_wire_double(PB_DOUBLE, last.value);
		if (d - d != 0)
			return false; /* JSON has no infinities, and a text would be another value
				       */
	}
	return json_out_value(o, f, &last, depth);
}

bool json_out_known(struct out *o, const struct pb_message *m, struct str wire, unsigned depth)
{
	const struct pb_field *f = pb_message_field_by_number(m, 1);
	struct pb_wire_field v;
	switch (pb_info(m)->known) {
	case PB_KNOWN_ANY:
		return any_put(o, wire, depth);
	case PB_KNOWN_TIMESTAMP:
	case PB_KNOWN_DURATION:
		return moment_put(o, pb_info(m)->known, wire);
	case PB_KNOWN_FIELD_MASK:
		return mask_put(o, wire);
	case PB_KNOWN_VALUE:
		return dynamic_put(o, m, wire, depth);
	case PB_KNOWN_STRUCT:
		return f && f->is_map && json_out_map(o, f, pb_reader_of(wire), UINT32_MAX, depth);
	case PB_KNOWN_LIST:
		return f && f->repeated &&
		       json_out_list(o, f, pb_reader_of(wire), UINT32_MAX, depth);
	default: /* a wrapper */
		v = last_of(wire, 1);
		return f && json_out_value(o, f, &v, depth);
	}
}
