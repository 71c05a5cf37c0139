/*
 * Paths and single fields of structs, found by name.
 */
#include <assert.h>
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

static const ProtobufCFieldDescriptor *field_find(
	const ProtobufCMessageDescriptor *d, struct str name)
{
	for (unsigned i = 0; i < d->n_fields; i++) {
		if (str_is(name, d->fields[i].name))
			return &d->fields[i];
	}
	return NULL;
}

bool pb_path_find(const ProtobufCMessageDescriptor *d, struct str path, struct pb_path *ret)
{
	enum { MAX_STEPS = sizeof(ret->step) / sizeof(ret->step[0]) };
	struct pb_path p = { .repeated_at = SIZE_MAX };
	while (path.p) {
		const ProtobufCFieldDescriptor *f = field_find(d, str_cut(&path, '.'));
		if (!f || p.n == MAX_STEPS || (path.p && f->type != PROTOBUF_C_TYPE_MESSAGE))
			return false;
		if (path.p && f->label == PROTOBUF_C_LABEL_REPEATED) {
			if (p.repeated_at != SIZE_MAX)
				return false;
			p.repeated_at = p.n;
		}
		p.step[p.n++] = f;
		d = path.p ? f->descriptor : NULL;
	}
	if (p.n == 0)
		return false;
	if (p.repeated_at == SIZE_MAX)
		p.repeated_at = p.n;
	*ret = p;
	return true;
}

static bool is_other_member(const void *msg, const ProtobufCFieldDescriptor *f)
{
	return (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && !pb_is_set(msg, f);
}

void *pb_path_get(const void *msg, const struct pb_path *p)
{
	assert(p->repeated_at == p->n);
	for (size_t i = 0; i + 1 < p->n; i++) {
		if (is_other_member(msg, p->step[i]))
			return NULL;
		msg = *(void **)pb_member(msg, p->step[i]);
		if (!msg)
			return NULL;
	}
	const ProtobufCFieldDescriptor *last = p->step[p->n - 1];
	return is_other_member(msg, last) ? NULL : pb_member(msg, last);
}

/* ---- one field by name ---- */

static const ProtobufCFieldDescriptor *field_of(const void *msg, const char *name)
{
	const ProtobufCFieldDescriptor *f =
		field_find(((const ProtobufCMessage *)msg)->descriptor, str_c(name));
	assert(f);
	return f;
}

static const ProtobufCFieldDescriptor *field_of_type(
	const void *msg, const char *name, ProtobufCType type)
{
	const ProtobufCFieldDescriptor *f = field_of(msg, name);
	assert(f->type == type && f->label != PROTOBUF_C_LABEL_REPEATED);
	return f;
}

const char *pb_get_string(const void *msg, const char *field)
{
	const ProtobufCFieldDescriptor *f = field_of_type(msg, field, PROTOBUF_C_TYPE_STRING);
	const char *s = is_other_member(msg, f) ? NULL : *(const char **)pb_member(msg, f);
	return s ? s : "";
}

void pb_set_string(void *msg, const char *field, const char *value)
{
	const ProtobufCFieldDescriptor *f = field_of_type(msg, field, PROTOBUF_C_TYPE_STRING);
	pb_select(msg, f);
	*(const char **)pb_member(msg, f) = value;
}

int64_t pb_get_int(const void *msg, const char *field)
{
	const ProtobufCFieldDescriptor *f = field_of(msg, field);
	const void *member = pb_member(msg, f);
	if (is_other_member(msg, f))
		return 0;
	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return *(const uint32_t *)member;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return *(const int64_t *)member;
	default:
		assert(pb_member_size(f) == 4 && f->type != PROTOBUF_C_TYPE_FLOAT);
		return *(const int32_t *)member;
	}
}

void pb_set_int(void *msg, const char *field, int64_t value)
{
	const ProtobufCFieldDescriptor *f = field_of(msg, field);
	bool integer = f->type != PROTOBUF_C_TYPE_FLOAT && f->type != PROTOBUF_C_TYPE_DOUBLE &&
		       f->type < PROTOBUF_C_TYPE_STRING;
	assert(integer && f->label != PROTOBUF_C_LABEL_REPEATED);
	pb_select(msg, f);
	if (pb_member_size(f) == 8)
		*(int64_t *)pb_member(msg, f) = value;
	else
		*(int32_t *)pb_member(msg, f) = (int32_t)value;
}

void *pb_get_message(const void *msg, const char *field)
{
	const ProtobufCFieldDescriptor *f = field_of_type(msg, field, PROTOBUF_C_TYPE_MESSAGE);
	return is_other_member(msg, f) ? NULL : *(void **)pb_member(msg, f);
}

void pb_set_message(void *msg, const char *field, void *value)
{
	const ProtobufCFieldDescriptor *f = field_of_type(msg, field, PROTOBUF_C_TYPE_MESSAGE);
	if (!value) {
		pb_clear(msg, f);
		return;
	}
	pb_select(msg, f);
	*(void **)pb_member(msg, f) = value;
}

static const ProtobufCFieldDescriptor *repeated_of(const void *msg, const char *name)
{
	const ProtobufCFieldDescriptor *f = field_of(msg, name);
	assert(f->label == PROTOBUF_C_LABEL_REPEATED);
	assert(f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE);
	return f;
}

size_t pb_get_repeated(const void *msg, const char *field, void ***ret)
{
	const ProtobufCFieldDescriptor *f = repeated_of(msg, field);
	*ret = *(void ***)pb_member(msg, f);
	return *pb_count(msg, f);
}

void pb_set_repeated(void *msg, const char *field, size_t n, void *array)
{
	const ProtobufCFieldDescriptor *f = repeated_of(msg, field);
	*pb_count(msg, f) = n;
	*(void **)pb_member(msg, f) = array;
}
