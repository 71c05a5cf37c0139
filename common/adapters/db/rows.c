/*
 * Rows as structs and as single values. db_row_wire is in wire.c.
 */
#include <assert.h>
#include <inttypes.h>
#include "adapters/db/plan_private.h"
#include "adapters/pb/pb.h"
#include "base/clock.h"

enum { UUID_LENGTH = 36 };

size_t db_count(const struct db_rows *r)
{
	return r->n;
}

size_t db_affected(const struct db_rows *r)
{
	return r->affected;
}

enum status db_row_message(struct arena *a, const struct db_rows *r, size_t i, void *ret_msg_ptr)
{
	struct buf wire = buf_new(a, 0);
	assert(r->output); /* the statement names an output */
	db_row_wire(r, i, &wire);
	if (wire.overflow)
		return ST_RESOURCE_EXHAUSTED;
	return pb_unpack(a, r->output, buf_str(&wire), ret_msg_ptr);
}

/* ---- single values ---- */

static int find(const struct db_rows *r, size_t i, const char *column)
{
	assert(r->columns && i < r->n);
	size_t k = 0;
	while (k < r->columns->n && strcmp(r->columns->column[k].name, column) != 0)
		k++;
	assert(k < r->columns->n); /* the statement has such a column */
	return (int)k;
}

int64_t db_int(const struct db_rows *r, size_t i, const char *column)
{
	int k = find(r, i, column);
	struct pg_type t = r->columns->column[k].type;
	if (PQgetisnull(r->res, (int)i, k))
		return 0;
	const char *v = PQgetvalue(r->res, (int)i, k);
	if (t.value == VALUE_TIME)
		return (int64_t)read_be64(v) + PG_EPOCH_US;
	assert(!t.is_array && (t.value == VALUE_BOOL || t.value == VALUE_INT2 ||
				      t.value == VALUE_INT4 || t.value == VALUE_INT8));
	return value_int(t.value, v);
}

static const char *text_of(struct arena *a, struct pg_type t, const char *v, int len)
{
	char *p, *end;
	switch (t.value) {
	case VALUE_TEXT:
	case VALUE_BYTES:
		return v; /* libpq puts a NUL behind every value */
	case VALUE_JSONB:
		return len > 0 ? v + 1 : v;
	case VALUE_TIME:
		return clock_format(a, (int64_t)read_be64(v) + PG_EPOCH_US);
	case VALUE_FLOAT4:
	case VALUE_FLOAT8:
		return arena_printf(a, "%.17g", value_double(t.value, v));
	case VALUE_UUID:
		p = arena_alloc(a, UUID_LENGTH + 1);
		end = value_put_uuid(p, v);
		break;
	case VALUE_DATE:
		p = arena_alloc(a, DATE_TEXT_MAX + 1);
		end = value_put_date(p, (int32_t)read_be32(v));
		break;
	case VALUE_NUMERIC:
		p = arena_alloc(a, value_numeric_room(v, len) + 1);
		end = value_put_numeric(p, v, len);
		break;
	default:
		return arena_printf(a, "%" PRId64, value_int(t.value, v));
	}
	*end = '\0';
	return p;
}

const char *db_text(const struct db_rows *r, size_t i, const char *column)
{
	int k = find(r, i, column);
	struct pg_type t = r->columns->column[k].type;
	assert(!t.is_array);
	if (PQgetisnull(r->res, (int)i, k))
		return NULL;
	return text_of(r->arena, t, PQgetvalue(r->res, (int)i, k), PQgetlength(r->res, (int)i, k));
}

struct str db_bytes(const struct db_rows *r, size_t i, const char *column)
{
	int k = find(r, i, column);
	if (PQgetisnull(r->res, (int)i, k))
		return (struct str){ 0 };
	return str_n(PQgetvalue(r->res, (int)i, k), (size_t)PQgetlength(r->res, (int)i, k));
}
