/*
 * Validation of wire bytes, in one pass and before anything is unpacked. Nothing is allocated
 * unless there is something to complain about: paths are frames on the stack until then.
 */
#include "adapters/pb/validate_private.h"

enum { SMALL_COUNTS = 24, MAX_MERGES = 4 };

/* One message being read. */
struct progress {
	const struct pb_message_info *m;
	const struct place *at;
	struct str wire;
	unsigned mode, depth;
	uint64_t seen; /* bits of required fields that are set */
	uint32_t *counts;
};

/* ---- fields ---- */

static bool message_check(struct check *x, const struct pb_message_info *m, struct str wire,
	const struct place *at, unsigned mode, unsigned depth);

static unsigned mode_inside(
	const struct check *x, const struct progress *g, const struct pb_field *f)
{
	if (f->rules.output_only)
		return MODE_WIRE; /* ignored, so it need not please */
	bool is_resource = g->m->has_update_mask && !f->repeated && (x->flags & PB_VALIDATE_UPDATE);
	return g->mode & MODE_RULES && is_resource ? g->mode | MODE_PARTIAL : g->mode;
}

static bool submessage_check(struct check *x, struct progress *g, const struct pb_field *field,
	struct str wire, size_t index)
{
	const struct pb_message_info *m = pb_info(field->message);
	struct place at = { .parent = g->at, .field = field, .index = index, .entry = wire };
	unsigned mode = mode_inside(x, g, field);
	if (g->depth >= PB_MAX_DEPTH) {
		(void)validate_complain(
			x, g->at, field, index, "is nested more than %d deep", PB_MAX_DEPTH);
		return false;
	}
	if (!message_check(x, m, wire, &at, mode, g->depth + 1))
		return false;
	if (!(mode & MODE_RULES))
		return true;
	if (m->known == PB_KNOWN_TIMESTAMP || m->known == PB_KNOWN_DURATION)
		return validate_time(x, &at, field, wire);
	if (m->known == PB_KNOWN_WRAPPER)
		return validate_wrapper(x, &at, field, wire);
	return true;
}

/*
 * A message field that is not repeated but sent again: the parts are one message, their
 * concatenation, and rules hold for that. Nested, this could double the work at each level, so it
 * is bounded; nobody does it on purpose.
 */
static bool merged_check(struct check *x, struct progress *g, const struct pb_field *field)
{
	if (x->merges_left == 0) {
		(void)validate_complain(x, g->at, field, SIZE_MAX, "is sent in too many parts");
		return false;
	}
	x->merges_left--;
	struct buf whole = buf_new(x->arena, 0);
	struct pb_reader r = pb_reader_of(g->wire);
	struct pb_wire_field f;
	while (pb_read(&r, &f)) {
		if (f.number == field->number && f.wire_type == PB_WIRE_BYTES)
			buf_put_str(&whole, f.bytes);
	}
	return submessage_check(x, g, field, buf_str(&whole), SIZE_MAX);
}

static bool message_field_check(struct check *x, struct progress *g, const struct pb_check *c,
	const struct pb_wire_field *f, uint32_t count)
{
	const struct pb_field *field = c->field;
	if (field->repeated || count == 1 || !(g->mode & MODE_RULES))
		return submessage_check(
			x, g, field, f->bytes, field->repeated ? count - 1 : SIZE_MAX);
	/* in a oneof another member may come between, and then only the later parts count */
	if (field->oneof >= 0 && !submessage_check(x, g, field, f->bytes, SIZE_MAX))
		return false;
	return count > 2 || merged_check(x, g, field);
}

static bool element_check(struct check *x, struct progress *g, const struct pb_check *c,
	const struct pb_wire_field *f, uint32_t count)
{
	const struct pb_field *field = c->field;
	if (field->message)
		return message_field_check(x, g, c, f, count);
	struct value v = {
		.field = field,
		.rules = &field->rules,
		.type = field->type,
		.enumeration = field->enumeration,
		.index = field->repeated ? count - 1 : SIZE_MAX,
	};
	return validate_scalar(x, g->at, &v, f, field->rules.output_only ? MODE_WIRE : g->mode);
}

static bool is_set(const struct pb_check *c, const struct pb_wire_field *f)
{
	if (c->field->repeated || c->field->message)
		return true;
	return f->wire_type == PB_WIRE_BYTES ? f->bytes.n > 0 : f->value != 0;
}

static void required_note(struct progress *g, const struct pb_check *c, bool set)
{
	g->seen &= ~c->oneof_bits;
	if (c->required_bit < 0)
		return;
	uint64_t bit = UINT64_C(1) << c->required_bit;
	g->seen = set ? g->seen | bit : g->seen & ~bit;
}

/* Counts one element; *ret_skip when there are more than the rules allow. */
static bool element_count(
	struct check *x, struct progress *g, const struct pb_check *c, bool *ret_skip)
{
	const struct pb_field *field = c->field;
	*ret_skip = false;
	if (c->count_slot < 0)
		return true;
	uint32_t n = ++g->counts[c->count_slot];
	if (!field->repeated || n <= field->rules.max_items || !(g->mode & MODE_RULES) ||
		field->rules.output_only)
		return true;
	*ret_skip = true;
	return n > field->rules.max_items + 1 ||
	       validate_complain(
		       x, g->at, field, SIZE_MAX, "has more than %u items", field->rules.max_items);
}

static bool one_check(struct check *x, struct progress *g, const struct pb_check *c,
	const struct pb_wire_field *f)
{
	bool skip;
	if (!element_count(x, g, c, &skip))
		return false;
	required_note(g, c, is_set(c, f));
	uint32_t count = c->count_slot >= 0 ? g->counts[c->count_slot] : 0;
	return skip || element_check(x, g, c, f, count);
}

static bool packed_check(
	struct check *x, struct progress *g, const struct pb_check *c, struct str bytes)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f = { .number = c->field->number, .wire_type = c->wire_type };
	while (pb_read_packed(&r, c->wire_type, &f.value)) {
		if (!one_check(x, g, c, &f))
			return false;
	}
	if (r.p != r.end)
		(void)validate_complain(
			x, g->at, c->field, SIZE_MAX, "is malformed: a number is cut short");
	return r.p == r.end;
}

static bool field_check(struct check *x, struct progress *g, const struct pb_wire_field *f)
{
	const struct pb_check *c = pb_check_by_number(g->m, f->number);
	if (!c)
		return true;
	if (f->wire_type == c->wire_type)
		return one_check(x, g, c, f);
	if (f->wire_type == PB_WIRE_BYTES && c->is_packable)
		return packed_check(x, g, c, f->bytes);
	(void)validate_complain(x, g->at, c->field, SIZE_MAX,
		"is malformed: wire type %u does not fit its type", f->wire_type);
	return false;
}

/* ---- messages ---- */

static void malformed(struct check *x, const struct progress *g, const struct pb_reader *r)
{
	const uint8_t *p = r->p;
	uint64_t tag = 0;
	const struct pb_check *c = NULL;
	if (pb_varint_read(&p, r->end, &tag) && tag >> 3 <= UINT32_MAX)
		c = pb_check_by_number(g->m, (uint32_t)(tag >> 3));
	unsigned wire_type = tag & 7;
	(void)validate_complain(x, g->at, c ? c->field : NULL, SIZE_MAX, "%s",
		wire_type == 3 || wire_type == 4 ? "is malformed: groups are not supported"
						 : "is malformed or cut short");
}

static bool required_check(struct check *x, const struct progress *g)
{
	uint64_t missing = g->m->required & ~g->seen;
	if (!missing || !(g->mode & MODE_RULES) || (g->mode & MODE_PARTIAL))
		return true;
	for (size_t i = 0; i < g->m->pub.n_fields; i++) {
		const struct pb_check *c = &g->m->checks[i];
		if (c->required_bit >= 0 && (missing >> c->required_bit & 1) &&
			!validate_complain(x, g->at, c->field, SIZE_MAX, "is required"))
			return false;
	}
	return true;
}

/* False when reading must end: the bytes are malformed, or there is no room for more complaints. */
static bool message_check(struct check *x, const struct pb_message_info *m, struct str wire,
	const struct place *at, unsigned mode, unsigned depth)
{
	uint32_t small[SMALL_COUNTS];
	struct progress g = {
		.m = m, .at = at, .wire = wire, .mode = mode, .depth = depth, .counts = small
	};
	if (m->n_counted <= SMALL_COUNTS)
		memset(small, 0, m->n_counted * sizeof(small[0]));
	else
		g.counts = arena_new_array(x->arena, uint32_t, m->n_counted);
	struct pb_reader r = pb_reader_of(wire);
	struct pb_wire_field f;
	while (pb_read(&r, &f)) {
		if (!field_check(x, &g, &f))
			return false;
	}
	if (r.p != r.end) {
		malformed(x, &g, &r);
		return false;
	}
	return required_check(x, &g);
}

enum status pb_validate(struct arena *a, const struct pb_message *m, struct str wire,
	unsigned flags, struct pb_violations *ret)
{
	struct check x = { .arena = a, .flags = flags, .merges_left = MAX_MERGES, .out = ret };
	ret->n = 0;
	unsigned mode = flags & (PB_VALIDATE_RULES | PB_VALIDATE_UPDATE) ? MODE_RULES : MODE_WIRE;
	if (!wire.p)
		wire = STR("");
	(void)message_check(&x, pb_info(m), wire, NULL, mode, 0); /* what it found is in ret */
	return ret->n == 0 ? ST_OK : ST_INVALID_ARGUMENT;
}
