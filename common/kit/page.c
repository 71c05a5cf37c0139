/*
 * Keyset pages. A token is the sort keys of the last row, sealed; the next page begins behind them:
 * (a, b, id) > ($1, $2, $3), or the same written out where the directions differ.
 */
#include "kit/page.h"
#include <assert.h>
#include "adapters/crypto/crypto.h"
#include "adapters/db/db.h"
#include "base/clock.h"
#include "kit/service.h"

enum {
	DEFAULT_SIZE = 50,
	MAX_SIZE = 1000,
	ENOUGH_BYTES = 2 << 20,
	MAX_VALUES = 2 * 50 + ORDER_MAX + 1
};

struct page {
	struct call *call;
	const struct page_spec *spec;
	int64_t size;
	struct filter filter;
	struct order order;
	struct str context;               /* what the token is bound to */
	const char *after[ORDER_MAX + 1]; /* sort keys of the row before this page */
	bool is_first;
};

/* ---- the request ---- */

static const ProtobufCFieldDescriptor *field_of(const void *msg, const char *name)
{
	return protobuf_c_message_descriptor_get_field_by_name(
		((const ProtobufCMessage *)msg)->descriptor, name);
}

static const char *text_of(const void *msg, const char *name)
{
	return field_of(msg, name) ? pb_get_string(msg, name) : "";
}

static enum status read_size(struct page *p)
{
	int64_t size = field_of(p->call->request, "page_size")
			       ? pb_get_int(p->call->request, "page_size")
			       : 0;
	if (size < 0)
		return call_fail(p->call, ST_INVALID_ARGUMENT, "page_size", "must not be negative");
	p->size = size == 0 ? DEFAULT_SIZE : size > MAX_SIZE ? MAX_SIZE : size;
	return ST_OK;
}

static enum status read_filter(struct page *p)
{
	const char *why = "";
	struct str text = str_c(text_of(p->call->request, "filter"));
	const struct pb_message *m =
		pb_schema_message(p->call->service->schema, p->spec->row_type->name);
	if (filter_parse(p->call->arena, text, p->spec->fields, m,
		    db_first_param(p->spec->statement), &p->filter, &why) != ST_OK)
		return call_fail(p->call, ST_INVALID_ARGUMENT, "filter", "%s", why);
	return ST_OK;
}

static enum status read_order(struct page *p)
{
	const char *why = "";
	struct str text = str_trim(str_c(text_of(p->call->request, "order_by")));
	if (text.n == 0)
		text = str_c(p->spec->default_order);
	if (order_parse(p->call->arena, text, p->spec->fields, &p->order, &why) != ST_OK)
		return call_fail(p->call, ST_INVALID_ARGUMENT, "order_by", "%s", why);
	return ST_OK;
}

/* ---- tokens ---- */

/* The request without page_size and page_token, as bytes; a shallow copy is enough to pack. */
static struct str question(const struct page *p)
{
	const ProtobufCMessage *request = p->call->request;
	void *copy = arena_dup(p->call->arena, request, request->descriptor->sizeof_message);
	if (field_of(copy, "page_size"))
		pb_set_int(copy, "page_size", 0);
	if (field_of(copy, "page_token"))
		pb_set_string(copy, "page_token", "");
	return pb_pack(p->call->arena, copy);
}

static struct str make_context(const struct page *p)
{
	struct call *call = p->call;
	struct buf b = buf_new(call->arena, 0);
	uint8_t *digest = arena_alloc(call->arena, CRYPTO_DIGEST);
	buf_printf(&b, "page\n%s\n%s\n%s\n%s\n", call->method->path, call->scope->tenant_id,
		call->scope->user_id, p->spec->bound_to ? p->spec->bound_to : "");
	buf_put_str(&b, question(p));
	crypto_digest(buf_str(&b), digest);
	return str_n(digest, CRYPTO_DIGEST);
}

static struct str seal(const struct page *p, const char *const *keys)
{
	struct buf b = buf_new(p->call->arena, 0);
	for (size_t i = 0; i < p->order.n; i++)
		pb_put_message(&b, (uint32_t)i + 1, str_c(keys[i]));
	return crypto_seal(p->call->arena, p->call->service->page_key, p->context, buf_str(&b));
}

static bool read_keys(struct page *p, struct str plain)
{
	struct pb_reader in = pb_reader_of(plain);
	struct pb_wire_field f;
	size_t n = 0;
	for (; n < p->order.n && pb_read(&in, &f) && f.number == n + 1 && f.wire_type == 2; n++)
		p->after[n] = str_dup(p->call->arena, f.bytes);
	return n == p->order.n && in.p == in.end;
}

static enum status read_token(struct page *p)
{
	struct call *call = p->call;
	struct str token = str_c(text_of(call->request, "page_token")), plain;
	p->context = make_context(p);
	p->is_first = token.n == 0;
	if (p->is_first)
		return ST_OK;
	if (crypto_open(call->arena, call->service->page_key, p->context, token, &plain) != ST_OK ||
		!read_keys(p, plain))
		return call_fail(call, ST_INVALID_ARGUMENT, "page_token",
			"does not belong to this request; send the next_page_token of the page before with all other fields as they were");
	return ST_OK;
}

/* ---- SQL ---- */

static const char *cast_of(enum filter_type type)
{
	switch (type) {
	case FILTER_UUID:
		return "::uuid";
	case FILTER_INT:
		return "::bigint";
	case FILTER_ENUM:
		return "::int";
	case FILTER_BOOL:
		return "::boolean";
	case FILTER_TIME:
		return "::timestamptz";
	case FILTER_DATE:
		return "::date";
	case FILTER_TEXT:
	case FILTER_FOLD:
		return ""; /* the column's own type and collation */
	case FILTER_LIST:
	case FILTER_MAP:
		break;
	}
	assert(false); /* lists and maps have no order */
	return "";
}

static bool same_directions(const struct order *o)
{
	for (size_t i = 1; i < o->n; i++)
		if (o->keys[i].descending != o->keys[0].descending)
			return false;
	return true;
}

/* Parameter i of the sort keys, which follow the filter's. */
static void put_key_param(const struct page *p, struct buf *b, size_t i)
{
	buf_printf(b, "$%zu%s", db_first_param(p->spec->statement) + p->filter.n_values + i,
		cast_of(p->order.keys[i].field->type));
}

/* (a, b) > ($1, $2) */
static void put_row_comparison(const struct page *p, struct buf *b)
{
	buf_put_c(b, '(');
	for (size_t i = 0; i < p->order.n; i++)
		buf_printf(b, "%s%s", i ? ", " : "", p->order.keys[i].field->column);
	buf_printf(b, ") %c (", p->order.keys[0].descending ? '<' : '>');
	for (size_t i = 0; i < p->order.n; i++) {
		buf_puts(b, i ? ", " : "");
		put_key_param(p, b, i);
	}
	buf_put_c(b, ')');
}

static void put_comparison(const struct page *p, struct buf *b, size_t i, const char *op)
{
	buf_printf(b, "%s %s ", p->order.keys[i].field->column, op);
	put_key_param(p, b, i);
}

/* (a > $1 OR (a = $1 AND b < $2)), after a bound on the first key that an index can use. */
static void put_expanded_comparison(const struct page *p, struct buf *b)
{
	buf_put_c(b, '(');
	put_comparison(p, b, 0, p->order.keys[0].descending ? "<=" : ">=");
	buf_puts(b, " AND (");
	for (size_t n = 0; n < p->order.n; n++) {
		buf_puts(b, n ? " OR (" : "(");
		for (size_t i = 0; i < n; i++) {
			put_comparison(p, b, i, "=");
			buf_puts(b, " AND ");
		}
		put_comparison(p, b, n, p->order.keys[n].descending ? "<" : ">");
		buf_put_c(b, ')');
	}
	buf_puts(b, "))");
}

static const char *where(const struct page *p)
{
	struct buf b = buf_new(p->call->arena, 0);
	if (p->is_first)
		return p->filter.sql;
	if (p->filter.sql)
		buf_printf(&b, "%s AND ", p->filter.sql);
	if (same_directions(&p->order))
		put_row_comparison(p, &b);
	else
		put_expanded_comparison(p, &b);
	return buf_cstr(&b);
}

static const char *order_sql(const struct page *p)
{
	struct buf b = buf_new(p->call->arena, 0);
	for (size_t i = 0; i < p->order.n; i++)
		buf_printf(&b, "%s%s%s", i ? ", " : "", p->order.keys[i].field->column,
			p->order.keys[i].descending ? " DESC" : "");
	return buf_cstr(&b);
}

static enum status read_rows(const struct page *p, struct db_rows **ret)
{
	struct call *call = p->call;
	const char **values = arena_new_array(call->arena, const char *, MAX_VALUES);
	size_t n = 0;
	for (; n < p->filter.n_values; n++)
		values[n] = p->filter.values[n];
	for (size_t i = 0; !p->is_first && i < p->order.n; i++)
		values[n++] = p->after[i];
	struct db_page_args args = { .filter = where(p),
		.order = order_sql(p),
		.limit = p->size + 1,
		.n_values = n,
		.values = values };
	struct db_args in = call_args(call, p->spec->input ? p->spec->input : call->request);
	enum status st =
		db_read_page(call->service->db, call->arena, p->spec->statement, in, &args, ret);
	return st == ST_OK ? st : call_fail_db(call, &(struct db_error){ .status = st });
}

/* ---- the answer ---- */

/* A sort key of a row as text that PostgreSQL reads. */
static const char *key_text(const struct page *p, const void *row, const struct filter_field *f)
{
	struct arena *a = p->call->arena;
	struct pb_path path;
	bool is_found = pb_path_find(p->spec->row_type, str_c(f->path), &path);
	assert(is_found); /* what can be ordered by is a field of the row */
	const void *at = pb_path_get(row, &path);
	switch (f->type) {
	case FILTER_TIME:
		return clock_format(
			a, at ? timestamp_us(*(Google__Protobuf__Timestamp *const *)at) : 0);
	case FILTER_INT:
		if (path.step[path.n - 1]->type == PROTOBUF_C_TYPE_INT64)
			return arena_printf(a, "%lld", at ? (long long)*(const int64_t *)at : 0);
		return arena_printf(a, "%d", at ? (int)*(const int32_t *)at : 0);
	case FILTER_ENUM:
		return arena_printf(a, "%d", at ? (int)*(const int32_t *)at : 0);
	case FILTER_BOOL:
		return at && *(const protobuf_c_boolean *)at ? "true" : "false";
	default:
		return at && *(const char *const *)at ? *(const char *const *)at : "";
	}
}

/* The token for what follows row i. */
static enum status next_token(
	const struct page *p, const struct db_rows *rows, size_t i, struct str *ret)
{
	const char *keys[ORDER_MAX + 1];
	void *row;
	TRY(db_row_message(p->call->arena, rows, i, &row));
	for (size_t k = 0; k < p->order.n; k++)
		keys[k] = key_text(p, row, p->order.keys[k].field);
	*ret = seal(p, keys);
	return ST_OK;
}

static enum status put_row(const struct page *p, const struct db_rows *rows, size_t i,
	uint32_t number, struct buf *scratch, struct buf *out)
{
	scratch->n = 0;
	if (p->spec->each) {
		void *row;
		TRY(db_row_message(p->call->arena, rows, i, &row));
		TRY(p->spec->each(p->call, row));
		pb_pack_to(scratch, row);
	} else {
		db_row_wire(rows, i, scratch);
	}
	pb_put_message(out, number, buf_str(scratch));
	return ST_OK;
}

static uint32_t output_number(const struct page *p, const char *field)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(p->call->output, field);
	assert(f);
	return f->id;
}

static enum status reply(const struct page *p, const struct db_rows *rows)
{
	struct call *call = p->call;
	struct buf out = buf_new(call->arena, 0), scratch = buf_new(call->arena, 0);
	size_t n = db_count(rows);
	bool has_more = n > (size_t)p->size;
	const uint32_t number = output_number(p, p->spec->list_field);
	if (has_more)
		n = (size_t)p->size;
	for (size_t i = 0; i < n; i++) {
		TRY(put_row(p, rows, i, number, &scratch, &out));
		if (out.n < ENOUGH_BYTES || i + 1 == n)
			continue;
		/* clients refuse messages of more than 4 MB, and a page may hold fewer rows than
		 * asked for */
		has_more = true;
		n = i + 1;
	}
	if (has_more) {
		struct str token;
		TRY(next_token(p, rows, n - 1, &token));
		pb_put_bytes(&out, output_number(p, "next_page_token"), token);
	}
	return call_reply_wire(call, buf_str(&out));
}

enum status page_reply(struct call *call, const struct page_spec *spec)
{
	struct page p = { .call = call, .spec = spec };
	struct db_rows *rows;
	TRY(read_size(&p));
	TRY(read_filter(&p));
	TRY(read_order(&p));
	TRY(read_token(&p));
	TRY(read_rows(&p, &rows));
	return reply(&p, rows);
}
