/*
 * JSON out: one walk over the wire bytes of a message notes where each field stands, a second over
 * its fields prints them.
 */
#include "adapters/pb/json_out_private.h"

static void field_name_put(struct out *o, const struct pb_field *f, bool *is_first)
{
	json_out_item(o, is_first);
	json_out_name(o, str_c(o->flags & PB_JSON_PROTO_NAMES ? f->name : f->json_name));
}

static size_t slots_push(struct out *o, size_t n)
{
	size_t base = o->n_slots;
	if (!o->slots || o->cap_slots - base < n) {
		o->cap_slots = 2 * (o->cap_slots + n + 1);
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
		return json_out_map(o, f, r, s->count, depth);
	if (f->repeated)
		return json_out_list(o, f, r, s->count, depth);
	if (f->message)
		return json_out_message(o, f->message, parts_join(o, f, r, s), depth + 1);
	return json_out_value(o, f, &s->last, depth);
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
	return json_out_value(o, f, &zero, depth);
}

/* The fields of a message into an object that is open already. */
bool json_out_fields(
	struct out *o, const struct pb_message *m, struct str wire, bool *is_first, unsigned depth)
{
	size_t base = slots_push(o, m->n_fields);
	bool ok = slots_fill(o->slots + base, m, wire);
	for (size_t i = 0; ok && i < m->n_fields; i++) {
		const struct pb_field *f = &m->fields[i];
		struct slot s = o->slots[base + i]; /* the stack may move below */
		if (!is_default(f, &s)) {
			field_name_put(o, f, is_first);
			ok = set_field_put(o, f, &s, pb_reader_of(wire).end, depth);
		} else if ((o->flags & PB_JSON_DEFAULTS) && !f->has_presence) {
			field_name_put(o, f, is_first);
			ok = default_put(o, f, depth);
		}
	}
	o->n_slots = base;
	return ok && !o->b.overflow;
}

bool json_out_message(struct out *o, const struct pb_message *m, struct str wire, unsigned depth)
{
	if (depth > PB_MAX_DEPTH)
		return false;
	if (pb_info(m)->known != PB_KNOWN_NONE)
		return json_out_known(o, m, wire, depth) && !o->b.overflow;
	bool is_first = true;
	json_out_open(o, '{');
	if (!json_out_fields(o, m, wire, &is_first, depth))
		return false;
	json_out_close(o, '}', is_first);
	return true;
}

enum status pb_json_from_wire(struct arena *a, const struct pb_schema *s,
	const struct pb_message *m, struct str wire, unsigned flags, struct str *ret)
{
	struct out o = { .arena = a, .schema = s, .b = buf_new(a, 0), .flags = flags };
	if (!json_out_message(&o, m, wire.p ? wire : STR(""), 0))
		return o.b.overflow ? ST_RESOURCE_EXHAUSTED : ST_INVALID_ARGUMENT;
	*ret = buf_str(&o.b);
	return o.b.overflow ? ST_RESOURCE_EXHAUSTED : ST_OK;
}
