/*
 * Schema, second pass: fields and methods find their types, now that every name is known.
 */
#include "adapters/pb/schema_private.h"

enum { MAX_NUMBER = (1 << 29) - 1 };

static const char *json_name_of(struct arena *a, const char *name)
{
	char *out = arena_strdup(a, name);
	size_t n = 0;
	for (bool upper = false; *name; name++) {
		if (*name == '_') {
			upper = true;
			continue;
		}
		out[n++] =
			(char)(upper && *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
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
	return sound ? pb_schema_at_end(&r) : ST_INVALID_ARGUMENT;
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
			o.names[o.n++] = pb_schema_outline(f.bytes, 0, &name, &none) == ST_OK
						 ? str_dup(a, name)
						 : "";
	}
	return o;
}

static enum status field_link(struct loader *l, const struct pb_message_info *m,
	const struct oneofs *oneofs, struct str bytes, struct pb_field *f)
{
	struct raw_field raw;
	TRY(raw_field_read(bytes, &raw));
	f->name = str_dup(l->a, raw.name);
	f->json_name = pb_schema_is_plain_text(raw.json_name) ? str_dup(l->a, raw.json_name)
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
	f->has_presence =
		!f->repeated && (f->type == PB_MESSAGE || f->type == PB_GROUP || f->oneof >= 0 ||
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
		struct pb_method *methods =
			arena_new_array(l->a, struct pb_method, v->pub.n_methods);
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

enum status pb_schema_link(struct loader *l)
{
	for (struct pb_message_info *m = l->s->first_message; m; m = m->next)
		TRY(message_link(l, m));
	return services_link(l);
}
