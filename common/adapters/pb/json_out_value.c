/*
 * JSON out: layout, scalars, lists and maps.
 */
#include "adapters/pb/json_out_private.h"

/* ---- layout ---- */

static void line_put(struct out *o)
{
	if (!(o->flags & PB_JSON_PRETTY))
		return;
	buf_put_c(&o->b, '\n');
	for (unsigned i = 0; i < o->indent; i++)
		buf_puts(&o->b, "  ");
}

void json_out_open(struct out *o, char bracket)
{
	buf_put_c(&o->b, bracket);
	o->indent++;
}

void json_out_item(struct out *o, bool *is_first)
{
	if (!*is_first)
		buf_put_c(&o->b, ',');
	*is_first = false;
	line_put(o);
}

void json_out_close(struct out *o, char bracket, bool was_empty)
{
	o->indent--;
	if (!was_empty)
		line_put(o);
	buf_put_c(&o->b, bracket);
}

void json_out_name(struct out *o, struct str name)
{
	json_string_put(&o->b, name);
	buf_puts(&o->b, o->flags & PB_JSON_PRETTY ? ": " : ":");
}

/* ---- values ---- */

static void enum_put(struct out *o, const struct pb_enum *e, int32_t number)
{
	if (strcmp(e->full_name, "google.protobuf.NullValue") == 0) {
		buf_puts(&o->b, "null");
		return;
	}
	const struct pb_enum_value *v = pb_enum_by_number(e, number);
	if (v)
		json_string_put(&o->b, str_c(v->name));
	else
		buf_printf(&o->b, "%d", number);
}

static void number_put(struct out *o, const struct pb_field *f, uint64_t value)
{
	int64_t n = pb_wire_to_i64(f->type, value);
	switch (f->type) {
	case PB_DOUBLE:
	case PB_FLOAT:
		json_double_put(&o->b, pb_wire_double(f->type, value), f->type == PB_FLOAT);
		break;
	case PB_BOOL:
		buf_puts(&o->b, n ? "true" : "false");
		break;
	case PB_ENUM:
		enum_put(o, f->enumeration, (int32_t)n);
		break;
	case PB_INT64:
	case PB_SINT64:
	case PB_SFIXED64:
		buf_printf(&o->b, "\"%lld\"", (long long)n);
		break;
	case PB_UINT64:
	case PB_FIXED64:
		buf_printf(&o->b, "\"%llu\"", (unsigned long long)n);
		break;
	default:
		buf_printf(&o->b, "%lld", (long long)n);
	}
}

bool json_out_value(
	struct out *o, const struct pb_field *f, const struct pb_wire_field *v, unsigned depth)
{
	struct str bytes = v->bytes.p ? v->bytes : STR("");
	if (f->message)
		return json_out_message(o, f->message, bytes, depth + 1);
	if (f->type == PB_STRING)
		json_string_put(&o->b, bytes);
	else if (f->type == PB_BYTES)
		json_base64_put(&o->b, bytes);
	else
		number_put(o, f, v->value);
	return !o->b.overflow;
}

/* ---- lists ---- */

static bool packed_put(struct out *o, const struct pb_field *f, struct str bytes, bool *is_first)
{
	struct pb_reader r = pb_reader_of(bytes);
	uint64_t value;
	while (!o->b.overflow && pb_read_packed(&r, pb_wire_type_of(f->type), &value)) {
		json_out_item(o, is_first);
		number_put(o, f, value);
	}
	return r.p == r.end && !o->b.overflow;
}

bool json_out_list(
	struct out *o, const struct pb_field *f, struct pb_reader r, uint32_t count, unsigned depth)
{
	struct pb_wire_field v;
	bool is_first = true, packable = pb_wire_type_of(f->type) != PB_WIRE_BYTES;
	json_out_open(o, '[');
	while (count > 0 && pb_read(&r, &v)) {
		if (v.number != f->number)
			continue;
		count--;
		if (packable && v.wire_type == PB_WIRE_BYTES) {
			if (!packed_put(o, f, v.bytes, &is_first))
				return false;
			continue;
		}
		json_out_item(o, &is_first);
		if (!json_out_value(o, f, &v, depth))
			return false;
	}
	json_out_close(o, ']', is_first);
	return true;
}

/* ---- maps ---- */

struct entry {
	struct str key;
	struct pb_wire_field value;
};

static struct entry entry_read(struct out *o, const struct pb_field *f, struct str wire)
{
	struct entry e = { .key = STR("") };
	struct pb_wire_field v, key = { .bytes = STR("") };
	for (struct pb_reader r = pb_reader_of(wire); pb_read(&r, &v);) {
		if (v.number == 1)
			key = v;
		else if (v.number == 2)
			e.value = v;
	}
	const struct pb_field *type = f->message->by_number[0];
	int64_t n = pb_wire_to_i64(type->type, key.value);
	if (type->type == PB_STRING)
		e.key = key.bytes;
	else if (type->type == PB_BOOL)
		e.key = n ? STR("true") : STR("false");
	else if (type->type == PB_UINT64 || type->type == PB_FIXED64)
		e.key = str_c(arena_printf(o->arena, "%llu", (unsigned long long)n));
	else
		e.key = str_c(arena_printf(o->arena, "%lld", (long long)n));
	return e;
}

static bool entry_put(struct out *o, const struct pb_field *f, const struct entry *e,
	bool *is_first, unsigned depth)
{
	const struct pb_field *value = f->message->by_number[1];
	json_out_item(o, is_first);
	json_out_name(o, e->key);
	return json_out_value(o, value, &e->value, depth + 1);
}

/* Of two entries with one key the later counts: newest maps each key to where its last entry
 * stands. */
static bool entries_put(struct out *o, const struct pb_field *f, struct pb_reader r, uint32_t count,
	const struct map *newest, unsigned depth)
{
	struct pb_wire_field v;
	bool is_first = true;
	json_out_open(o, '{');
	while (count > 0 && pb_read(&r, &v)) {
		if (v.number != f->number)
			continue;
		count--;
		struct entry e = entry_read(o, f, v.bytes);
		if (newest->count > 0 && map_get(newest, e.key) != v.bytes.p)
			continue;
		if (!entry_put(o, f, &e, &is_first, depth))
			return false;
	}
	json_out_close(o, '}', is_first);
	return true;
}

bool json_out_map(
	struct out *o, const struct pb_field *f, struct pb_reader r, uint32_t count, unsigned depth)
{
	struct map newest;
	map_init(&newest);
	struct pb_reader again = r;
	struct pb_wire_field v;
	for (uint32_t left = count > 1 ? count : 0; left > 0 && pb_read(&again, &v);) {
		if (v.number != f->number)
			continue;
		left--;
		struct entry e = entry_read(o, f, v.bytes);
		(void)map_set(&newest, e.key, (void *)(uintptr_t)v.bytes.p);
	}
	bool ok = entries_put(o, f, r, count, &newest, depth);
	map_done(&newest);
	return ok;
}
