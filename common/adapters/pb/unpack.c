/*
 * Wire to protobuf-c's structs. Not protobuf-c's own reader: that one recurses without bound, loses
 * numbers when the parts of a message merge, and allocates notes about every field before it reads
 * one. This one goes over the bytes once, merges as the specification says, and drops unknown
 * fields.
 */
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

/* What a few bytes of wire may swell to: each may open an empty struct. */
enum { UNPACK_BASE = 1 << 20, UNPACK_FACTOR = 32 };

struct unpack {
	struct arena *arena;
	size_t left;
	enum status status;
};

static bool message_fill(struct unpack *u, ProtobufCMessage *msg, struct str wire, unsigned depth);

static void *room(struct unpack *u, size_t size)
{
	if (size > u->left) {
		u->status = ST_RESOURCE_EXHAUSTED;
		return NULL;
	}
	u->left -= size;
	return arena_alloc(u->arena, size);
}

static bool is_repeated(const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_REPEATED;
}

static unsigned wire_type_of(ProtobufCType t)
{
	switch (t) {
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return PB_WIRE_32;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return PB_WIRE_64;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return PB_WIRE_BYTES;
	default:
		return PB_WIRE_VARINT;
	}
}

/* ---- values ---- */

static void number_store(ProtobufCType t, void *member, uint64_t value)
{
	if (t == PROTOBUF_C_TYPE_SINT32)
		value = (uint64_t)pb_wire_to_i64(PB_SINT32, value);
	else if (t == PROTOBUF_C_TYPE_SINT64)
		value = (uint64_t)pb_wire_to_i64(PB_SINT64, value);
	else if (t == PROTOBUF_C_TYPE_BOOL)
		value = value != 0;
	if (t == PROTOBUF_C_TYPE_SINT64 || t == PROTOBUF_C_TYPE_INT64 ||
		t == PROTOBUF_C_TYPE_UINT64 || wire_type_of(t) == PB_WIRE_64)
		memcpy(member, &value, sizeof(value));
	else
		*(uint32_t *)member = (uint32_t)value;
}

static bool string_store(struct unpack *u, const char **member, struct str v)
{
	if (v.n == 0) {
		/* not protobuf_c_empty_string: the member of a oneof that points there counts as
		 * unset */
		*member = "";
		return true;
	}
	char *copy = room(u, v.n + 1);
	if (!copy)
		return false;
	memcpy(copy, v.p, v.n);
	copy[v.n] = '\0';
	*member = copy;
	return true;
}

static bool bytes_store(struct unpack *u, ProtobufCBinaryData *member, struct str v)
{
	uint8_t *copy = v.n > 0 ? room(u, v.n) : NULL;
	if (v.n > 0 && !copy)
		return false;
	if (copy)
		memcpy(copy, v.p, v.n);
	*member = (ProtobufCBinaryData){ .len = v.n, .data = copy };
	return true;
}

/* Into the message that is there already, if one is: the parts of a message merge. */
static bool message_store(struct unpack *u, const ProtobufCMessageDescriptor *d,
	ProtobufCMessage **member, struct str wire, unsigned depth)
{
	if (depth >= PB_MAX_DEPTH)
		return false;
	if (!*member) {
		ProtobufCMessage *fresh = room(u, d->sizeof_message);
		if (!fresh)
			return false;
		d->message_init(fresh);
		*member = fresh;
	}
	return message_fill(u, *member, wire, depth + 1);
}

static bool value_store(struct unpack *u, const ProtobufCFieldDescriptor *f, void *member,
	const struct pb_wire_field *v, unsigned depth)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		return string_store(u, member, v->bytes);
	case PROTOBUF_C_TYPE_BYTES:
		return bytes_store(u, member, v->bytes);
	case PROTOBUF_C_TYPE_MESSAGE:
		return message_store(u, f->descriptor, member, v->bytes, depth);
	default:
		number_store(f->type, member, v->value);
		return true;
	}
}

/* ---- fields ---- */

/* The address of one more element, zeroed. Arrays have room for the next power of two. */
static void *element_add(struct unpack *u, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
	size_t *count = pb_count(msg, f), n = *count, size = pb_member_size(f);
	char **array = pb_member(msg, f);
	if ((n & (n - 1)) == 0) { /* none, or a full array */
		char *more = room(u, (n == 0 ? 1 : 2 * n) * size);
		if (!more)
			return NULL;
		if (n > 0)
			memcpy(more, *array, n * size);
		*array = more;
	}
	(*count)++;
	return memset(*array + n * size, 0, size);
}

static bool packed_store(struct unpack *u, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f,
	struct str bytes)
{
	struct pb_reader r = pb_reader_of(bytes);
	uint64_t value;
	while (pb_read_packed(&r, wire_type_of(f->type), &value)) {
		void *element = element_add(u, msg, f);
		if (!element)
			return false;
		number_store(f->type, element, value);
	}
	return r.p == r.end;
}

/* Marks the member as set and gives its address; what another of its oneof left is wiped. */
static void *member_take(ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f)
{
	void *member = pb_member(msg, f);
	if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && !pb_is_set(msg, f))
		memset(member, 0, pb_member_size(f));
	pb_select(msg, f);
	return member;
}

static bool field_store(struct unpack *u, ProtobufCMessage *msg, const ProtobufCFieldDescriptor *f,
	const struct pb_wire_field *v, unsigned depth)
{
	unsigned wire_type = wire_type_of(f->type);
	if (v->wire_type != wire_type)
		return v->wire_type == PB_WIRE_BYTES && is_repeated(f) &&
		       packed_store(u, msg, f, v->bytes);
	void *member = is_repeated(f) ? element_add(u, msg, f) : member_take(msg, f);
	return member && value_store(u, f, member, v, depth);
}

/* Fields mostly come in order: *hint is where the search begins. */
static const ProtobufCFieldDescriptor *field_find(
	const ProtobufCMessageDescriptor *d, uint32_t number, unsigned *hint)
{
	for (unsigned i = *hint; i < d->n_fields && i < *hint + 4; i++) {
		if (d->fields[i].id == number) {
			*hint = i;
			return &d->fields[i];
		}
	}
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(d, number);
	if (f)
		*hint = (unsigned)(f - d->fields);
	return f;
}

static bool message_fill(struct unpack *u, ProtobufCMessage *msg, struct str wire, unsigned depth)
{
	struct pb_reader r = pb_reader_of(wire);
	struct pb_wire_field v;
	unsigned hint = 0;
	while (pb_read(&r, &v)) {
		const ProtobufCFieldDescriptor *f = field_find(msg->descriptor, v.number, &hint);
		if (f && !field_store(u, msg, f, &v, depth))
			return false;
	}
	return r.p == r.end;
}

enum status pb_unpack(
	struct arena *a, const ProtobufCMessageDescriptor *d, struct str wire, void *ret_msg_ptr)
{
	struct unpack u = {
		.arena = a,
		.left = UNPACK_BASE + UNPACK_FACTOR * wire.n,
		.status = ST_INVALID_ARGUMENT,
	};
	ProtobufCMessage *msg = pb_new(a, d);
	if (!message_fill(&u, msg, wire.p ? wire : STR(""), 0))
		return u.status;
	*(void **)ret_msg_ptr = msg;
	return ST_OK;
}
