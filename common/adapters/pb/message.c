/*
 * Structs: protobuf-c's generated messages in an arena: written to the wire, copied, compared,
 * changed by field.
 */
#include <assert.h>
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

struct str pb_pack(struct arena *a, const void *msg)
{
	size_t n = protobuf_c_message_get_packed_size(msg);
	uint8_t *out = arena_alloc(a, n);
	n = protobuf_c_message_pack(msg, out);
	return str_n(out, n);
}

void pb_pack_to(struct buf *b, const void *msg)
{
	char *room = buf_room(b, protobuf_c_message_get_packed_size(msg));
	if (room)
		b->n += protobuf_c_message_pack(msg, (uint8_t *)room);
}

void *pb_new(struct arena *a, const ProtobufCMessageDescriptor *d)
{
	void *msg = arena_alloc(a, d->sizeof_message);
	d->message_init(msg);
	return msg;
}

/* ---- members ---- */

size_t pb_member_size(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default: /* 32 bits, enums and protobuf_c_boolean */
		return 4;
	}
}

static bool is_repeated(const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_REPEATED;
}

static bool is_oneof(const ProtobufCFieldDescriptor *f)
{
	return f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;
}

static uint32_t *oneof_case(const void *msg, const ProtobufCFieldDescriptor *f)
{
	return (uint32_t *)((uintptr_t)msg + f->quantifier_offset);
}

size_t *pb_count(const void *msg, const ProtobufCFieldDescriptor *f)
{
	return (size_t *)((uintptr_t)msg + f->quantifier_offset);
}

static protobuf_c_boolean *has_flag(const void *msg, const ProtobufCFieldDescriptor *f)
{
	bool pointer = f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE;
	if (f->label != PROTOBUF_C_LABEL_OPTIONAL || pointer || is_oneof(f))
		return NULL;
	return (protobuf_c_boolean *)((uintptr_t)msg + f->quantifier_offset);
}

void *pb_member(const void *msg, const ProtobufCFieldDescriptor *f)
{
	return (void *)((uintptr_t)msg + f->offset);
}

static bool is_value_set(const ProtobufCFieldDescriptor *f, const void *member)
{
	static const uint8_t zero[8];
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING: {
		const char *s = *(const char *const *)member;
		return s && *s;
	}
	case PROTOBUF_C_TYPE_BYTES:
		return ((const ProtobufCBinaryData *)member)->len > 0;
	case PROTOBUF_C_TYPE_MESSAGE:
		return *(void *const *)member != NULL;
	case PROTOBUF_C_TYPE_DOUBLE: /* -0 is not written by protobuf-c either */
		return *(const double *)member != 0;
	case PROTOBUF_C_TYPE_FLOAT:
		return *(const float *)member != 0;
	default:
		return memcmp(member, zero, pb_member_size(f)) != 0;
	}
}

bool pb_is_set(const void *msg, const ProtobufCFieldDescriptor *f)
{
	if (is_repeated(f))
		return *pb_count(msg, f) > 0;
	if (is_oneof(f))
		return *oneof_case(msg, f) == f->id;
	const protobuf_c_boolean *has = has_flag(msg, f);
	return has ? *has : is_value_set(f, pb_member(msg, f));
}

/* Marks the field as the one that is set, before its value is written. */
void pb_select(void *msg, const ProtobufCFieldDescriptor *f)
{
	if (is_oneof(f))
		*oneof_case(msg, f) = f->id;
	protobuf_c_boolean *has = has_flag(msg, f);
	if (has)
		*has = true;
}

void pb_clear(void *msg, const ProtobufCFieldDescriptor *f)
{
	void *member = pb_member(msg, f);
	protobuf_c_boolean *has = has_flag(msg, f);
	if (is_oneof(f)) {
		if (*oneof_case(msg, f) != f->id)
			return; /* the member holds another's value */
		*oneof_case(msg, f) = 0;
	}
	if (is_repeated(f)) {
		*pb_count(msg, f) = 0;
		*(void **)member = NULL;
		return;
	}
	if (has)
		*has = false;
	memset(member, 0, pb_member_size(f));
	if (f->type == PROTOBUF_C_TYPE_STRING && !is_oneof(f))
		*(const char **)member = protobuf_c_empty_string;
}

void pb_copy(void *dst, const void *src, const ProtobufCFieldDescriptor *f)
{
	if (!pb_is_set(src, f)) {
		pb_clear(dst, f);
		return;
	}
	pb_select(dst, f);
	if (is_repeated(f))
		*pb_count(dst, f) = *pb_count(src, f);
	memcpy(pb_member(dst, f), pb_member(src, f),
		is_repeated(f) ? sizeof(void *) : pb_member_size(f));
}

/* ---- copies ---- */

static void value_dup(struct arena *a, const ProtobufCFieldDescriptor *f, void *member)
{
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		const char **s = member;
		if (*s && *s != protobuf_c_empty_string)
			*s = arena_strdup(a, *s);
	} else if (f->type == PROTOBUF_C_TYPE_BYTES) {
		ProtobufCBinaryData *b = member;
		b->data = b->len > 0 ? arena_dup(a, b->data, b->len) : NULL;
	} else if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		void **m = member;
		*m = *m ? pb_dup(a, *m) : NULL;
	}
}

/* The copy holds the original's pointers already; they are replaced one by one. */
static void field_dup(struct arena *a, void *copy, const ProtobufCFieldDescriptor *f)
{
	if (!pb_is_set(copy, f))
		return;
	void *member = pb_member(copy, f);
	if (!is_repeated(f)) {
		value_dup(a, f, member);
		return;
	}
	size_t n = *pb_count(copy, f), size = pb_member_size(f);
	char *array = arena_dup(a, *(void **)member, n * size);
	*(void **)member = array;
	for (size_t i = 0; i < n; i++)
		value_dup(a, f, array + i * size);
}

void *pb_dup(struct arena *a, const void *msg)
{
	const ProtobufCMessageDescriptor *d = ((const ProtobufCMessage *)msg)->descriptor;
	ProtobufCMessage *copy = arena_dup(a, msg, d->sizeof_message);
	copy->n_unknown_fields = 0; /* they may point into a request; nothing reads them */
	copy->unknown_fields = NULL;
	for (unsigned i = 0; i < d->n_fields; i++)
		field_dup(a, copy, &d->fields[i]);
	return copy;
}

/* ---- equality ---- */

static bool value_equal(const ProtobufCFieldDescriptor *f, const void *a, const void *b)
{
	if (f->type == PROTOBUF_C_TYPE_STRING) {
		const char *x = *(const char *const *)a, *y = *(const char *const *)b;
		return strcmp(x ? x : "", y ? y : "") == 0;
	}
	if (f->type == PROTOBUF_C_TYPE_BYTES) {
		const ProtobufCBinaryData *x = a, *y = b;
		return x->len == y->len && (x->len == 0 || memcmp(x->data, y->data, x->len) == 0);
	}
	if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
		const void *x = *(void *const *)a, *y = *(void *const *)b;
		return x == y || (x && y && pb_equal(x, y));
	}
	if (f->type == PROTOBUF_C_TYPE_BOOL)
		return !*(const protobuf_c_boolean *)a == !*(const protobuf_c_boolean *)b;
	return memcmp(a, b, pb_member_size(f)) == 0;
}

bool pb_field_equal(const void *a, const void *b, const ProtobufCFieldDescriptor *f)
{
	bool set = pb_is_set(a, f);
	if (set != pb_is_set(b, f))
		return false;
	if (!set)
		return true;
	if (!is_repeated(f))
		return value_equal(f, pb_member(a, f), pb_member(b, f));
	size_t n = *pb_count(a, f), size = pb_member_size(f);
	if (n != *pb_count(b, f))
		return false;
	const char *x = *(char **)pb_member(a, f), *y = *(char **)pb_member(b, f);
	for (size_t i = 0; i < n; i++) {
		if (!value_equal(f, x + i * size, y + i * size))
			return false;
	}
	return true;
}

bool pb_equal(const void *a, const void *b)
{
	const ProtobufCMessageDescriptor *d = ((const ProtobufCMessage *)a)->descriptor;
	assert(d == ((const ProtobufCMessage *)b)->descriptor);
	for (unsigned i = 0; i < d->n_fields; i++) {
		if (!pb_field_equal(a, b, &d->fields[i]))
			return false;
	}
	return true;
}
