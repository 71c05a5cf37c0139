/*
 * JSON out: one walk over the wire bytes of a message notes where each field stands, a second over its fields prints them.
 *
 * An Any of a type that the schema lacks prints its bytes in base64 under "value" rather than failing the whole text.
 */
#include "adapters/pb/json_private.h"

/* Where a field of the message being printed stands on the wire. */
struct slot {
	const uint8_t *first;
	uint32_t count; /* occurrences; a packed one counts as one */
	struct pb_wire_field last;
};

struct out {
	struct arena *arena;
	const struct pb_schema *schema;
	struct buf b;
	unsigned flags;
	unsigned indent;
	struct slot *slots; /* a stack: each open message has one for each field */
	size_t n_slots, cap_slots;
};

static bool message_put(struct out *o, const struct pb_message *m, struct str wire, unsigned depth);

/* ---- layout ---- */

static void line_put(struct out *o)
{
	if (!(o->flags & PB_JSON_PRETTY))
		return;
	buf_put_c(&o->b, '\n');
	for (unsigned i = 0; i < o->indent; i++)
		buf_puts(&o->b, "  ");
}

static void open_put(struct out *o, char bracket)
{
	buf_put_c(&o->b, bracket);
	o->indent++;
}

static void item_put(struct out *o, bool *is_first)
{
	if (!*is_first)
		buf_put_c(&o->b, ',');
	*is_first = false;
	line_put(o);
}

static void close_put(struct out *o, char bracket, bool was_empty)
{
	o->indent--;
	if (!was_empty)
		line_put(o);
	buf_put_c(&o->b, bracket);
}

static void name_put(struct out *o, struct str name)
{
	json_string_put(&o->b, name);
	buf_puts(&o->b, o->flags & PB_JSON_PRETTY ? ": " : ":");
}

static void field_name_put(struct out *o, const struct pb_field *f, bool *is_first)
{
	item_put(o, is_first);
	name_put(o, str_c(o->flags & PB_JSON_PROTO_NAMES ? f->name : f->json_name));
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
		json_double_put(&o->b, json_double_of(f->type, value), f->type == PB_FLOAT);
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

static bool value_put(
	struct out *o, const struct pb_field *f, const struct pb_wire_field *v, unsigned depth)
{
	struct str bytes = v->bytes.p ? v->bytes : STR("");
	if (f->message)
		return message_put(o, f->message, bytes, depth + 1);
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
		item_put(o, is_first);
		number_put(o, f, value);
	}
	return r.p == r.end && !o->b.overflow;
}

static bool list_put(
	struct out *o, const struct pb_field *f, struct pb_reader r, uint32_t count, unsigned depth)
{
	struct pb_wire_field v;
	bool is_first = true, packable = pb_wire_type_of(f->type) != PB_WIRE_BYTES;
	open_put(o, '[');
	while (count > 0 && pb_read(&r, &v)) {
		if (v.number != f->number)
			continue;
		count--;
		if (packable && v.wire_type == PB_WIRE_BYTES) {
			if (!packed_put(o, f, v.bytes, &is_first))
				return false;
			continue;
		}
		item_put(o, &is_first);
		if (!value_put(o, f, &v, depth))
			return false;
	}
	close_put(o, ']', is_first);
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

static bool entry_put(struct out *o, const struct pb_field *f, const struct entry *e, bool *is_first,
	unsigned depth)
{
	const struct pb_field *value = f->message->by_number[1];
	item_put(o, is_first);
	name_put(o, e->key);
	return value_put(o, value, &e->value, depth + 1);
}

/* Of two entries with one key the later counts: newest maps each key to where its last entry stands. */
static bool entries_put(struct out *o, const struct pb_field *f, struct pb_reader r, uint32_t count,
	const struct map *newest, unsigned depth)
{
	struct pb_wire_field v;
	bool is_first = true;
	open_put(o, '{');
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
	close_put(o, '}', is_first);
	return true;
}

static bool map_put(
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

/* ---- messages with a form of their own ---- */

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
	return pb_info(m)->known != PB_KNOWN_NONE || strcmp(m->full_name, "google.protobuf.Empty") == 0;
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

static bool fields_put(struct out *o, const struct pb_message *m, struct str wire, bool *is_first,
	unsigned depth);

static bool any_body_put(struct out *o, const struct pb_message *m, struct str wire, unsigned depth)
{
	bool is_first = false; /* "@type" stands before */
	if (!json_is_special(m))
		return fields_put(o, m, wire, &is_first, depth);
	item_put(o, &is_first);
	name_put(o, STR("value"));
	return message_put(o, m, wire, depth + 1);
}

static bool any_put(struct out *o, struct str wire, unsigned depth)
{
	struct str url = last_of(wire, 1).bytes, bytes = last_of(wire, 2).bytes;
	struct pb_violations *v = arena_zalloc(o->arena, sizeof(*v));
	const struct pb_message *m = json_any_type(o->schema, url);
	bool is_first = true, ok = true;
	bytes = bytes.p ? bytes : STR("");
	open_put(o, '{');
	if (url.n > 0 || bytes.n > 0) {
		item_put(o, &is_first);
		name_put(o, STR("@type"));
		json_string_put(&o->b, url);
	}
	if (m && pb_validate(o->arena, m, bytes, PB_VALIDATE_WIRE, v) == ST_OK) {
		ok = any_body_put(o, m, bytes, depth);
	} else if (bytes.n > 0) {
		item_put(o, &is_first);
		name_put(o, STR("value"));
		json_base64_put(&o->b, bytes);
	}
	close_put(o, '}', is_first);
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
		double d = json_double_of(PB_DOUBLE, last.value);
		if (d - d != 0)
			return false; /* JSON has no infinities, and a text would be another value */
	}
	return value_put(o, f, &last, depth);
}

static bool known_put(struct out *o, const struct pb_message *m, struct str wire, unsigned depth)
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
		return f && f->is_map && map_put(o, f, pb_reader_of(wire), UINT32_MAX, depth);
	case PB_KNOWN_LIST:
		return f && f->repeated && list_put(o, f, pb_reader_of(wire), UINT32_MAX, depth);
	default: /* a wrapper */
		v = last_of(wire, 1);
		return f && value_put(o, f, &v, depth);
	}
}

/* ---- messages ---- */

static size_t slots_push(struct out *o, size_t n)
{
	size_t base = o->n_slots;
	if (o->cap_slots - base < n) {
		o->cap_slots = 2 * (o->cap_slots + n);
		struct slot *more = arena_alloc(o->arena, o->cap_slots * sizeof(*more));
		if (base > 0)
			memcpy(more, o->slots, base * sizeof(*more));
		o->slots = more;
	}
	if (n > 0)
		memset(o->slots + base, 0, n * sizeof(*o->slots));
	o->n_slots += n;
	return base;
}

static void oneof_reset(struct slot *slots, const struct pb_message *m, const struct pb_field *f)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		if (m->fields[i].oneof == f->oneof && &m->fields[i] != f)
			slots[i].count = 0;
	}
}

static bool slots_fill(struct slot *slots, const struct pb_message *m, struct str wire)
{
	struct pb_reader r = pb_reader_of(wire);
	struct pb_wire_field v;
	for (;;) {
		const uint8_t *at = r.p;
		if (!pb_read(&r, &v))
			return r.p == r.end;
		const struct pb_field *f = pb_message_field_by_number(m, v.number);
		if (!f)
			continue;
		struct slot *s = &slots[f - m->fields];
		if (f->oneof >= 0)
			oneof_reset(slots, m, f);
		if (s->count++ == 0)
			s->first = at;
		s->last = v;
	}
}

static struct str parts_join(
	struct out *o, const struct pb_field *f, struct pb_reader r, const struct slot *s)
{
	if (s->count == 1)
		return s->last.bytes;
	struct buf whole = buf_new(o->arena, 0);
	struct pb_wire_field v;
	for (uint32_t left = s->count; left > 0 && pb_read(&r, &v);) {
		if (v.number != f->number)
			continue;
		left--;
		buf_put_str(&whole, v.bytes);
	}
	return buf_str(&whole);
}

static bool set_field_put(struct out *o, const struct pb_field *f, const struct slot *s,
	const uint8_t *end, unsigned depth)
{
	struct pb_reader r = { s->first, end };
	if ((o->flags & PB_JSON_HIDE_SECRETS) && (f->rules.secret || f->rules.pii)) {
		buf_puts(&o->b, "\"***\"");
		return true;
	}
	if (f->is_map)
		return map_put(o, f, r, s->count, depth);
	if (f->repeated)
		return list_put(o, f, r, s->count, depth);
	if (f->message)
		return message_put(o, f->message, parts_join(o, f, r, s), depth + 1);
	return value_put(o, f, &s->last, depth);
}

static bool is_default(const struct pb_field *f, const struct slot *s)
{
	if (s->count == 0)
		return true;
	if (f->repeated || f->has_presence)
		return false;
	return s->last.wire_type == PB_WIRE_BYTES ? s->last.bytes.n == 0 : s->last.value == 0;
}

static bool default_put(struct out *o, const struct pb_field *f, unsigned depth)
{
	static const struct pb_wire_field zero = { 0 };
	if (f->repeated) {
		buf_puts(&o->b, f->is_map ? "{}" : "[]");
		return true;
	}
	return value_put(o, f, &zero, depth);
}

/* The fields of a message into an object that is open already. */
static bool fields_put(struct out *o, const struct pb_message *m, struct str wire, bool *is_first,
	unsigned depth)
{
	size_t base = slots_push(o, m->n_fields);
	bool ok = slots_fill(o->slots + base, m, wire);
	for (size_t i = 0; ok && i < m->n_fields; i++) {
		const struct pb_field *f = &m->fields[i];
		struct slot s = o->slots[base + i]; /* the stack may move below */
		if (!is_default(f, &s)) {
			field_name_put(o, f, is_first);
			ok = set_field_put(o, f, &s, (const uint8_t *)wire.p + wire.n, depth);
		} else if ((o->flags & PB_JSON_DEFAULTS) && !f->has_presence) {
			field_name_put(o, f, is_first);
			ok = default_put(o, f, depth);
		}
	}
	o->n_slots = base;
	return ok && !o->b.overflow;
}

static bool message_put(struct out *o, const struct pb_message *m, struct str wire, unsigned depth)
{
	if (depth > PB_MAX_DEPTH)
		return false;
	if (pb_info(m)->known != PB_KNOWN_NONE)
		return known_put(o, m, wire, depth) && !o->b.overflow;
	bool is_first = true;
	open_put(o, '{');
	if (!fields_put(o, m, wire, &is_first, depth))
		return false;
	close_put(o, '}', is_first);
	return true;
}

enum status pb_json_from_wire(struct arena *a, const struct pb_schema *s, const struct pb_message *m,
	struct str wire, unsigned flags, struct str *ret)
{
	struct out o = { .arena = a, .schema = s, .b = buf_new(a, 0), .flags = flags };
	if (!message_put(&o, m, wire.p ? wire : STR(""), 0))
		return o.b.overflow ? ST_RESOURCE_EXHAUSTED : ST_INVALID_ARGUMENT;
	*ret = buf_str(&o.b);
	return o.b.overflow ? ST_RESOURCE_EXHAUSTED : ST_OK;
}
