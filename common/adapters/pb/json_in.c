/*
 * JSON in: values go straight from the text to the wire, without a tree in between. The first fault ends it.
 *
 * More generous than the mapping in one point: a FieldMask may name its paths as the proto does.
 */
#include "adapters/pb/json_private.h"

enum { SMALL_SEEN = 4 };

/* Where a value stands, for the path of a complaint. */
struct place {
	const struct place *parent;
	struct str name;  /* of a field, or a key */
	bool is_key;      /* in a map */
	size_t index;     /* in a list, or SIZE_MAX */
};

struct in {
	struct json j;
	struct arena *arena;
	const struct pb_schema *schema;
	struct buf b;
	struct pb_violations *out;
};

/* A scalar, ready for the wire. */
struct scalar {
	uint64_t value;
	struct str bytes;
};

static bool message_read(struct in *in, const struct pb_message *m, const struct place *at, unsigned depth);
static bool dynamic_read(
	struct in *in, const struct pb_message *m, const struct place *at, unsigned depth);

/* ---- complaints ---- */

static void place_put(struct buf *b, const struct place *at)
{
	if (!at)
		return;
	place_put(b, at->parent);
	bool printable = at->name.n <= 64 && pb_text_is_clean(at->name);
	struct str name = printable ? at->name : STR("?");
	if (at->index != SIZE_MAX)
		buf_printf(b, "[%zu]", at->index);
	else if (at->is_key)
		buf_printf(b, "[\"%.*s\"]", (int)name.n, name.p);
	else
		buf_printf(b, "%s%.*s", b->n > 0 ? "." : "", (int)name.n, name.p);
}

static bool PRINTF_LIKE(3, 4)
complain(struct in *in, const struct place *at, const char *fmt, ...)
{
	if (in->out->n > 0)
		return false;
	struct buf path = buf_new(in->arena, 0);
	place_put(&path, at);
	va_list ap;
	va_start(ap, fmt);
	in->out->v[in->out->n++] = (struct pb_violation){
		.field = buf_cstr(&path),
		.description = arena_vprintf(in->arena, fmt, ap),
	};
	va_end(ap);
	return false;
}

static bool malformed(struct in *in, const struct place *at)
{
	return complain(in, at, "is malformed JSON at byte %zu: %s", (size_t)(in->j.p - in->j.start),
		in->j.fault);
}

/* ---- lengths, known only once what they count is written ---- */

static size_t length_open(struct in *in)
{
	buf_put_c(&in->b, 0);
	return in->b.n;
}

static void length_close(struct in *in, size_t from)
{
	uint8_t length[PB_VARINT_MAX];
	size_t size = in->b.n - from, n = pb_varint_encode(length, size);
	if (in->b.overflow || !buf_room(&in->b, n - 1))
		return;
	memmove(in->b.p + from + n - 1, in->b.p + from, size);
	memcpy(in->b.p + from - 1, length, n);
	in->b.n += n - 1;
}

/* ---- scalars ---- */

/* A number or a string that holds one, as its text. */
static bool number_text(struct in *in, const struct place *at, struct str *ret)
{
	char c = json_peek(&in->j);
	if (c == '"')
		return json_string(&in->j, ret) || malformed(in, at);
	if (c != '-' && !(c >= '0' && c <= '9'))
		return complain(in, at, "must be a number");
	return json_number(&in->j, ret) || malformed(in, at);
}

static bool integer_of(
	struct in *in, const struct place *at, enum pb_type type, struct str text, uint64_t *ret)
{
	bool negative, small = type == PB_INT32 || type == PB_SINT32 || type == PB_SFIXED32 || type == PB_ENUM;
	bool is_unsigned = type == PB_UINT32 || type == PB_FIXED32 || type == PB_UINT64 || type == PB_FIXED64;
	uint64_t size, top = small ? INT32_MAX : INT64_MAX;
	if (is_unsigned)
		top = type == PB_UINT32 || type == PB_FIXED32 ? UINT32_MAX : UINT64_MAX;
	if (!json_to_integer(text, &negative, &size))
		return complain(in, at, "must be a whole number");
	if (negative ? is_unsigned || size > top + 1 : size > top)
		return complain(in, at, "is out of range");
	*ret = negative ? 0 - size : size;
	return true;
}

static uint64_t zigzag(enum pb_type type, uint64_t v)
{
	uint64_t z = (v << 1) ^ (0 - (v >> 63));
	return type == PB_SINT32 ? z & UINT32_MAX : z;
}

static bool integer_read(
	struct in *in, const struct place *at, enum pb_type type, uint64_t *ret)
{
	struct str text;
	if (!number_text(in, at, &text) || !integer_of(in, at, type, text, ret))
		return false;
	if (type == PB_SINT32 || type == PB_SINT64)
		*ret = zigzag(type, *ret);
	return true;
}

static uint64_t double_bits(enum pb_type type, double d)
{
	uint64_t v = 0;
	float f = (float)d;
	if (type == PB_FLOAT)
		memcpy(&v, &f, sizeof(f)); /* little-endian, as all hosts of this project */
	else
		memcpy(&v, &d, sizeof(d));
	return v;
}

static bool double_read(struct in *in, const struct place *at, enum pb_type type, uint64_t *ret)
{
	bool is_text = json_peek(&in->j) == '"';
	struct str text;
	double d;
	if (!number_text(in, at, &text))
		return false;
	if (is_text && str_is(text, "NaN"))
		d = __builtin_nan("");
	else if (is_text && str_is(text, "Infinity"))
		d = __builtin_inf();
	else if (is_text && str_is(text, "-Infinity"))
		d = -__builtin_inf();
	else if (!json_to_double(in->arena, text, type == PB_FLOAT, &d))
		return complain(in, at, "is not a number that fits");
	*ret = double_bits(type, d);
	return true;
}

static bool enum_read(struct in *in, const struct place *at, const struct pb_enum *e, uint64_t *ret)
{
	struct str name;
	if (json_peek(&in->j) != '"')
		return integer_read(in, at, PB_ENUM, ret);
	if (!json_string(&in->j, &name))
		return malformed(in, at);
	const struct pb_enum_value *v = pb_enum_by_name(e, name);
	if (!v)
		return complain(in, at, "is not a value of %s", e->full_name);
	*ret = (uint64_t)(int64_t)v->number;
	return true;
}

static bool text_read(struct in *in, const struct place *at, struct str *ret)
{
	if (json_peek(&in->j) != '"')
		return complain(in, at, "must be a string");
	return json_string(&in->j, ret) || malformed(in, at);
}

static bool string_read(struct in *in, const struct place *at, struct str *ret)
{
	if (!text_read(in, at, ret))
		return false;
	if (ret->n > 0 && memchr(ret->p, '\0', ret->n))
		return complain(in, at, "has a NUL character");
	return true;
}

static bool bytes_read(struct in *in, const struct place *at, struct str *ret)
{
	struct str text;
	if (!text_read(in, at, &text))
		return false;
	return json_to_bytes(in->arena, text, ret) || complain(in, at, "is not base64");
}

static bool bool_read(struct in *in, const struct place *at, uint64_t *ret)
{
	*ret = json_word(&in->j, "true");
	return *ret || json_word(&in->j, "false") || complain(in, at, "must be true or false");
}

static bool scalar_read(
	struct in *in, const struct pb_field *f, const struct place *at, struct scalar *ret)
{
	*ret = (struct scalar){ .bytes = STR("") };
	switch (f->type) {
	case PB_STRING:
		return string_read(in, at, &ret->bytes);
	case PB_BYTES:
		return bytes_read(in, at, &ret->bytes);
	case PB_BOOL:
		return bool_read(in, at, &ret->value);
	case PB_DOUBLE:
	case PB_FLOAT:
		return double_read(in, at, f->type, &ret->value);
	case PB_ENUM:
		return enum_read(in, at, f->enumeration, &ret->value);
	default:
		return integer_read(in, at, f->type, &ret->value);
	}
}

static void payload_put(struct in *in, const struct pb_field *f, const struct scalar *v)
{
	switch (pb_wire_type_of(f->type)) {
	case PB_WIRE_VARINT:
		pb_put_varint(&in->b, v->value);
		break;
	case PB_WIRE_64:
		pb_put_fixed(&in->b, v->value, 8);
		break;
	case PB_WIRE_32:
		pb_put_fixed(&in->b, v->value, 4);
		break;
	default:
		pb_put_varint(&in->b, v->bytes.n);
		buf_put_str(&in->b, v->bytes);
	}
}

static void scalar_put(struct in *in, const struct pb_field *f, const struct scalar *v)
{
	pb_put_tag(&in->b, f->number, pb_wire_type_of(f->type));
	payload_put(in, f, v);
}

/* ---- fields ---- */

static bool submessage_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	if (depth >= PB_MAX_DEPTH)
		return complain(in, at, "is nested more than %d deep", PB_MAX_DEPTH);
	pb_put_tag(&in->b, f->number, PB_WIRE_BYTES);
	size_t from = length_open(in);
	if (!message_read(in, f->message, at, depth + 1))
		return false;
	length_close(in, from);
	return true;
}

/* One value, written even when it is the default. */
static bool element_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	struct scalar v;
	if (f->type == PB_GROUP)
		return complain(in, at, "is a group, which is not supported");
	if (f->message)
		return submessage_read(in, f, at, depth);
	if (!scalar_read(in, f, at, &v))
		return false;
	scalar_put(in, f, &v);
	return true;
}

static bool is_null_enum(const struct pb_field *f)
{
	return f->enumeration && strcmp(f->enumeration->full_name, "google.protobuf.NullValue") == 0;
}

/* Whether null is a value of the type, not its absence. */
static bool takes_null(const struct pb_field *f)
{
	return is_null_enum(f) || (f->message && pb_info(f->message)->known == PB_KNOWN_VALUE);
}

static bool list_item_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	struct scalar v = { 0 };
	if (json_peek(&in->j) == 'n' && !takes_null(f))
		return complain(in, at, "must not be null");
	if (is_null_enum(f) && json_word(&in->j, "null")) {
		if (!f->packed)
			pb_put_tag(&in->b, f->number, PB_WIRE_VARINT);
		payload_put(in, f, &v);
		return true;
	}
	if (!f->packed)
		return element_read(in, f, at, depth);
	if (!scalar_read(in, f, at, &v))
		return false;
	payload_put(in, f, &v);
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
			return json_expect(&in->j, ']') || malformed(in, at);
	}
}

static bool list_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	if (!json_take(&in->j, '['))
		return complain(in, at, "must be a list");
	if (json_take(&in->j, ']'))
		return true;
	if (!f->packed)
		return list_items_read(in, f, at, depth);
	pb_put_tag(&in->b, f->number, PB_WIRE_BYTES);
	size_t from = length_open(in);
	if (!list_items_read(in, f, at, depth))
		return false;
	length_close(in, from);
	return true;
}

/* ---- maps ---- */

static bool key_of(
	struct in *in, const struct pb_field *f, struct str text, const struct place *at, struct scalar *ret)
{
	*ret = (struct scalar){ .bytes = STR("") };
	if (f->type == PB_STRING) {
		ret->bytes = text;
		return !memchr(text.p, '\0', text.n) || complain(in, at, "has a NUL character");
	}
	if (f->type == PB_BOOL) {
		ret->value = str_is(text, "true");
		return ret->value || str_is(text, "false") || complain(in, at, "must be true or false");
	}
	if (!integer_of(in, at, f->type, text, &ret->value))
		return false;
	if (f->type == PB_SINT32 || f->type == PB_SINT64)
		ret->value = zigzag(f->type, ret->value);
	return true;
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
		return complain(in, at, "is given twice");
	if (depth >= PB_MAX_DEPTH)
		return complain(in, at, "is nested more than %d deep", PB_MAX_DEPTH);
	pb_put_tag(&in->b, f->number, PB_WIRE_BYTES);
	size_t from = length_open(in);
	scalar_put(in, key, &k);
	if (!list_item_read(in, value, at, depth + 1))
		return false;
	length_close(in, from);
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
			return malformed(in, at);
		if (!entry_read(in, f, item.name, keys, &item, depth))
			return false;
		if (!json_take(&in->j, ','))
			return json_expect(&in->j, '}') || malformed(in, at);
	}
}

static bool map_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	struct map keys;
	if (!json_take(&in->j, '{'))
		return complain(in, at, "must be an object");
	map_init(&keys);
	bool ok = entries_read(in, f, &keys, at, depth);
	map_done(&keys);
	return ok;
}

/* ---- messages with a form of their own ---- */

static bool moment_read(struct in *in, enum pb_known known, const struct place *at)
{
	struct str text;
	struct pb_moment t;
	if (!text_read(in, at, &text))
		return false;
	if (known == PB_KNOWN_TIMESTAMP && !json_to_timestamp(text, &t))
		return complain(in, at, "is not a time such as 2026-03-29T10:00:00Z");
	if (known == PB_KNOWN_DURATION && !json_to_duration(text, &t))
		return complain(in, at, "is not a duration such as 1.5s");
	pb_put_int(&in->b, 1, t.seconds);
	pb_put_int(&in->b, 2, t.nanos);
	return true;
}

static bool mask_read(struct in *in, const struct place *at)
{
	struct str text;
	if (!string_read(in, at, &text))
		return false;
	while (text.n > 0) {
		struct buf path = buf_new(in->arena, 0);
		struct str one = str_cut(&text, ',');
		if (one.n == 0 || (text.p && text.n == 0))
			return complain(in, at, "has an empty path");
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
		return complain(in, at, "is of an unknown kind");
	if (!scalar_read(in, f, at, &v))
		return false;
	if (v.value != 0 || v.bytes.n > 0)
		scalar_put(in, f, &v);
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
		return complain(in, at, "is of an unknown kind");
	if (f->number != 1)
		return element_read(in, f, at, depth);
	if (!json_word(&in->j, "null"))
		return complain(in, at, "is malformed JSON");
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
		return map_read(in, f, at, depth);
	return f && f->repeated ? list_read(in, f, at, depth) : complain(in, at, "is of an unknown kind");
}

/* ---- Any ---- */

static bool object_read(struct in *in, const struct pb_message *m, const struct place *at,
	unsigned depth, bool inside_any);

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
			return complain(in, at, "has two \"@type\"");
		found |= is_type;
		if (!(is_type ? json_string(&ahead, ret) : json_skip(&ahead, 0)))
			break;
	}
	if (ahead.fault) {
		in->j = ahead;
		return malformed(in, at);
	}
	return found || is_empty || complain(in, at, "has no \"@type\"");
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
			return malformed(in, at);
		if (str_is(name, "@type")) {
			if (!json_skip(&in->j, 0))
				return malformed(in, at);
			continue;
		}
		if (!str_is(name, "value") || found)
			return complain(in, at, "must have \"@type\" and one \"value\" only");
		found = true;
		if (!message_read(in, m, &inner, depth))
			return false;
	} while (json_take(&in->j, ','));
	if (!json_expect(&in->j, '}'))
		return malformed(in, at);
	return found || complain(in, at, "has no \"value\"");
}

static bool any_read(struct in *in, const struct place *at, unsigned depth)
{
	struct str url;
	if (json_peek(&in->j) != '{')
		return complain(in, at, "must be an object");
	if (!type_find(in, at, &url))
		return false;
	if (!url.p) /* {} */
		return json_take(&in->j, '{') && json_take(&in->j, '}');
	const struct pb_message *m = json_any_type(in->schema, url);
	if (!m)
		return complain(in, at, "has an \"@type\" that is not known here");
	pb_put_bytes(&in->b, 1, url);
	pb_put_tag(&in->b, 2, PB_WIRE_BYTES);
	size_t from = length_open(in);
	if (depth >= PB_MAX_DEPTH)
		return complain(in, at, "is nested more than %d deep", PB_MAX_DEPTH);
	bool ok = json_is_special(m) ? any_value_read(in, m, at, depth + 1)
				     : object_read(in, m, at, depth + 1, true);
	if (!ok)
		return false;
	if (in->b.n == from)
		in->b.n = from - 2; /* the default: neither tag nor length */
	else
		length_close(in, from);
	return true;
}

/* ---- messages ---- */

struct seen {
	uint64_t small[SMALL_SEEN];
	uint64_t *bits;
};

static void seen_init(struct in *in, const struct pb_message *m, struct seen *s)
{
	*s = (struct seen){ 0 };
	s->bits = m->n_fields <= SMALL_SEEN * 64 ? s->small
						 : arena_new_array(in->arena, uint64_t, m->n_fields / 64 + 1);
}

static bool seen_test(const struct seen *s, size_t i)
{
	return s->bits[i / 64] >> (i % 64) & 1;
}

static bool oneof_is_free(const struct seen *s, const struct pb_message *m, const struct pb_field *f)
{
	for (size_t i = 0; f->oneof >= 0 && i < m->n_fields; i++) {
		if (m->fields[i].oneof == f->oneof && &m->fields[i] != f && seen_test(s, i))
			return false;
	}
	return true;
}

static bool singular_read(
	struct in *in, const struct pb_field *f, const struct place *at, unsigned depth)
{
	struct scalar v = { .bytes = STR("") };
	if (f->message || f->type == PB_GROUP)
		return element_read(in, f, at, depth);
	bool is_null = is_null_enum(f) && json_word(&in->j, "null");
	if (!is_null && !scalar_read(in, f, at, &v))
		return false;
	if (f->has_presence || v.value != 0 || v.bytes.n > 0)
		scalar_put(in, f, &v);
	return true;
}

static bool field_read(struct in *in, const struct pb_message *m, const struct pb_field *f,
	struct seen *seen, const struct place *at, unsigned depth)
{
	size_t i = (size_t)(f - m->fields);
	uint64_t bit = UINT64_C(1) << (i % 64);
	if (seen_test(seen, i))
		return complain(in, at, "is given twice");
	bool is_value = !f->repeated && takes_null(f);
	if (json_peek(&in->j) == 'n' && !is_value) {
		seen->bits[i / 64] |= f->oneof < 0 ? bit : 0; /* null sets no member of a oneof */
		return json_word(&in->j, "null") || complain(in, at, "is malformed JSON");
	}
	if (!oneof_is_free(seen, m, f))
		return complain(in, at, "excludes another field of '%s' that is given too", f->oneof_name);
	seen->bits[i / 64] |= bit;
	if (f->is_map)
		return map_read(in, f, at, depth);
	return f->repeated ? list_read(in, f, at, depth) : singular_read(in, f, at, depth);
}

static bool member_read(struct in *in, const struct pb_message *m, struct seen *seen,
	const struct place *at, unsigned depth, bool inside_any)
{
	struct place here = { .parent = at, .index = SIZE_MAX };
	if (!json_string(&in->j, &here.name) || !json_expect(&in->j, ':'))
		return malformed(in, at);
	if (inside_any && str_is(here.name, "@type"))
		return json_skip(&in->j, 0) || malformed(in, at);
	const struct pb_field *f = pb_message_field_by_json(m, here.name);
	if (!f)
		return complain(in, &here, "is not a field of %s", m->full_name);
	here.name = str_c(f->name);
	return field_read(in, m, f, seen, &here, depth);
}

static bool object_read(struct in *in, const struct pb_message *m, const struct place *at,
	unsigned depth, bool inside_any)
{
	struct seen seen;
	seen_init(in, m, &seen);
	if (!json_take(&in->j, '{'))
		return complain(in, at, "must be an object");
	if (json_take(&in->j, '}'))
		return true;
	for (;;) {
		if (!member_read(in, m, &seen, at, depth, inside_any))
			return false;
		if (in->b.overflow)
			return complain(in, at, "is too large");
		if (!json_take(&in->j, ','))
			return json_expect(&in->j, '}') || malformed(in, at);
	}
}

static bool message_read(struct in *in, const struct pb_message *m, const struct place *at, unsigned depth)
{
	enum pb_known known = pb_info(m)->known;
	switch (known) {
	case PB_KNOWN_NONE:
		return object_read(in, m, at, depth, false);
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

enum status pb_json_to_wire(struct arena *a, const struct pb_schema *s, const struct pb_message *m,
	struct str json, struct str *ret, struct pb_violations *ret_violations)
{
	struct str text = json.p ? json : STR("");
	struct in in = {
		.j = { .arena = a, .start = text.p, .p = text.p, .end = text.p + text.n },
		.arena = a,
		.schema = s,
		.b = buf_new(a, 0),
		.out = ret_violations,
	};
	ret_violations->n = 0;
	if (!utf8_is_valid(text)) {
		(void)complain(&in, NULL, "is not valid UTF-8");
		return ST_INVALID_ARGUMENT;
	}
	bool ok = message_read(&in, m, NULL, 0);
	(void)json_peek(&in.j);
	if (ok && in.j.p != in.j.end)
		ok = complain(&in, NULL, "has more after the end of the JSON value");
	if (ok && in.b.overflow)
		ok = complain(&in, NULL, "is too large");
	if (!ok)
		return ST_INVALID_ARGUMENT;
	*ret = buf_str(&in.b);
	return ST_OK;
}
