/*
 * Rows to protobuf wire, straight from the PGresult by the column plan.
 *
 * Room for the whole row is made first, so that everything after writes without checks: a value's
 * room follows from its length, a message adds a fixed amount (see columns.c).
 */
#include "adapters/db/plan_private.h"

/* The values of one row, or of one element of zipped arrays: length -1 is NULL. */
struct cells {
	const char *value[COLUMNS_MAX];
	int length[COLUMNS_MAX];
};

static char *put_varint(char *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (char)(v | 0x80);
		v >>= 7;
	}
	*p++ = (char)v;
	return p;
}

static char *put_tag(char *p, const struct field_plan *f)
{
	if (f->tag_size == 1) {
		*p = f->tag[0];
		return p + 1;
	}
	memcpy(p, f->tag, f->tag_size);
	return p + f->tag_size;
}

/* Closes a stretch whose length byte was left free at start: moves it if the length needs more than
 * one byte. */
static char *close_length(char *start, char *end)
{
	size_t n = (size_t)(end - start - 1);
	if (n < 0x80) {
		*start = (char)n;
		return end;
	}
	char length[10];
	size_t size = (size_t)(put_varint(length, n) - length);
	memmove(start + size, start + 1, n);
	memcpy(start, length, size);
	return start + size + n;
}

static char *put_bytes(char *p, const char *v, size_t n)
{
	p = put_varint(p, n);
	memcpy(p, v, n);
	return p + n;
}

/* ---- single values ---- */

static char *put_timestamp(char *p, int64_t pg_us)
{
	int64_t seconds = pg_us / 1000000 + PG_EPOCH_US / 1000000, rest = pg_us % 1000000;
	if (rest < 0) {
		rest += 1000000;
		seconds--;
	}
	char *start = p++;
	if (seconds != 0) {
		*p++ = 1 << 3;
		p = put_varint(p, (uint64_t)seconds);
	}
	if (rest != 0) {
		*p++ = 2 << 3;
		p = put_varint(p, (uint64_t)rest * 1000);
	}
	*start = (char)(p - start - 1);
	return p;
}

static char *put_le(char *p, uint64_t bits, size_t size)
{
	bits = htole64(bits);
	memcpy(p, &bits, size);
	return p + size;
}

static char *put_real(char *p, enum column_op op, enum value_type from, const char *v)
{
	if (op == COLUMN_FLOAT)
		return put_le(p, read_be32(v), 4);
	double d = value_double(from, v);
	uint64_t bits;
	memcpy(&bits, &d, sizeof(bits));
	return put_le(p, bits, 8);
}

static char *put_number(char *p, enum column_op op, int64_t v)
{
	switch (op) {
	case COLUMN_ZIGZAG:
		return put_varint(p, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
	case COLUMN_FIXED32:
		return put_le(p, (uint32_t)v, 4);
	case COLUMN_FIXED64:
		return put_le(p, (uint64_t)v, 8);
	default:
		return put_varint(p, (uint64_t)v);
	}
}

/* One value without its tag. */
static char *put_value(char *p, enum column_op op, enum value_type from, const char *v, int len)
{
	char *start = p;
	switch (op) {
	case COLUMN_TEXT:
		return put_bytes(p, v, (size_t)len);
	case COLUMN_JSON_TEXT: /* the first byte is the version of the format */
		return len > 0 ? put_bytes(p, v + 1, (size_t)len - 1) : put_bytes(p, v, 0);
	case COLUMN_UUID:
		*p++ = 36;
		return value_put_uuid(p, v);
	case COLUMN_DATE:
		return close_length(start, value_put_date(p + 1, (int32_t)read_be32(v)));
	case COLUMN_NUMERIC:
		return close_length(start, value_put_numeric(p + 1, v, len));
	case COLUMN_TIMESTAMP:
		return put_timestamp(p, (int64_t)read_be64(v));
	case COLUMN_FLOAT:
	case COLUMN_DOUBLE:
		return put_real(p, op, from, v);
	default:
		return put_number(p, op, value_int(from, v));
	}
}

/* Infinite dates and times have no form on the wire. */
static bool is_infinite(enum column_op op, const char *v)
{
	if (op == COLUMN_DATE)
		return read_be32(v) == INT32_MAX || read_be32(v) == (uint32_t)INT32_MIN;
	int64_t t = op == COLUMN_TIMESTAMP ? (int64_t)read_be64(v) : 0;
	return t == INT64_MAX || t == INT64_MIN;
}

static bool is_zero_real(enum value_type from, const char *v)
{
	return from == VALUE_FLOAT4 ? read_be32(v) == 0 : read_be64(v) == 0;
}

static char *put_field(char *p, const struct field_plan *f, const char *v, int len)
{
	if (len < 0)
		return p;
	switch (f->op) {
	case COLUMN_TEXT:
		if (len == 0 && !f->keep_default)
			return p;
		return put_bytes(put_tag(p, f), v, (size_t)len);
	case COLUMN_VARINT:
	case COLUMN_ZIGZAG:
	case COLUMN_FIXED32:
	case COLUMN_FIXED64: {
		int64_t number = value_int(f->from, v);
		return number != 0 || f->keep_default ? put_number(put_tag(p, f), f->op, number)
						      : p;
	}
	case COLUMN_FLOAT:
	case COLUMN_DOUBLE:
		if (is_zero_real(f->from, v) && !f->keep_default)
			return p;
		return put_real(put_tag(p, f), f->op, f->from, v);
	default:
		return is_infinite(f->op, v) ? p : put_value(put_tag(p, f), f->op, f->from, v, len);
	}
}

/* ---- arrays and maps ---- */

static char *put_list(char *p, const struct field_plan *f, const char *v, int len)
{
	struct array_reader r = array_open(v, len);
	while (array_next(&r, &v, &len)) {
		if (len >= 0 && !is_infinite(f->item, v))
			p = put_value(put_tag(p, f), f->item, f->from, v, len);
	}
	return p;
}

static char *put_packed(char *p, const struct field_plan *f, const char *v, int len)
{
	struct array_reader r = array_open(v, len);
	char *start = put_tag(p, f), *at = start + 1;
	while (array_next(&r, &v, &len)) {
		if (len >= 0)
			at = put_value(at, f->item, f->from, v, len);
	}
	return at == start + 1 ? p : close_length(start, at);
}

static char *put_map_text(char *p, char tag, struct str s, bool is_escaped)
{
	*p++ = tag;
	char *start = p;
	if (!is_escaped)
		return put_bytes(p, s.p, s.n);
	return close_length(start, json_put_unescaped(p + 1, s));
}

static char *put_map(char *p, const struct field_plan *f, const char *v, int len)
{
	if (len < 1)
		return p;
	struct json_reader r = json_open(v + 1, (size_t)len - 1);
	struct json_member m;
	while (json_next(&r, &m)) {
		p = put_tag(p, f);
		char *start = p++;
		p = put_map_text(p, 1 << 3 | 2, m.key, true);
		p = put_map_text(p, 2 << 3 | 2, m.value, m.is_string);
		p = close_length(start, p);
	}
	return p;
}

/* ---- messages ---- */

static bool any_present(const struct field_plan *f, const struct cells *c)
{
	for (; f; f = f->next) {
		if (f->op == COLUMN_MESSAGE || f->op == COLUMN_ELEMENTS ? any_present(f->child, c)
									: c->length[f->column] >= 0)
			return true;
	}
	return false;
}

struct zip {
	struct array_reader reader[COLUMNS_MAX];
};

static void zip_open(struct zip *z, const struct field_plan *f, const struct cells *c)
{
	for (; f; f = f->next) {
		if (f->child)
			zip_open(z, f->child, c);
		else
			z->reader[f->column] =
				array_open(c->value[f->column], c->length[f->column]);
	}
}

/* The next element of every array; false when all are at their end. */
static bool zip_next(struct zip *z, const struct field_plan *f, struct cells *ret)
{
	bool any = false;
	for (; f; f = f->next) {
		if (f->child) {
			any |= zip_next(z, f->child, ret);
			continue;
		}
		ret->length[f->column] = -1;
		any |= array_next(
			&z->reader[f->column], &ret->value[f->column], &ret->length[f->column]);
	}
	return any;
}

static char *put_fields(char *p, const struct field_plan *f, const struct cells *c);

/* A message is absent if nothing in it is set; as a member of a oneof, if all its columns are NULL.
 */
static char *put_message(char *p, const struct field_plan *f, const struct cells *c)
{
	char *start = put_tag(p, f);
	char *end = put_fields(start + 1, f->child, c);
	if (end == start + 1 && !(f->keep_default && any_present(f->child, c)))
		return p;
	return close_length(start, end);
}

/* Elements stand for themselves even when nothing in them is set. */
static char *put_element(char *p, const struct field_plan *f, const struct cells *c)
{
	char *start = put_tag(p, f);
	return close_length(start, put_fields(start + 1, f->child, c));
}

static char *put_elements(char *p, const struct field_plan *f, const struct cells *c)
{
	struct zip z;
	struct cells element;
	zip_open(&z, f->child, c);
	while (zip_next(&z, f->child, &element))
		p = put_element(p, f, &element);
	return p;
}

static char *put_fields(char *p, const struct field_plan *f, const struct cells *c)
{
	for (; f; f = f->next) {
		switch (f->op) {
		case COLUMN_MESSAGE:
			p = put_message(p, f, c);
			break;
		case COLUMN_ELEMENTS:
			p = put_elements(p, f, c);
			break;
		case COLUMN_LIST:
			p = put_list(p, f, c->value[f->column], c->length[f->column]);
			break;
		case COLUMN_PACKED:
			p = put_packed(p, f, c->value[f->column], c->length[f->column]);
			break;
		case COLUMN_MAP:
			p = put_map(p, f, c->value[f->column], c->length[f->column]);
			break;
		default:
			p = put_field(p, f, c->value[f->column], c->length[f->column]);
			break;
		}
	}
	return p;
}

/* ---- rows ---- */

static size_t value_room(const struct column *col, const char *v, int len)
{
	if (col->type.value == VALUE_NUMERIC)
		return value_numeric_room(v, len);
	/* tags and lengths of elements are at most four times their four bytes of length and their
	 * value */
	return (size_t)len * (col->type.is_array || col->type.value == VALUE_JSONB ? 4 : 1);
}

/* Whether a cell without bytes is NULL: only text and bytes can be empty, and mostly it makes no
 * difference. */
static bool is_null(const PGresult *res, int i, int k, const struct column *col)
{
	if (col->type.is_array || (col->type.value != VALUE_TEXT && col->type.value != VALUE_BYTES))
		return true;
	return col->needs_null && PQgetisnull(res, i, k);
}

/* Reads row i; returns the room its wire may take. */
static size_t read_cells(const struct db_rows *r, int i, struct cells *ret)
{
	const struct columns *cols = r->columns;
	size_t room = cols->fixed_room;
	for (size_t k = 0; k < cols->n; k++) {
		const struct column *col = &cols->column[k];
		int len = PQgetlength(r->res, i, (int)k);
		if (len == 0 && is_null(r->res, i, (int)k, col))
			len = -1;
		ret->length[k] = len;
		ret->value[k] = "";
		if (len <= 0)
			continue;
		ret->value[k] = PQgetvalue(r->res, i, (int)k);
		room += value_room(col, ret->value[k], len);
	}
	return room;
}

void db_row_wire(const struct db_rows *r, size_t i, struct buf *out)
{
	struct cells cells;
	size_t room = read_cells(r, (int)i, &cells);
	char *p = buf_room(out, room);
	if (p)
		out->n += (size_t)(put_fields(p, r->columns->fields, &cells) - p);
}
