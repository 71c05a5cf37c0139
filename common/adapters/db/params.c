/*
 * Parameter plans: paths into protobuf structs, read and bound without copying where that is safe.
 */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include "adapters/db/plan_private.h"
#include "base/uuid.h"

enum { SCRATCH = 16 };

/* ---- paths ---- */

static bool fail_path(struct arena *a, const char *path, const char *what, const char *detail,
	const char **ret_why)
{
	*ret_why = arena_printf(a, "parameter :%s %s %s", path, what, detail);
	return false;
}

static bool is_repeated(const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_REPEATED;
}

static bool add_step(struct arena *a, const ProtobufCMessageDescriptor *d, const char *name,
	struct param *p, const char **ret_why)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(d, name);
	if (!f)
		return fail_path(a, p->path, "names no field of", d->short_name, ret_why);
	if (p->n_steps == PATH_MAX_STEPS)
		return fail_path(a, p->path, "goes too deep", "", ret_why);
	if (is_repeated(f) && p->is_list)
		return fail_path(a, p->path, "passes through two repeated fields", "", ret_why);
	p->is_list = p->is_list || is_repeated(f);
	p->step[p->n_steps++] = f;
	return true;
}

bool param_make(struct arena *a, const char *path, const ProtobufCMessageDescriptor *input,
	const ProtobufCMessageDescriptor *call, struct param *ret, const char **ret_why)
{
	struct str rest = str_c(path);
	*ret = (struct param){ .path = path, .from_call = str_starts(rest, "call.") };
	const ProtobufCMessageDescriptor *d = ret->from_call ? call : input;
	if (ret->from_call)
		(void)str_cut(&rest, '.');
	while (rest.p) {
		if (!d)
			return fail_path(a, path, "goes on below",
				ret->n_steps ? "a field that is no message" : "no message",
				ret_why);
		if (!add_step(a, d, str_dup(a, str_cut(&rest, '.')), ret, ret_why))
			return false;
		const ProtobufCFieldDescriptor *f = ret->step[ret->n_steps - 1];
		d = f->type == PROTOBUF_C_TYPE_MESSAGE ? f->descriptor : NULL;
	}
	ret->repeated_at = ret->n_steps;
	for (uint8_t i = 0; i + 1 < ret->n_steps; i++) {
		if (is_repeated(ret->step[i]))
			ret->repeated_at = i;
	}
	return true;
}

/* ---- which field fits which type ---- */

static bool string_op(struct pg_type t, enum param_op *ret)
{
	switch (t.value) {
	case VALUE_TEXT:
		*ret = PARAM_TEXT;
		return true;
	case VALUE_UUID:
		*ret = PARAM_UUID;
		return true;
	case VALUE_DATE:
		*ret = PARAM_DATE;
		return true;
	case VALUE_NUMERIC:
	case VALUE_JSONB:
	case VALUE_TIME:
		*ret = PARAM_TEXT_OR_NULL;
		return !t.is_array;
	default:
		return false;
	}
}

static bool message_op(const ProtobufCFieldDescriptor *f, struct pg_type t, enum param_op *ret)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;
	if (field_is_string_map(f)) {
		*ret = PARAM_MAP;
		return t.value == VALUE_JSONB && !t.is_array;
	}
	*ret = PARAM_TIMESTAMP;
	return t.value == VALUE_TIME && strcmp(d->name, "google.protobuf.Timestamp") == 0;
}

static bool find_op(const ProtobufCFieldDescriptor *f, struct pg_type t, enum param_op *ret)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return string_op(t, ret);
	case PROTOBUF_C_TYPE_MESSAGE:
		return message_op(f, t, ret);
	case PROTOBUF_C_TYPE_BYTES:
		*ret = PARAM_BYTES;
		return t.value == VALUE_BYTES;
	case PROTOBUF_C_TYPE_BOOL:
		*ret = PARAM_BOOL;
		return t.value == VALUE_BOOL;
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
		*ret = PARAM_FLOAT;
		return t.value == VALUE_FLOAT4 || t.value == VALUE_FLOAT8;
	default:
		*ret = PARAM_INT;
		return t.value == VALUE_INT2 || t.value == VALUE_INT4 || t.value == VALUE_INT8;
	}
}

bool param_typed(struct arena *a, struct param *p, struct pg_type type, const char **ret_why)
{
	const ProtobufCFieldDescriptor *f = p->step[p->n_steps - 1];
	p->type = type;
	if (!find_op(f, type, &p->op))
		return fail_path(
			a, p->path, "does not fit the SQL type", pg_type_name(type), ret_why);
	if (p->op == PARAM_MAP) {
		p->is_list = p->repeated_at < p->n_steps;
		return !p->is_list ||
		       fail_path(a, p->path, "is a map inside a repeated message", "", ret_why);
	}
	if (p->is_list != type.is_array)
		return fail_path(a, p->path,
			p->is_list ? "is repeated, but the SQL type is"
				   : "is one value, but the SQL type is",
			pg_type_name(type), ret_why);
	return true;
}

/* ---- reading structs ---- */

/* The field's address in a struct, NULL if it is a oneof member that is not set. */
static const void *member(const void *msg, const ProtobufCFieldDescriptor *f)
{
	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		uint32_t which;
		memcpy(&which, (const char *)msg + f->quantifier_offset, sizeof(which));
		if (which != f->id)
			return NULL;
	}
	return (const char *)msg + f->offset;
}

/* Follows the steps from..to, all singular; the last may be of any kind. A field of a message that
 * is absent reads as its default, as proto3 has it. NULL for a member of a oneof that is not set,
 * and what lies below it. */
static const void *follow(const void *msg, const struct param *p, size_t from, size_t to)
{
	static const union {
		int64_t number;
		double real;
		void *pointer;
		ProtobufCBinaryData bytes;
	} zero;
	for (size_t i = from;; i++) {
		const void *at = member(msg, p->step[i]);
		if (!at || i + 1 == to)
			return at;
		msg = *(void *const *)at;
		if (!msg)
			return p->step[to - 1]->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ? NULL : &zero;
	}
}

struct elements {
	size_t n;
	const char *first;
};

/* The repeated field at step i, seen from the root. */
static struct elements elements(const void *root, const struct param *p, size_t i)
{
	const ProtobufCFieldDescriptor *f = p->step[i];
	struct elements e = { 0 };
	const void *at = follow(root, p, 0, i + 1);
	if (!at)
		return e;
	e.first = *(const char *const *)at;
	if (e.first) /* else the message that holds it may be absent */
		memcpy(&e.n, (const char *)at - f->offset + f->quantifier_offset, sizeof(e.n));
	return e;
}

static size_t element_size(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return sizeof(uint64_t);
	default:
		return sizeof(uint32_t);
	}
}

/* ---- values ---- */

/* One value as PostgreSQL takes it; p NULL is NULL. */
struct value {
	const char *p;
	int len, format;
};

struct binder {
	struct arena *arena;
	bool copy;
	const char *why;
};

static const struct value null_value = { .format = 1 };

static enum status refuse(struct binder *b, const struct param *p, const char *what)
{
	b->why = arena_printf(b->arena, "%s %s", p->path, what);
	return ST_INVALID_ARGUMENT;
}

static const char *read_string(const void *at)
{
	const char *s = *(const char *const *)at;
	return s ? s : "";
}

static enum status bind_string(
	struct binder *b, const struct param *p, const void *at, char *scratch, struct value *ret)
{
	const char *s = read_string(at);
	struct uuid id;
	int32_t days;
	if (!*s && p->op != PARAM_TEXT) {
		*ret = null_value;
		return ST_OK;
	}
	switch (p->op) {
	case PARAM_UUID:
		if (!uuid_parse(str_c(s), &id))
			return refuse(b, p, "is not a UUID");
		memcpy(scratch, id.b, sizeof(id.b));
		*ret = (struct value){ scratch, sizeof(id.b), 1 };
		return ST_OK;
	case PARAM_DATE:
		if (!value_parse_date(s, &days))
			return refuse(b, p, "is not a date YYYY-MM-DD");
		write_be32(scratch, (uint32_t)days);
		*ret = (struct value){ scratch, 4, 1 };
		return ST_OK;
	default: {
		size_t n = strlen(s);
		if (n > INT_MAX)
			return refuse(b, p, "is too long");
		*ret = (struct value){ b->copy ? arena_strndup(b->arena, s, n) : s, (int)n, 0 };
		return ST_OK;
	}
	}
}

static int64_t read_int(const ProtobufCFieldDescriptor *f, const void *at)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return *(const int64_t *)at;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return *(const uint32_t *)at;
	default:
		return *(const int32_t *)at;
	}
}

static enum status bind_int(
	struct binder *b, const struct param *p, const void *at, char *scratch, struct value *ret)
{
	const ProtobufCFieldDescriptor *f = p->step[p->n_steps - 1];
	int64_t v = read_int(f, at);
	bool is_unsigned = f->type == PROTOBUF_C_TYPE_UINT64 || f->type == PROTOBUF_C_TYPE_FIXED64;
	bool fits = p->type.value == VALUE_INT8   ? !(is_unsigned && v < 0)
		    : p->type.value == VALUE_INT4 ? v >= INT32_MIN && v <= INT32_MAX
						  : v >= INT16_MIN && v <= INT16_MAX;
	if (!fits)
		return refuse(b, p, "is out of range");
	switch (p->type.value) {
	case VALUE_INT8:
		write_be64(scratch, (uint64_t)v);
		*ret = (struct value){ scratch, 8, 1 };
		break;
	case VALUE_INT4:
		write_be32(scratch, (uint32_t)v);
		*ret = (struct value){ scratch, 4, 1 };
		break;
	default:
		write_be16(scratch, (uint16_t)v);
		*ret = (struct value){ scratch, 2, 1 };
		break;
	}
	return ST_OK;
}

static void bind_float(const struct param *p, const void *at, char *scratch, struct value *ret)
{
	bool is_float = p->step[p->n_steps - 1]->type == PROTOBUF_C_TYPE_FLOAT;
	double d = is_float ? (double)*(const float *)at : *(const double *)at;
	if (p->type.value == VALUE_FLOAT4) {
		float f = (float)d;
		uint32_t bits;
		memcpy(&bits, &f, sizeof(bits));
		write_be32(scratch, bits);
		*ret = (struct value){ scratch, 4, 1 };
		return;
	}
	uint64_t bits;
	memcpy(&bits, &d, sizeof(bits));
	write_be64(scratch, bits);
	*ret = (struct value){ scratch, 8, 1 };
}

/* Timestamp is known by its descriptor, so that this file needs no generated header. */
static enum status bind_timestamp(
	struct binder *b, const struct param *p, const void *at, char *scratch, struct value *ret)
{
	const char *msg = *(const char *const *)at;
	if (!msg) {
		*ret = null_value;
		return ST_OK;
	}
	const ProtobufCMessageDescriptor *d = p->step[p->n_steps - 1]->descriptor;
	int64_t seconds, us;
	int32_t nanos;
	memcpy(&seconds, msg + d->fields[0].offset, sizeof(seconds));
	memcpy(&nanos, msg + d->fields[1].offset, sizeof(nanos));
	if (seconds < -62135596800LL || seconds > 253402300799LL || nanos < 0 || nanos > 999999999)
		return refuse(b, p, "is not a time of the years 1 to 9999");
	us = seconds * 1000000 + nanos / 1000 - PG_EPOCH_US;
	write_be64(scratch, (uint64_t)us);
	*ret = (struct value){ scratch, 8, 1 };
	return ST_OK;
}

static enum status bind_bytes(
	struct binder *b, const struct param *p, const void *at, struct value *ret)
{
	const ProtobufCBinaryData *data = at;
	if (data->len > INT_MAX)
		return refuse(b, p, "is too long");
	const char *bytes = data->data ? (const char *)data->data : "";
	*ret = (struct value){ b->copy ? arena_dup(b->arena, bytes, data->len) : bytes,
		(int)data->len, 1 };
	return ST_OK;
}

/* scratch: SCRATCH bytes for what has no bytes of its own. at NULL is an absent value. */
static enum status bind_value(
	struct binder *b, const struct param *p, const void *at, char *scratch, struct value *ret)
{
	*ret = null_value;
	if (!at)
		return ST_OK;
	switch (p->op) {
	case PARAM_BYTES:
		return bind_bytes(b, p, at, ret);
	case PARAM_BOOL:
		*scratch = *(const protobuf_c_boolean *)at != 0;
		*ret = (struct value){ scratch, 1, 1 };
		return ST_OK;
	case PARAM_INT:
		return bind_int(b, p, at, scratch, ret);
	case PARAM_FLOAT:
		bind_float(p, at, scratch, ret);
		return ST_OK;
	case PARAM_TIMESTAMP:
		return bind_timestamp(b, p, at, scratch, ret);
	default:
		return bind_string(b, p, at, scratch, ret);
	}
}

/* ---- arrays and maps ---- */

static void put_be32(struct buf *out, uint32_t v)
{
	char bytes[4];
	write_be32(bytes, v);
	buf_put(out, bytes, sizeof(bytes));
}

static void put_array_header(struct buf *out, const struct param *p, size_t n)
{
	put_be32(out, n ? 1 : 0); /* dimensions */
	put_be32(out, 1);         /* may hold NULLs */
	put_be32(out, p->type.element);
	if (n) {
		put_be32(out, (uint32_t)n);
		put_be32(out, 1); /* lower bound */
	}
}

static enum status put_element(
	struct binder *b, const struct param *p, const void *at, struct buf *out)
{
	char scratch[SCRATCH];
	struct value v;
	TRY(bind_value(b, p, at, scratch, &v));
	put_be32(out, v.p ? (uint32_t)v.len : UINT32_MAX);
	if (v.p)
		buf_put(out, v.p, (size_t)v.len);
	return ST_OK;
}

static enum status bind_array(
	struct binder *b, const struct param *p, const void *root, struct value *ret)
{
	bool through_message = p->repeated_at < p->n_steps;
	size_t step = through_message ? p->repeated_at : (size_t)p->n_steps - 1;
	struct elements e = elements(root, p, step);
	size_t size = element_size(p->step[step]);
	struct buf out = buf_new(b->arena, 0);
	bool copy = b->copy;
	b->copy = false; /* the elements are copied into the array anyway */
	put_array_header(&out, p, e.n);
	for (size_t i = 0; i < e.n; i++) {
		const void *at = e.first + i * size;
		if (through_message)
			at = follow(*(void *const *)at, p, step + 1, p->n_steps);
		TRY(put_element(b, p, at, &out));
	}
	b->copy = copy;
	if (out.overflow)
		return refuse(b, p, "is too long");
	*ret = (struct value){ out.p, (int)out.n, 1 };
	return ST_OK;
}

static enum status bind_map(
	struct binder *b, const struct param *p, const void *root, struct value *ret)
{
	struct elements e = elements(root, p, (size_t)p->n_steps - 1);
	const ProtobufCMessageDescriptor *entry = p->step[p->n_steps - 1]->descriptor;
	struct buf out = buf_new(b->arena, 0);
	buf_put_c(&out, '{');
	for (size_t i = 0; i < e.n; i++) {
		const char *msg = ((const char *const *)(const void *)e.first)[i];
		if (i)
			buf_put_c(&out, ',');
		json_put_escaped(&out, read_string(msg + entry->fields[0].offset));
		buf_put_c(&out, ':');
		json_put_escaped(&out, read_string(msg + entry->fields[1].offset));
	}
	buf_put_c(&out, '}');
	const char *text = buf_cstr(&out);
	if (out.overflow)
		return refuse(b, p, "is too long");
	*ret = (struct value){ text, (int)out.n, 0 };
	return ST_OK;
}

static enum status bind_param(struct binder *b, const struct param *p, struct db_args args,
	char *scratch, struct value *ret)
{
	const void *root = p->from_call ? args.call : args.input;
	assert(root); /* the statement has an input, so the handler must give one */
	if (p->op == PARAM_MAP)
		return bind_map(b, p, root, ret);
	if (p->is_list)
		return bind_array(b, p, root, ret);
	return bind_value(b, p, follow(root, p, 0, p->n_steps), scratch, ret);
}

enum status params_bind(struct arena *a, const struct param *list, size_t n, size_t n_extra,
	struct db_args args, bool copy, struct bound **ret, const char **ret_why)
{
	struct binder b = { .arena = a, .copy = copy };
	size_t total = n + n_extra;
	char *block = arena_alloc(
		a, sizeof(struct bound) + total * (sizeof(char *) + 2 * sizeof(int)) + n * SCRATCH);
	struct bound *bound = (struct bound *)(void *)block;
	bound->n = total;
	bound->values = (const char **)(void *)(block + sizeof(*bound));
	bound->lengths = (int *)(void *)(bound->values + total);
	bound->formats = bound->lengths + total;
	char *scratch = (char *)(bound->formats + total);
	for (size_t i = 0; i < n; i++, scratch += SCRATCH) {
		struct value v;
		enum status s = bind_param(&b, &list[i], args, scratch, &v);
		if (s != ST_OK) {
			*ret_why = b.why;
			return s;
		}
		bound->values[i] = v.p;
		bound->lengths[i] = v.len;
		bound->formats[i] = v.format;
	}
	*ret = bound;
	return ST_OK;
}
