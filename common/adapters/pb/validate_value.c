/*
 * Validation: single values against their rules, and how complaints are made.
 */
#include "adapters/pb/validate_private.h"

/* ---- violations ---- */

static void key_put(struct buf *b, struct str entry)
{
	struct pb_reader r = pb_reader_of(entry);
	struct pb_wire_field f, key = { 0 };
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			key = f;
	}
	if (key.wire_type != PB_WIRE_BYTES)
		buf_printf(b, "[%lld]", (long long)key.value);
	else if (key.bytes.n <= 64 && pb_text_is_clean(key.bytes))
		buf_printf(b, "[\"%.*s\"]", (int)key.bytes.n, key.bytes.p);
	else
		buf_puts(b, "[]");
}

static void step_put(struct buf *b, const struct pb_field *field, size_t index, struct str entry)
{
	if (b->n > 0)
		buf_put_c(b, '.');
	buf_puts(b, field->name);
	if (index == SIZE_MAX || !field->repeated)
		return;
	if (field->is_map)
		key_put(b, entry);
	else
		buf_printf(b, "[%zu]", index);
}

static void place_put(struct buf *b, const struct place *at)
{
	if (!at || !at->field)
		return;
	place_put(b, at->parent);
	bool inside_entry = at->parent && at->parent->field && at->parent->field->is_map;
	if (!inside_entry)
		step_put(b, at->field, at->index, at->entry);
}

bool validate_complain(struct check *x, const struct place *at, const struct pb_field *field,
	size_t index, const char *fmt, ...)
{
	struct pb_violations *out = x->out;
	if (out->n == PB_MAX_VIOLATIONS)
		return false;
	struct buf path = buf_new(x->arena, 0);
	struct place here = { .parent = at, .field = field, .index = index };
	place_put(&path, field ? &here : at);
	va_list ap;
	va_start(ap, fmt);
	out->v[out->n++] = (struct pb_violation){
		.field = buf_cstr(&path),
		.description = arena_vprintf(x->arena, fmt, ap),
	};
	va_end(ap);
	return out->n < PB_MAX_VIOLATIONS;
}

/* ---- rules ---- */

static bool length_check(struct check *x, const struct place *at, const struct value *v, size_t n)
{
	const char *unit = v->type == PB_BYTES ? "bytes" : "characters";
	if (n > v->rules->max_length)
		return validate_complain(x, at, v->field, v->index,
			"has %zu %s, at most %u are allowed", n, unit, v->rules->max_length);
	if (n > 0 && n < v->rules->min_length)
		return validate_complain(x, at, v->field, v->index,
			"has %zu %s, at least %u are needed", n, unit, v->rules->min_length);
	return true;
}

static bool text_rules_check(struct check *x, const struct place *at, const struct value *v,
	struct str text, const struct pb_text *look)
{
	if (look->has_control || (look->has_break && !v->rules->multiline))
		return validate_complain(x, at, v->field, v->index,
			v->rules->multiline
				? "has control characters other than line breaks and tabs"
				: "has control characters");
	size_t n = look->is_ascii ? text.n : utf8_count(text);
	if (n > v->rules->max_length || n < v->rules->min_length)
		return length_check(x, at, v, n);
	const char *why;
	if (v->rules->format != PB_FORMAT_ANY && n > 0 &&
		!pb_format_is_valid(v->rules->format, text, &why))
		return validate_complain(x, at, v->field, v->index, "%s", why);
	return true;
}

/* The wire's own demands on text come first and end the reading: protobuf-c must not see it. */
static bool text_check(struct check *x, const struct place *at, const struct value *v,
	struct str text, unsigned mode)
{
	struct pb_text look;
	if (!pb_text_look(text, &look)) {
		(void)validate_complain(x, at, v->field, v->index, "is not valid UTF-8");
		return false;
	}
	if (look.has_nul) {
		(void)validate_complain(x, at, v->field, v->index, "has a NUL character");
		return false;
	}
	return !(mode & MODE_RULES) || text_rules_check(x, at, v, text, &look);
}

static bool range_complain(struct check *x, const struct place *at, const struct value *v)
{
	const struct pb_rules *r = v->rules;
	if (r->max == 0 && r->min > 0)
		return validate_complain(
			x, at, v->field, v->index, "must be at least %lld", (long long)r->min);
	return validate_complain(x, at, v->field, v->index, "must be from %lld to %lld",
		(long long)r->min, (long long)r->max);
}

static bool is_in_range(const struct value *v, uint64_t value)
{
	const struct pb_rules *r = v->rules;
	int64_t max = r->max == 0 && r->min > 0 ? INT64_MAX : r->max;
	if (v->type == PB_DOUBLE || v->type == PB_FLOAT) {
		double d = pb_wire_double(v->type, value);
		return d == 0 || (d >= (double)r->min && d <= (double)max);
	}
	int64_t n = pb_wire_to_i64(v->type, value);
	if ((v->type == PB_UINT64 || v->type == PB_FIXED64) && n < 0)
		return max == INT64_MAX;
	return n == 0 || (n >= r->min && n <= max);
}

static bool number_check(
	struct check *x, const struct place *at, const struct value *v, uint64_t value)
{
	if (v->type == PB_ENUM && !pb_enum_by_number(v->enumeration, (int32_t)value))
		return validate_complain(x, at, v->field, v->index, "is not a value of %s",
			v->enumeration->full_name);
	if ((v->rules->min != 0 || v->rules->max != 0) && !is_in_range(v, value))
		return range_complain(x, at, v);
	return true;
}

bool validate_scalar(struct check *x, const struct place *at, const struct value *v,
	const struct pb_wire_field *f, unsigned mode)
{
	if (v->type == PB_STRING)
		return text_check(x, at, v, f->bytes, mode);
	if (!(mode & MODE_RULES))
		return true;
	if (v->type == PB_BYTES)
		return length_check(x, at, v, f->bytes.n);
	return number_check(x, at, v, f->value);
}

bool validate_time(
	struct check *x, const struct place *at, const struct pb_field *field, struct str wire)
{
	enum pb_known known = pb_info(field->message)->known;
	struct pb_moment t;
	if (!pb_moment_read(wire, &t))
		return true; /* said already */
	const char *why =
		known == PB_KNOWN_TIMESTAMP ? pb_timestamp_fault(t) : pb_duration_fault(t);
	return !why || validate_complain(x, at->parent, field, at->index, "%s", why);
}

/* The rules of a wrapped value are declared on the field that holds the wrapper. */
bool validate_wrapper(
	struct check *x, const struct place *at, const struct pb_field *field, struct str wire)
{
	const struct pb_field *inner = pb_message_field_by_number(field->message, 1);
	struct value v = { .field = field, .rules = &field->rules, .index = at->index };
	struct pb_reader r = pb_reader_of(wire);
	struct pb_wire_field f;
	if (!inner)
		return true;
	v.type = inner->type;
	v.enumeration = inner->enumeration;
	while (pb_read(&r, &f)) {
		if (f.number == 1 && !validate_scalar(x, at->parent, &v, &f, MODE_RULES))
			return false;
	}
	return true;
}
