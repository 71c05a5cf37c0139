/* Blanking what must not leave a service. */
#include "kit/resource.h"
#include "kit/service.h"
#include "kit/write_private.h"

static void *member(void *msg, const ProtobufCFieldDescriptor *f)
{
	return (char *)msg + f->offset;
}

static size_t count(const void *msg, const ProtobufCFieldDescriptor *f)
{
	return f->label == PROTOBUF_C_LABEL_REPEATED
		       ? *(const size_t *)(const void *)((const char *)msg + f->quantifier_offset)
		       : 1;
}

/* Secrets are texts and bytes, single or in lists. */
static bool is_set(void *msg, const ProtobufCFieldDescriptor *f)
{
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return count(msg, f) > 0;
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return ((ProtobufCBinaryData *)member(msg, f))->len > 0;
	const char *text =
		f->type == PROTOBUF_C_TYPE_STRING ? *(const char **)member(msg, f) : NULL;
	return text && text[0] != '\0';
}

static void blank(void *msg, const ProtobufCFieldDescriptor *f)
{
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		*(size_t *)(void *)((char *)msg + f->quantifier_offset) = 0;
	else if (f->type == PROTOBUF_C_TYPE_BYTES)
		*(ProtobufCBinaryData *)member(msg, f) = (ProtobufCBinaryData){ 0 };
	else
		*(const char **)member(msg, f) = "";
}

static bool visit(const struct pb_message *m, void *msg, bool clear);

static bool visit_children(
	const struct pb_message *m, void *msg, const ProtobufCFieldDescriptor *f, bool clear)
{
	bool found = false;
	if (f->label != PROTOBUF_C_LABEL_REPEATED) {
		void *child = *(void **)member(msg, f);
		return child && visit(m, child, clear);
	}
	void **list = *(void ***)member(msg, f);
	for (size_t i = 0; i < count(msg, f); i++)
		found = visit(m, list[i], clear) || found;
	return found;
}

static bool is_chosen(void *msg, const ProtobufCFieldDescriptor *f)
{
	return !(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ||
	       *(uint32_t *)(void *)((char *)msg + f->quantifier_offset) == f->id;
}

/* Whether a secret field is set anywhere; clears them all if asked to. */
static bool visit(const struct pb_message *m, void *msg, bool clear)
{
	const ProtobufCMessageDescriptor *d = ((ProtobufCMessage *)msg)->descriptor;
	bool found = false;
	for (size_t i = 0; i < m->n_fields; i++) {
		const struct pb_field *f = &m->fields[i];
		if (!f->rules.secret && (!f->message || f->is_map))
			continue;
		const ProtobufCFieldDescriptor *c =
			protobuf_c_message_descriptor_get_field(d, f->number);
		if (!c || !is_chosen(msg, c))
			continue;
		if (f->message) {
			found = visit_children(f->message, msg, c, clear) || found;
		} else if (is_set(msg, c)) {
			found = true;
			if (clear)
				blank(msg, c);
		}
	}
	return found;
}

const void *redacted(struct call *call, const struct resource *r, const void *msg)
{
	if (!msg)
		return NULL;
	const ProtobufCMessageDescriptor *d = ((const ProtobufCMessage *)msg)->descriptor;
	const struct pb_message *m = pb_schema_message(call->service->schema, d->name);
	bool has_hook = r && r->redact && r->type == d;
	/* the walk only reads as long as it does not clear */
	bool has_secret = m && visit(m, (void *)(uintptr_t)msg, false);
	if (!has_secret && !has_hook)
		return msg;
	void *copy = pb_dup(call->arena, msg);
	if (has_secret)
		(void)visit(m, copy, true);
	if (has_hook)
		r->redact(copy);
	return copy;
}
