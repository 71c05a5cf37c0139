/*
 * JSON in: scalars, and how complaints are made.
 */
#include "adapters/pb/json_in_private.h"

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

bool json_in_complain(struct in *in, const struct place *at, const char *fmt, ...)
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

bool json_in_malformed(struct in *in, const struct place *at)
{
	return json_in_complain(in, at, "is malformed JSON at byte %zu: %s",
		(size_t)(in->j.p - in->j.start), in->j.fault);
}

/* ---- lengths, known only once what they count is written ---- */

size_t json_in_length_open(struct in *in)
{
	buf_put_c(&in->b, 0);
	return in->b.n;
}

void json_in_length_close(struct in *in, size_t from)
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
		return json_string(&in->j, ret) || json_in_malformed(in, at);
	if (c != '-' && !(c >= '0' && c <= '9'))
		return json_in_complain(in, at, "must be a number");
	return json_number(&in->j, ret) || json_in_malformed(in, at);
}

static uint64_t zigzag(enum pb_type type, uint64_t v)
{
	uint64_t z = (v << 1) ^ (0 - (v >> 63));
	return type == PB_SINT32 ? z & UINT32_MAX : z;
}

bool json_in_integer_of(
	struct in *in, const struct place *at, enum pb_type type, struct str text, uint64_t *ret)
{
	bool negative, small = type == PB_INT32 || type == PB_SINT32 || type == PB_SFIXED32 ||
			       type == PB_ENUM;
	bool is_unsigned =
		type == PB_UINT32 || type == PB_FIXED32 || type == PB_UINT64 || type == PB_FIXED64;
	uint64_t size, top = small ? INT32_MAX : INT64_MAX;
	if (is_unsigned)
		top = type == PB_UINT32 || type == PB_FIXED32 ? UINT32_MAX : UINT64_MAX;
	if (!json_to_integer(text, &negative, &size))
		return json_in_complain(in, at, "must be a whole number");
	if (negative ? is_unsigned || size > top + 1 : size > top)
		return json_in_complain(in, at, "is out of range");
	*ret = negative ? 0 - size : size;
	if (type == PB_SINT32 || type == PB_SINT64)
		*ret = zigzag(type, *ret);
	return true;
}

static bool integer_read(struct in *in, const struct place *at, enum pb_type type, uint64_t *ret)
{
	struct str text;
	return number_text(in, at, &text) && json_in_integer_of(in, at, type, text, ret);
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
		return json_in_complain(in, at, "is not a number that fits");
	*ret = double_bits(type, d);
	return true;
}

static bool enum_read(struct in *in, const struct place *at, const struct pb_enum *e, uint64_t *ret)
{
	struct str name;
	if (json_peek(&in->j) != '"')
		return integer_read(in, at, PB_ENUM, ret);
	if (!json_string(&in->j, &name))
		return json_in_malformed(in, at);
	const struct pb_enum_value *v = pb_enum_by_name(e, name);
	if (!v)
		return json_in_complain(in, at, "is not a value of %s", e->full_name);
	*ret = (uint64_t)(int64_t)v->number;
	return true;
}

bool json_in_text(struct in *in, const struct place *at, struct str *ret)
{
	if (json_peek(&in->j) != '"')
		return json_in_complain(in, at, "must be a string");
	return json_string(&in->j, ret) || json_in_malformed(in, at);
}

bool json_in_string(struct in *in, const struct place *at, struct str *ret)
{
	if (!json_in_text(in, at, ret))
		return false;
	if (ret->n > 0 && memchr(ret->p, '\0', ret->n))
		return json_in_complain(in, at, "has a NUL character");
	return true;
}

static bool bytes_read(struct in *in, const struct place *at, struct str *ret)
{
	struct str text;
	if (!json_in_text(in, at, &text))
		return false;
	return json_to_bytes(in->arena, text, ret) || json_in_complain(in, at, "is not base64");
}

static bool bool_read(struct in *in, const struct place *at, uint64_t *ret)
{
	*ret = json_word(&in->j, "true");
	return *ret || json_word(&in->j, "false") ||
	       json_in_complain(in, at, "must be true or false");
}

bool json_in_scalar(
	struct in *in, const struct pb_field *f, const struct place *at, struct scalar *ret)
{
	*ret = (struct scalar){ .bytes = STR("") };
	switch (f->type) {
	case PB_STRING:
		return json_in_string(in, at, &ret->bytes);
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

void json_in_payload_put(struct in *in, const struct pb_field *f, const struct scalar *v)
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

void json_in_scalar_put(struct in *in, const struct pb_field *f, const struct scalar *v)
{
	pb_put_tag(&in->b, f->number, pb_wire_type_of(f->type));
	json_in_payload_put(in, f, v);
}
