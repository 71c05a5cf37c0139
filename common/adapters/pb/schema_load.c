/*
 * Schema: from a FileDescriptorSet to the index, in three passes: declare every name, link fields and methods to their
 * types, and lay out what validation looks up. The bytes may be a stranger's, so they are read by hand, with bounds;
 * protobuf-c's reader could be crashed by them.
 */
#include <stdlib.h>
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

enum { MAX_SET = 16 << 20, MAX_FIELDS = 65536, MAX_NUMBER = (1 << 29) - 1 };

struct service_info {
	struct pb_service pub;
	struct str descriptor;
	struct service_info *next;
};

struct loader {
	struct pb_schema *s;
	struct arena *a;
	const struct pb_file *file;
	struct map paths; /* comments of the file by source path, as the bytes of its packed varints */
	struct service_info *first_service;
};

/* Where a declaration stands: its parent's full name and its source path. */
struct scope {
	const char *name;
	struct str path;
	unsigned depth;
};

static enum status at_end(const struct pb_reader *r)
{
	return r->p == r->end ? ST_OK : ST_INVALID_ARGUMENT;
}

static bool is_identifier(struct str s)
{
	if (s.n == 0 || s.n > 256 || (s.p[0] >= '0' && s.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!letter && !(c >= '0' && c <= '9'))
			return false;
	}
	return true;
}

static bool is_dotted(struct str s)
{
	while (s.p) {
		if (!is_identifier(str_cut(&s, '.')))
			return false;
	}
	return true;
}

static bool is_plain_text(struct str s)
{
	if (s.n == 0 || s.n > 1024 || !utf8_is_valid(s))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if ((uint8_t)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	}
	return true;
}

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

/* ---- comments ---- */

/* Drops the space that follows "//" on each line, and white space around the whole. */
static char *comment_text(struct arena *a, struct str raw)
{
	struct buf out = buf_new(a, 0);
	raw = str_trim(raw);
	while (raw.p) {
		struct str line = str_cut(&raw, '\n');
		if (line.n > 0 && line.p[0] == ' ')
			line = str_n(line.p + 1, line.n - 1);
		buf_put_str(&out, line);
		if (raw.p)
			buf_put_c(&out, '\n');
	}
	return arena_strndup(a, out.p ? out.p : "", out.n);
}

static enum status location_read(struct loader *l, struct str bytes)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	struct str path = { 0 }, leading = { 0 };
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			path = f.bytes;
		else if (f.number == 3)
			leading = f.bytes;
	}
	if (path.n > 0 && leading.n > 0 && utf8_is_valid(leading))
		(void)map_set(&l->paths, path, comment_text(l->a, leading)); /* a later one wins */
	return at_end(&r);
}

static enum status source_info_read(struct loader *l, struct str bytes)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			TRY(location_read(l, f.bytes));
	}
	return at_end(&r);
}

/* ---- declare ---- */

static enum status symbol_add(struct loader *l, const char *name, struct str path)
{
	if (map_set(&l->s->symbols, str_c(name), (void *)(uintptr_t)l->file))
		return ST_INVALID_ARGUMENT; /* declared twice */
	void *comment = path.p ? map_get(&l->paths, path) : NULL;
	if (comment)
		(void)map_set(&l->s->comments, str_c(name), comment); /* new: the symbol was */
	return ST_OK;
}

/* Finds the name (field 1) of any descriptor and counts what carries the given number. */
static enum status outline(struct str bytes, unsigned counted, struct str *ret_name, size_t *ret_n)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	struct str name = { 0 };
	size_t n = 0;
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			name = f.bytes;
		n += f.number == counted;
	}
	if (r.p != r.end || !is_identifier(name) || n > MAX_FIELDS)
		return ST_INVALID_ARGUMENT;
	*ret_name = name;
	*ret_n = n;
	return ST_OK;
}

/* A field, oneof, method or the like: only its name matters here. */
static enum status name_declare(
	struct loader *l, const struct scope *parent, unsigned tag, size_t index, struct str bytes)
{
	struct str name;
	size_t none;
	TRY(outline(bytes, 0, &name, &none));
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
		if (f.number == 2 && f.bytes.n > 1 && is_dotted(str_n(f.bytes.p + 1, f.bytes.n - 1)))
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
	return at_end(&r);
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
	TRY(outline(bytes, 2, &name, &n));
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
	return at_end(&r);
}

static enum status message_declare(
	struct loader *l, const struct scope *parent, unsigned tag, size_t index, struct str bytes)
{
	struct str name;
	size_t n;
	if (parent->depth > PB_MAX_DEPTH)
		return ST_INVALID_ARGUMENT;
	TRY(outline(bytes, 2, &name, &n));
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
	TRY(outline(bytes, 2, &name, &n));
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
	return at_end(&r);
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
	return at_end(&r);
}

static enum status file_read(
	struct loader *l, struct str bytes, struct pb_file *file, struct str *ret_package)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	size_t n_deps = 0;
	file->bytes = bytes;
	while (pb_read(&r, &f)) {
		if (f.number == 1 && is_plain_text(f.bytes))
			file->name = str_dup(l->a, f.bytes);
		else if (f.number == 2)
			*ret_package = f.bytes;
		else if (f.number == 3)
			n_deps++;
		else if (f.number == 9)
			TRY(source_info_read(l, f.bytes));
		else if (f.number == 12)
			file->is_proto3 = str_is(f.bytes, "proto3");
	}
	if (!file->name || (ret_package->n > 0 && !is_dotted(*ret_package)))
		return ST_INVALID_ARGUMENT;
	file->deps = arena_new_array(l->a, const char *, n_deps);
	for (struct pb_reader again = pb_reader_of(bytes); pb_read(&again, &f);) {
		if (f.number != 3)
			continue;
		if (!is_plain_text(f.bytes))
			return ST_INVALID_ARGUMENT;
		file->deps[file->n_deps++] = str_dup(l->a, f.bytes);
	}
	return at_end(&r);
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

static enum status set_declare(struct loader *l, struct str set)
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
	return at_end(&r);
}

/* ---- link ---- */

static const char *json_name_of(struct arena *a, const char *name)
{
	char *out = arena_strdup(a, name);
	size_t n = 0;
	for (bool upper = false; *name; name++) {
		if (*name == '_') {
			upper = true;
			continue;
		}
		out[n++] = (char)(upper && *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
		upper = false;
	}
	out[n] = '\0';
	return out;
}

/* A FieldDescriptorProto as it stands. */
struct raw_field {
	struct str name, type_name, json_name, options;
	uint64_t number, label, type, oneof;
	bool has_oneof, is_proto3_optional;
};

static enum status raw_field_read(struct str bytes, struct raw_field *ret)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	*ret = (struct raw_field){ 0 };
	while (pb_read(&r, &f)) {
		switch (f.number) {
		case 1:
			ret->name = f.bytes;
			break;
		case 3:
			ret->number = f.value;
			break;
		case 4:
			ret->label = f.value;
			break;
		case 5:
			ret->type = f.value;
			break;
		case 6:
			ret->type_name = f.bytes;
			break;
		case 8:
			ret->options = f.bytes;
			break;
		case 9:
			ret->oneof = f.value;
			ret->has_oneof = true;
			break;
		case 10:
			ret->json_name = f.bytes;
			break;
		case 17:
			ret->is_proto3_optional = f.value != 0;
			break;
		}
	}
	bool sound = ret->number >= 1 && ret->number <= MAX_NUMBER && ret->type >= PB_DOUBLE &&
		ret->type <= PB_SINT64 && ret->label >= 1 && ret->label <= 3;
	return sound ? at_end(&r) : ST_INVALID_ARGUMENT;
}

static enum status type_link(struct loader *l, const struct raw_field *raw, struct pb_field *f)
{
	struct str name = raw->type_name;
	if (name.n > 0 && name.p[0] == '.')
		name = str_n(name.p + 1, name.n - 1);
	if (f->type == PB_MESSAGE || f->type == PB_GROUP) {
		const struct pb_message_info *m = map_get(&l->s->messages, name);
		if (!m)
			return ST_INVALID_ARGUMENT;
		f->message = &m->pub;
		f->is_map = m->is_map_entry && f->repeated;
	} else if (f->type == PB_ENUM) {
		const struct pb_enum_info *e = map_get(&l->s->enums, name);
		if (!e)
			return ST_INVALID_ARGUMENT;
		f->enumeration = &e->pub;
	}
	return ST_OK;
}

unsigned pb_wire_type_of(enum pb_type t)
{
	switch (t) {
	case PB_DOUBLE:
	case PB_FIXED64:
	case PB_SFIXED64:
		return PB_WIRE_64;
	case PB_FLOAT:
	case PB_FIXED32:
	case PB_SFIXED32:
		return PB_WIRE_32;
	case PB_STRING:
	case PB_BYTES:
	case PB_MESSAGE:
		return PB_WIRE_BYTES;
	case PB_GROUP:
		return 3;
	default:
		return PB_WIRE_VARINT;
	}
}

static bool is_packed(const struct pb_field *f, bool is_proto3, struct str options)
{
	unsigned wire_type = pb_wire_type_of(f->type);
	if (!f->repeated || wire_type == PB_WIRE_BYTES || f->type == PB_GROUP)
		return false;
	bool packed = is_proto3;
	struct pb_reader r = pb_reader_of(options);
	struct pb_wire_field o;
	while (pb_read(&r, &o)) {
		if (o.number == 2)
			packed = o.value != 0;
	}
	return packed;
}

struct oneofs {
	size_t n;
	const char **names;
};

static struct oneofs oneofs_read(struct arena *a, struct str message)
{
	struct pb_wire_field f;
	size_t n = 0;
	for (struct pb_reader r = pb_reader_of(message); pb_read(&r, &f);)
		n += f.number == 8;
	struct oneofs o = { .names = arena_new_array(a, const char *, n) };
	for (struct pb_reader r = pb_reader_of(message); pb_read(&r, &f);) {
		struct str name;
		size_t none;
		if (f.number == 8)
			o.names[o.n++] = outline(f.bytes, 0, &name, &none) == ST_OK ? str_dup(a, name) : "";
	}
	return o;
}

static enum status field_link(
	struct loader *l, const struct pb_message_info *m, const struct oneofs *oneofs, struct str bytes,
	struct pb_field *f)
{
	struct raw_field raw;
	TRY(raw_field_read(bytes, &raw));
	f->name = str_dup(l->a, raw.name);
	f->json_name = is_plain_text(raw.json_name) ? str_dup(l->a, raw.json_name)
						    : json_name_of(l->a, f->name);
	f->number = (uint32_t)raw.number;
	f->type = (enum pb_type)raw.type;
	f->repeated = raw.label == 3;
	f->oneof = -1;
	TRY(type_link(l, &raw, f));
	f->packed = is_packed(f, m->file->is_proto3, raw.options);
	if (raw.has_oneof && !raw.is_proto3_optional) { /* that of an optional is only for show */
		if (raw.oneof >= oneofs->n || f->repeated)
			return ST_INVALID_ARGUMENT;
		f->oneof_name = oneofs->names[raw.oneof];
		f->oneof = (int)raw.oneof;
	}
	f->has_presence = !f->repeated &&
		(f->type == PB_MESSAGE || f->type == PB_GROUP || f->oneof >= 0 ||
			raw.is_proto3_optional || !m->file->is_proto3);
	pb_rules_default(m, &f->rules);
	if (l->s->has_options)
		pb_rules_read(raw.options, &f->rules);
	return ST_OK;
}

static enum status message_link(struct loader *l, struct pb_message_info *m)
{
	struct pb_field *fields = arena_new_array(l->a, struct pb_field, m->pub.n_fields);
	struct oneofs oneofs = oneofs_read(l->a, m->descriptor);
	struct pb_reader r = pb_reader_of(m->descriptor);
	struct pb_wire_field f;
	for (size_t i = 0; pb_read(&r, &f);) {
		if (f.number == 2)
			TRY(field_link(l, m, &oneofs, f.bytes, &fields[i++]));
	}
	m->pub.fields = fields;
	return ST_OK;
}

static const struct pb_message *message_named(struct loader *l, struct str name)
{
	if (name.n > 0 && name.p[0] == '.')
		name = str_n(name.p + 1, name.n - 1);
	const struct pb_message_info *m = map_get(&l->s->messages, name);
	return m ? &m->pub : NULL;
}

static enum status method_link(
	struct loader *l, const struct pb_service *service, struct str bytes, struct pb_method *ret)
{
	struct pb_reader r = pb_reader_of(bytes);
	struct pb_wire_field f;
	struct str options = { 0 };
	ret->service = service;
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			ret->name = str_dup(l->a, f.bytes);
		else if (f.number == 2)
			ret->input = message_named(l, f.bytes);
		else if (f.number == 3)
			ret->output = message_named(l, f.bytes);
		else if (f.number == 4)
			options = f.bytes;
		else if (f.number == 5)
			ret->client_streaming = f.value != 0;
		else if (f.number == 6)
			ret->server_streaming = f.value != 0;
	}
	if (!ret->input || !ret->output)
		return ST_INVALID_ARGUMENT;
	if (l->s->has_options)
		pb_policy_read(l->a, options, &ret->policy);
	ret->path = arena_printf(l->a, "/%s/%s", service->full_name, ret->name);
	(void)map_set(&l->s->methods, str_c(ret->path), ret); /* new: its symbol was */
	return ST_OK;
}

static enum status services_link(struct loader *l)
{
	l->s->service_list = arena_new_array(l->a, const struct pb_service *, l->s->n_services);
	size_t at = l->s->n_services;
	for (struct service_info *v = l->first_service; v; v = v->next) {
		struct pb_method *methods = arena_new_array(l->a, struct pb_method, v->pub.n_methods);
		struct pb_reader r = pb_reader_of(v->descriptor);
		struct pb_wire_field f;
		for (size_t i = 0; pb_read(&r, &f);) {
			if (f.number == 2)
				TRY(method_link(l, &v->pub, f.bytes, &methods[i++]));
		}
		v->pub.methods = methods;
		l->s->service_list[--at] = &v->pub; /* the list runs backwards */
	}
	return ST_OK;
}

/* A map's rules speak of its values; the entry's own fields can carry none. */
static void map_values_take_rules(struct pb_schema *s)
{
	for (struct pb_message_info *m = s->first_message; m; m = m->next) {
		for (size_t i = 0; i < m->pub.n_fields; i++) {
			const struct pb_field *f = &m->pub.fields[i];
			if (!f->is_map)
				continue;
			for (size_t k = 0; k < f->message->n_fields; k++) {
				struct pb_field *value = (struct pb_field *)(uintptr_t)&f->message->fields[k];
				if (value->number != 2)
					continue;
				value->rules = f->rules;
				value->rules.required = value->rules.output_only = false;
				value->rules.max_items = 1;
			}
		}
	}
}

enum status pb_schema_load(struct pb_schema *s, struct str set)
{
	if (set.n > MAX_SET)
		return ST_INVALID_ARGUMENT;
	struct loader l = { .s = s, .a = s->arena };
	set = str_n(arena_dup(l.a, set.p ? set.p : "", set.n), set.n);
	TRY(set_declare(&l, set));
	s->has_options = map_get(&s->symbols, STR("crm.common.v1.rules")) &&
		map_get(&s->symbols, STR("crm.common.v1.policy"));
	for (struct pb_message_info *m = s->first_message; m; m = m->next)
		TRY(message_link(&l, m));
	TRY(services_link(&l));
	map_values_take_rules(s);
	for (struct pb_message_info *m = s->first_message; m; m = m->next)
		TRY(pb_schema_index_message(s, m));
	return ST_OK;
}
