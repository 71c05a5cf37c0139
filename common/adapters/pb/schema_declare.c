/*
 * Schema, first pass: every name of every file, and shells of messages, enums and services.
 */
#include <stdlib.h>
#include "adapters/pb/schema_private.h"

/* Where a declaration stands: its parent's full name and its source path. */
struct scope {
	const char *name;
	struct str path;
	unsigned depth;
};

static const char *name_join(struct arena *a, const char *parent, struct str name)
{
	return arena_printf(a, "%s%s%.*s", parent, *parent ? "." : "", (int)name.n, name.p);
}

static struct scope scope_in(
	struct loader *l, const struct scope *parent, const char *name, unsigned tag, size_t index)
{
	struct scope in = { .name = name, .depth = parent->depth + 1 };
	if (l->paths.count > 0) {
		uint8_t *path = arena_alloc(l->a, parent->path.n + 2 * PB_VARINT_MAX);
		size_t n = parent->path.n;
		if (n > 0)
			memcpy(path, parent->path.p, n);
		n += pb_varint_encode(path + n, tag);
		n += pb_varint_encode(path + n, index);
		in.path = str_n(path, n);
	}
	return in;
}

static enum status symbol_add(struct loader *l, const char *name, struct str path)
{
	if (map_set(&l->s->symbols, str_c(name), (void *)(uintptr_t)l->file))
		return ST_INVALID_ARGUMENT; /* declared twice */
	void *comment = path.p ? map_get(&l->paths, path) : NULL;
	if (comment)
		(void)map_set(&l->s->comments, str_c(name), comment); /* new: the symbol was */
	return ST_OK;
}

/* A field, oneof, method or the like: only its name matters here. */
static enum status name_declare(
	struct loader *l, const struct scope *parent, unsigned tag, size_t index, struct str bytes)
{
	struct str name;
	size_t none;
	TRY(pb_schema_outline(bytes, 0, &name, &none));
	struct scope in = scope_in(l, parent, "", tag, index);
	return symbol_add(l, name_join(l->a, parent->name, name), in.path);
}

static enum status extension_declare(
	struct loader *l, const struct scope *parent, unsigned tag, size_t index, struct str bytes)
{
	TRY(name_declare(l, parent, tag, index, bytes));
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	struct pb_extension *e = arena_zalloc(l->a, sizeof(*e));
	while (pb_read(&r, &f)) {
		if (f.number == 2 && f.bytes.n > 1 &&
			pb_schema_is_dotted(str_n(f.bytes.p + 1, f.bytes.n - 1)))
			e->extendee = str_dup(l->a, str_n(f.bytes.p + 1, f.bytes.n - 1));
		else if (f.number == 3)
			e->number = (uint32_t)f.value;
	}
	if (!e->extendee)
		return ST_INVALID_ARGUMENT;
	e->file = l->file;
	e->next = l->s->first_extension;
	l->s->first_extension = e;
	return ST_OK;
}

static enum status enum_value_read(struct arena *a, struct str bytes, struct pb_enum_value *ret)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			ret->name = str_dup(a, f.bytes);
		else if (f.number == 2)
			ret->number = (int32_t)f.value;
	}
	return pb_schema_at_end(&r);
}

static int enum_order_number(const void *a, const void *b)
{
	const struct pb_enum_value *x = *(const struct pb_enum_value *const *)a;
	const struct pb_enum_value *y = *(const struct pb_enum_value *const *)b;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return (x > y) - (x < y); /* aliases in order of declaration */
}

static int enum_order_name(const void *a, const void *b)
{
	return strcmp((*(const struct pb_enum_value *const *)a)->name,
		(*(const struct pb_enum_value *const *)b)->name);
}

static void enum_index(struct arena *a, struct pb_enum_info *e)
{
	size_t n = e->pub.n_values;
	e->by_number = arena_new_array(a, const struct pb_enum_value *, n);
	e->by_name = arena_new_array(a, const struct pb_enum_value *, n);
	for (size_t i = 0; i < n; i++)
		e->by_number[i] = e->by_name[i] = &e->pub.values[i];
	if (n == 0)
		return;
	qsort(e->by_number, n, sizeof(*e->by_number), enum_order_number);
	qsort(e->by_name, n, sizeof(*e->by_name), enum_order_name);
}

static enum status enum_declare(
	struct loader *l, const struct scope *parent, unsigned tag, size_t index, struct str bytes)
{
	struct str name;
	size_t n;
	TRY(pb_schema_outline(bytes, 2, &name, &n));
	struct pb_enum_info *e = arena_zalloc(l->a, sizeof(*e));
	struct pb_enum_value *values = arena_new_array(l->a, struct pb_enum_value, n);
	e->pub.full_name = name_join(l->a, parent->name, name);
	e->pub.values = values;
	struct scope in = scope_in(l, parent, parent->name, tag, index);
	TRY(symbol_add(l, e->pub.full_name, in.path));
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	while (pb_read(&r, &f)) {
		if (f.number != 2)
			continue;
		/* values live beside their enum, as in C++ */
		TRY(name_declare(l, &in, 2, e->pub.n_values, f.bytes));
		TRY(enum_value_read(l->a, f.bytes, &values[e->pub.n_values++]));
	}
	enum_index(l->a, e);
	(void)map_set(&l->s->enums, str_c(e->pub.full_name), e); /* new: the symbol was */
	return ST_OK;
}

static bool is_map_entry(struct str message_options)
{
	struct pb_reader r = pb_reader_of(message_options);
	struct pb_wire_field f;
	bool map_entry = false;
	while (pb_read(&r, &f)) {
		if (f.number == 7)
			map_entry = f.value != 0;
	}
	return map_entry;
}

static enum pb_known known_of(const char *full_name)
{
	static const struct {
		const char *name;
		enum pb_known known;
	} table[] = {
		{ "Any", PB_KNOWN_ANY },
		{ "Timestamp", PB_KNOWN_TIMESTAMP },
		{ "Duration", PB_KNOWN_DURATION },
		{ "FieldMask", PB_KNOWN_FIELD_MASK },
		{ "Struct", PB_KNOWN_STRUCT },
		{ "Value", PB_KNOWN_VALUE },
		{ "ListValue", PB_KNOWN_LIST },
		{ "DoubleValue", PB_KNOWN_WRAPPER },
		{ "FloatValue", PB_KNOWN_WRAPPER },
		{ "Int64Value", PB_KNOWN_WRAPPER },
		{ "UInt64Value", PB_KNOWN_WRAPPER },
		{ "Int32Value", PB_KNOWN_WRAPPER },
		{ "UInt32Value", PB_KNOWN_WRAPPER },
		{ "BoolValue", PB_KNOWN_WRAPPER },
		{ "StringValue", PB_KNOWN_WRAPPER },
		{ "BytesValue", PB_KNOWN_WRAPPER },
	};
	static const char package[] = "google.protobuf.";
	if (strncmp(full_name, package, sizeof(package) - 1) != 0)
		return PB_KNOWN_NONE;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(full_name + sizeof(package) - 1, table[i].name) == 0)
			return table[i].known;
	}
	return PB_KNOWN_NONE;
}

static enum status message_declare(
	struct loader *l, const struct scope *parent, unsigned tag, size_t index, struct str bytes);

static enum status message_members_declare(
	struct loader *l, const struct scope *in, struct pb_message_info *m)
{
	struct pb_reader r = pb_reader_of(m->descriptor);
	struct pb_wire_field f;
	size_t n[9] = { 0 };
	while (pb_read(&r, &f)) {
		size_t i = f.number < 9 ? n[f.number]++ : 0;
		switch (f.number) {
		case 2:
		case 8:
			TRY(name_declare(l, in, f.number, i, f.bytes));
			break;
		case 3:
			TRY(message_declare(l, in, 3, i, f.bytes));
			break;
		case 4:
			TRY(enum_declare(l, in, 4, i, f.bytes));
			break;
		case 6:
			TRY(extension_declare(l, in, 6, i, f.bytes));
			break;
		case 7:
			m->is_map_entry = is_map_entry(f.bytes);
			break;
		}
	}
	return pb_schema_at_end(&r);
}

static enum status message_declare(
	struct loader *l, const struct scope *parent, unsigned tag, size_t index, struct str bytes)
{
	struct str name;
	size_t n;
	if (parent->depth > PB_MAX_DEPTH)
		return ST_INVALID_ARGUMENT;
	TRY(pb_schema_outline(bytes, 2, &name, &n));
	struct pb_message_info *m = arena_zalloc(l->a, sizeof(*m));
	m->pub.full_name = name_join(l->a, parent->name, name);
	m->pub.name = str_dup(l->a, name);
	m->pub.n_fields = n;
	m->descriptor = bytes;
	m->file = l->file;
	m->known = known_of(m->pub.full_name);
	m->is_google = strncmp(m->pub.full_name, "google.protobuf.", 16) == 0;
	m->next = l->s->first_message;
	l->s->first_message = m;
	struct scope in = scope_in(l, parent, m->pub.full_name, tag, index);
	TRY(symbol_add(l, m->pub.full_name, in.path));
	(void)map_set(&l->s->messages, str_c(m->pub.full_name), m); /* new: the symbol was */
	return message_members_declare(l, &in, m);
}

static enum status service_declare(
	struct loader *l, const struct scope *parent, unsigned tag, size_t index, struct str bytes)
{
	struct str name;
	size_t n;
	TRY(pb_schema_outline(bytes, 2, &name, &n));
	struct service_info *v = arena_zalloc(l->a, sizeof(*v));
	v->pub.full_name = name_join(l->a, parent->name, name);
	v->pub.n_methods = n;
	v->descriptor = bytes;
	v->next = l->first_service;
	l->first_service = v;
	struct scope in = scope_in(l, parent, v->pub.full_name, tag, index);
	TRY(symbol_add(l, v->pub.full_name, in.path));
	(void)map_set(&l->s->services, str_c(v->pub.full_name), &v->pub); /* new: the symbol was */
	l->s->n_services++;
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	for (size_t i = 0; pb_read(&r, &f);) {
		if (f.number == 2)
			TRY(name_declare(l, &in, 2, i++, f.bytes));
	}
	return pb_schema_at_end(&r);
}

static enum status file_members_declare(struct loader *l, const struct scope *in)
{
	struct pb_reader r = pb_reader_of(l->file->bytes);
	struct pb_wire_field f;
	size_t n[8] = { 0 };
	while (pb_read(&r, &f)) {
		size_t i = f.number < 8 ? n[f.number]++ : 0;
		switch (f.number) {
		case 4:
			TRY(message_declare(l, in, 4, i, f.bytes));
			break;
		case 5:
			TRY(enum_declare(l, in, 5, i, f.bytes));
			break;
		case 6:
			TRY(service_declare(l, in, 6, i, f.bytes));
			break;
		case 7:
			TRY(extension_declare(l, in, 7, i, f.bytes));
			break;
		}
	}
	return pb_schema_at_end(&r);
}

static enum status file_read(
	struct loader *l, struct str bytes, struct pb_file *file, struct str *ret_package)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	size_t n_deps = 0;
	file->bytes = bytes;
	while (pb_read(&r, &f)) {
		if (f.number == 1 && pb_schema_is_plain_text(f.bytes))
			file->name = str_dup(l->a, f.bytes);
		else if (f.number == 2)
			*ret_package = f.bytes;
		else if (f.number == 3)
			n_deps++;
		else if (f.number == 9)
			TRY(pb_schema_comments_read(l, f.bytes));
		else if (f.number == 12)
			file->is_proto3 = str_is(f.bytes, "proto3");
	}
	if (!file->name || (ret_package->n > 0 && !pb_schema_is_dotted(*ret_package)))
		return ST_INVALID_ARGUMENT;
	file->deps = arena_new_array(l->a, const char *, n_deps);
	for (struct pb_reader again = pb_reader_of(bytes); pb_read(&again, &f);) {
		if (f.number != 3)
			continue;
		if (!pb_schema_is_plain_text(f.bytes))
			return ST_INVALID_ARGUMENT;
		file->deps[file->n_deps++] = str_dup(l->a, f.bytes);
	}
	return pb_schema_at_end(&r);
}

static enum status file_declare(struct loader *l, struct str bytes)
{
	struct pb_file *file = arena_zalloc(l->a, sizeof(*file));
	struct str package = { 0 };
	TRY(file_read(l, bytes, file, &package));
	if (map_get(&l->s->files, str_c(file->name)))
		return ST_OK; /* sent twice by a reflection: the first counts */
	(void)map_set(&l->s->files, str_c(file->name), file);
	l->file = file;
	struct scope in = { .name = str_dup(l->a, package.p ? package : STR("")) };
	return file_members_declare(l, &in);
}

enum status pb_schema_declare(struct loader *l, struct str set)
{
	struct pb_reader r = pb_reader_of(set);
	struct pb_wire_field f;
	while (pb_read(&r, &f)) {
		if (f.number != 1)
			continue;
		map_init(&l->paths);
		enum status st = file_declare(l, f.bytes);
		map_done(&l->paths);
		TRY(st);
	}
	return pb_schema_at_end(&r);
}
