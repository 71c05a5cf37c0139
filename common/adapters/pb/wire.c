/*
 * Wire format by hand: what writes and reads single fields without a message type.
 */
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

size_t pb_varint_encode(uint8_t *out, uint64_t v)
{
	size_t n = 0;
	while (v >= 0x80) {
		out[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out[n++] = (uint8_t)v;
	return n;
}

/* Reads at most max_bytes; false if the input ends first or the number is longer. */
static inline bool varint_decode(
	const uint8_t **p, const uint8_t *end, unsigned max_bytes, uint64_t *ret)
{
	const uint8_t *at = *p;
	if (at < end && *at < 0x80) {
		*ret = *at;
		*p = at + 1;
		return true;
	}
	uint64_t v = 0;
	for (unsigned i = 0; i < max_bytes && at < end; i++) {
		uint8_t byte = *at++;
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*ret = v;
			*p = at;
			return true;
		}
	}
	return false;
}

bool pb_varint_read(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	return varint_decode(p, end, PB_VARINT_MAX, ret);
}

static uint64_t fixed_decode(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

int64_t pb_wire_to_i64(enum pb_type t, uint64_t value)
{
	switch (t) {
	case PB_INT32:
	case PB_ENUM:
	case PB_SFIXED32:
		return (int32_t)value;
	case PB_UINT32:
	case PB_FIXED32:
		return (int64_t)(uint32_t)value;
	case PB_SINT32:
		value &= UINT32_MAX;
		return (int32_t)((uint32_t)(value >> 1) ^ (0 - (uint32_t)(value & 1)));
	case PB_SINT64:
		return (int64_t)((value >> 1) ^ (0 - (value & 1)));
	case PB_BOOL:
		return value != 0;
	default:
		return (int64_t)value;
	}
}

bool pb_read_packed(struct pb_reader *r, unsigned wire_type, uint64_t *ret)
{
	size_t fixed = wire_type == PB_WIRE_64 ? 8 : 4;
	if (wire_type == PB_WIRE_VARINT)
		return varint_decode(&r->p, r->end, PB_VARINT_MAX, ret);
	if ((size_t)(r->end - r->p) < fixed)
		return false;
	*ret = fixed_decode(r->p, fixed);
	r->p += fixed;
	return true;
}

static bool bytes_read(struct pb_reader *r, const uint8_t **p, struct pb_wire_field *f)
{
	uint64_t n;
	/* protobuf-c reads lengths of at most five bytes, and so does this */
	if (!varint_decode(p, r->end, 5, &n) || n > (uint64_t)(r->end - *p))
		return false;
	f->bytes = str_n(*p, (size_t)n);
	*p += n;
	return true;
}

static bool value_read(struct pb_reader *r, const uint8_t **p, struct pb_wire_field *f)
{
	struct pb_reader rest = { *p, r->end };
	switch (f->wire_type) {
	case PB_WIRE_VARINT:
		return varint_decode(p, r->end, PB_VARINT_MAX, &f->value);
	case PB_WIRE_BYTES:
		return bytes_read(r, p, f);
	case PB_WIRE_64:
	case PB_WIRE_32:
		if (!pb_read_packed(&rest, f->wire_type, &f->value))
			return false;
		*p = rest.p;
		return true;
	default: /* groups: nobody sends them */
		return false;
	}
}

bool pb_read(struct pb_reader *r, struct pb_wire_field *ret)
{
	const uint8_t *p = r->p;
	if (p >= r->end)
		return false;
	uint64_t tag;
	if (!varint_decode(&p, r->end, 5, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
		return false;
	*ret = (struct pb_wire_field){ .number = (uint32_t)(tag >> 3), .wire_type = tag & 7 };
	if (!value_read(r, &p, ret))
		return false;
	r->p = p;
	return true;
}

void pb_put_varint(struct buf *b, uint64_t v)
{
	uint8_t out[PB_VARINT_MAX];
	buf_put(b, out, pb_varint_encode(out, v));
}

void pb_put_tag(struct buf *b, uint32_t number, unsigned wire_type)
{
	pb_put_varint(b, (uint64_t)number << 3 | wire_type);
}

void pb_put_message(struct buf *b, uint32_t number, struct str v)
{
	pb_put_tag(b, number, PB_WIRE_BYTES);
	pb_put_varint(b, v.n);
	buf_put_str(b, v);
}

void pb_put_bytes(struct buf *b, uint32_t number, struct str v)
{
	if (v.n > 0)
		pb_put_message(b, number, v);
}

void pb_put_int(struct buf *b, uint32_t number, int64_t v)
{
	if (v == 0)
		return;
	pb_put_tag(b, number, PB_WIRE_VARINT);
	pb_put_varint(b, (uint64_t)v);
}

void pb_put_fixed(struct buf *b, uint64_t v, size_t n)
{
	uint8_t out[8];
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(v >> (8 * i));
	buf_put(b, out, n);
}

double pb_wire_double(enum pb_type t, uint64_t value)
{
	if (t == PB_DOUBLE) {
		double d;
		memcpy(&d, &value, sizeof(d));
		return d;
	}
	float f;
	uint32_t low = (uint32_t)value;
	memcpy(&f, &low, sizeof(f));
	return (double)f;
}
