/*
 * Column plans: a tree of the message's fields, each leaf fed by one column.
 */
#include <stdlib.h>
#include "adapters/db/plan_private.h"

enum { MESSAGE_ROOM = 12, VALUE_ROOM = 48, WIRE_BYTES = 2 };

static bool is_timestamp(const ProtobufCFieldDescriptor *f)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;
	return f->type == PROTOBUF_C_TYPE_MESSAGE &&
	       strcmp(d->name, "google.protobuf.Timestamp") == 0;
}

static bool is_string(const ProtobufCMessageDescriptor *d, const char *name, uint32_t number)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(d, name);
	return f && f->id == number && f->type == PROTOBUF_C_TYPE_STRING &&
	       f->label != PROTOBUF_C_LABEL_REPEATED;
}

/* protobuf-c shows map<string, string> as a repeated message of key and value. */
bool field_is_string_map(const ProtobufCFieldDescriptor *f)
{
	const ProtobufCMessageDescriptor *d = f->descriptor;
	return f->type == PROTOBUF_C_TYPE_MESSAGE && f->label == PROTOBUF_C_LABEL_REPEATED &&
	       d->n_fields == 2 && is_string(d, "key", 1) && is_string(d, "value", 2);
}

/* ---- which column fits which field ---- */

static bool string_op(enum value_type from, enum column_op *ret)
{
	switch (from) {
	case VALUE_TEXT:
		*ret = COLUMN_TEXT;
		return true;
	case VALUE_UUID:
		*ret = COLUMN_UUID;
		return true;
	case VALUE_DATE:
		*ret = COLUMN_DATE;
		return true;
	case VALUE_NUMERIC:
		*ret = COLUMN_NUMERIC;
		return true;
	case VALUE_JSONB:
		*ret = COLUMN_JSON_TEXT;
		return true;
	default:
		return false;
	}
}

static bool int_fits(enum value_type from, bool wide)
{
	return from == VALUE_INT2 || from == VALUE_INT4 || (wide && from == VALUE_INT8);
}

/* How one value of a column type becomes one value of a field; false if it cannot. */
static bool value_op(const ProtobufCFieldDescriptor *f, enum value_type from, enum column_op *ret)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return string_op(from, ret);
	case PROTOBUF_C_TYPE_BYTES:
		*ret = COLUMN_TEXT; /* bytes as they are */
		return from == VALUE_BYTES;
	case PROTOBUF_C_TYPE_BOOL:
		*ret = COLUMN_VARINT;
		return from == VALUE_BOOL;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_ENUM:
		*ret = COLUMN_VARINT;
		return int_fits(from, false);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		*ret = COLUMN_VARINT;
		return int_fits(from, true);
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SINT64:
		*ret = COLUMN_ZIGZAG;
		return int_fits(from, f->type == PROTOBUF_C_TYPE_SINT64);
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
		*ret = COLUMN_FIXED32;
		return int_fits(from, false);
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
		*ret = COLUMN_FIXED64;
		return int_fits(from, true);
	case PROTOBUF_C_TYPE_FLOAT:
		*ret = COLUMN_FLOAT;
		return from == VALUE_FLOAT4;
	case PROTOBUF_C_TYPE_DOUBLE:
		*ret = COLUMN_DOUBLE;
		return from == VALUE_FLOAT4 || from == VALUE_FLOAT8;
	default:
		*ret = COLUMN_TIMESTAMP;
		return is_timestamp(f) && from == VALUE_TIME;
	}
}

static unsigned wire_type(enum column_op op)
{
	switch (op) {
	case COLUMN_VARINT:
	case COLUMN_ZIGZAG:
		return 0;
	case COLUMN_FIXED64:
	case COLUMN_DOUBLE:
		return 1;
	case COLUMN_FIXED32:
	case COLUMN_FLOAT:
		return 5;
	default:
		return WIRE_BYTES;
	}
}

/* ---- the tree ---- */

struct maker {
	struct arena *arena;
	const char *why;
};

static bool refuse(struct maker *m, const char *why)
{
	m->why = why;
	return false;
}

static void set_tag(struct field_plan *p)
{
	uint32_t v = p->field->id << 3 | wire_type(p->op);
	p->tag_size = 0;
	for (; v >= 0x80; v >>= 7)
		p->tag[p->tag_size++] = (char)(v | 0x80);
	p->tag[p->tag_size++] = (char)v;
}

/* The plan of field f among siblings, made if there is none; siblings stay sorted by number. */
static struct field_plan *sibling(struct maker *m, struct field_plan **first,
	const ProtobufCFieldDescriptor *f, bool *ret_is_new)
{
	struct field_plan **at = first;
	while (*at && (*at)->field->id < f->id)
		at = &(*at)->next;
	*ret_is_new = !*at || (*at)->field != f;
	if (*ret_is_new) {
		struct field_plan *p = arena_zalloc(m->arena, sizeof(*p));
		p->field = f;
		p->keep_default = f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
		p->next = *at;
		*at = p;
	}
	return *at;
}

static bool make_leaf(struct maker *m, struct field_plan *p, struct pg_type type, uint16_t column,
	bool in_elements)
{
	const ProtobufCFieldDescriptor *f = p->field;
	bool is_repeated = f->label == PROTOBUF_C_LABEL_REPEATED;
	p->column = column;
	p->from = type.value;
	if (field_is_string_map(f) && type.value == VALUE_JSONB && !type.is_array && !in_elements) {
		p->op = COLUMN_MAP;
		set_tag(p);
		return true;
	}
	if (in_elements && (is_repeated || !type.is_array))
		return refuse(m, "a field of a repeated message is fed by an array with one value "
				 "per element");
	if (!in_elements && is_repeated != type.is_array)
		return refuse(m, is_repeated ? "a repeated field needs an array"
					     : "an array needs a repeated field");
	if (!value_op(f, type.value, &p->op))
		return refuse(m, "the types do not fit");
	if (is_repeated) {
		p->item = p->op;
		p->op = wire_type(p->item) == WIRE_BYTES ? COLUMN_LIST : COLUMN_PACKED;
	}
	set_tag(p);
	return true;
}

/* Descends into the message field that the column's path passes through. */
static bool enter(struct maker *m, struct field_plan *p, bool is_new, bool *in_elements)
{
	const ProtobufCFieldDescriptor *f = p->field;
	if (f->type != PROTOBUF_C_TYPE_MESSAGE || is_timestamp(f) || field_is_string_map(f))
		return refuse(m, "the path goes on below a field that is no message");
	bool is_repeated = f->label == PROTOBUF_C_LABEL_REPEATED;
	if (is_repeated && *in_elements)
		return refuse(
			m, "a repeated message inside a repeated message cannot be fed by columns");
	if (!is_new && p->op != COLUMN_MESSAGE && p->op != COLUMN_ELEMENTS)
		return refuse(m, "another column feeds the whole field");
	p->op = is_repeated ? COLUMN_ELEMENTS : COLUMN_MESSAGE;
	*in_elements = *in_elements || is_repeated;
	set_tag(p);
	return true;
}

static bool add_column(struct maker *m, const ProtobufCMessageDescriptor *d,
	struct field_plan **first, const struct column *c, uint16_t index)
{
	struct str rest = str_c(c->name);
	bool in_elements = false, is_new;
	for (;;) {
		const char *name = str_dup(m->arena, str_cut(&rest, '.'));
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field_by_name(d, name);
		if (!f)
			return refuse(m,
				arena_printf(m->arena, "%s has no field %s", d->short_name, name));
		struct field_plan *p = sibling(m, first, f, &is_new);
		if (!rest.p)
			return is_new ? make_leaf(m, p, c->type, index, in_elements)
				      : refuse(m, "another column feeds the same field");
		if (!enter(m, p, is_new, &in_elements))
			return false;
		first = &p->child;
		d = f->descriptor;
	}
}

/* In a oneof, and in a message that is a member of one, NULL must be told from empty. */
static void mark_nulls(struct columns *c, const struct field_plan *p, bool below_oneof)
{
	for (; p; p = p->next) {
		bool is_in_oneof = below_oneof || p->keep_default;
		if (p->op == COLUMN_MESSAGE || p->op == COLUMN_ELEMENTS)
			mark_nulls(c, p->child, is_in_oneof);
		else
			c->column[p->column].needs_null = is_in_oneof;
		c->fixed_room += MESSAGE_ROOM;
	}
}

static void read_column(struct arena *a, struct column *c, const PGresult *described, int i,
	const struct extra_type *extra, size_t n_extra)
{
	c->name = arena_strdup(a, PQfname(described, i));
	c->oid = PQftype(described, i);
	c->type = pg_type_find(c->oid, extra, n_extra);
}

bool columns_make(struct arena *a, const ProtobufCMessageDescriptor *output,
	const PGresult *described, const struct extra_type *extra, size_t n_extra,
	struct columns **ret, const char **ret_why)
{
	struct maker m = { .arena = a };
	struct columns *c = arena_zalloc(a, sizeof(*c));
	c->n = (size_t)PQnfields(described);
	if (c->n > COLUMNS_MAX) {
		*ret_why = "has too many columns";
		return false;
	}
	c->column = arena_new_array(a, struct column, c->n);
	for (size_t i = 0; i < c->n; i++) {
		struct column *col = &c->column[i];
		read_column(a, col, described, (int)i, extra, n_extra);
		const char *type = pg_type_name(col->type);
		if (col->type.value == VALUE_NONE) {
			*ret_why = arena_printf(a, "column \"%s\" is of %s (OID %u): cast it",
				col->name, type, col->oid);
			return false;
		}
		if (output && !add_column(&m, output, &c->fields, col, (uint16_t)i)) {
			*ret_why =
				arena_printf(a, "column \"%s\" (%s): %s", col->name, type, m.why);
			return false;
		}
	}
	c->fixed_room = c->n * VALUE_ROOM;
	mark_nulls(c, c->fields, false);
	*ret = c;
	return true;
}

bool columns_fit(const struct columns *c, const PGresult *res)
{
	if ((size_t)PQnfields(res) != c->n)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		if (PQftype(res, (int)i) != c->column[i].oid)
			return false;
	}
	return true;
}
