/*
 * Field masks: which fields of a resource an update replaces (AIP-134).
 */
#include <assert.h>
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

enum { MASK_DEPTH = 4, MASK_PATHS = 1000 };

static bool is_fixed(const struct pb_field *f)
{
	return f->rules.output_only || f->rules.immutable;
}

/* ---- check ---- */

/* NULL or what is wrong with the path, as a phrase that follows it. */
static const char *path_fault(const struct pb_message *m, struct str path)
{
	for (size_t depth = 0; path.p; depth++) {
		const struct pb_field *f = pb_message_field(m, str_cut(&path, '.'));
		if (!f || depth == MASK_DEPTH)
			return "names no field";
		if (f->rules.output_only)
			return "is set by the server only";
		if (f->rules.immutable)
			return "cannot be changed";
		if (!path.p)
			break;
		if (f->repeated)
			return "leads through a repeated field, which is replaced whole";
		if (!f->message)
			return "names no field";
		m = f->message;
	}
	return NULL;
}

static void mask_complain(
	struct arena *a, struct pb_violations *v, struct str path, const char *why)
{
	if (v->n == PB_MAX_VIOLATIONS)
		return;
	bool printable = path.n <= 256 && pb_text_is_clean(path);
	const char *description = printable ? arena_printf(a, "'%.*s' %s", (int)path.n, path.p, why)
					    : "has a malformed path";
	v->v[v->n++] = (struct pb_violation){ "update_mask", description };
}

enum status pb_mask_check(struct arena *a, const struct pb_message *m, char *const *paths, size_t n,
	struct pb_violations *ret)
{
	ret->n = 0;
	if (n == 1 && str_is(str_c(paths[0]), "*"))
		return ST_OK;
	if (n > MASK_PATHS) {
		ret->v[ret->n++] =
			(struct pb_violation){ "update_mask", "has more than 1000 paths" };
		return ST_INVALID_ARGUMENT;
	}
	for (size_t i = 0; i < n; i++) {
		struct str path = str_c(paths[i]);
		const char *why = str_is(path, "*") ? "must stand alone"
						    : path_fault(m, path.p ? path : STR(""));
		if (why)
			mask_complain(a, ret, path.p ? path : STR(""), why);
	}
	return ret->n == 0 ? ST_OK : ST_INVALID_ARGUMENT;
}

/* ---- apply ---- */

static const ProtobufCFieldDescriptor *member_of(const void *msg, const struct pb_field *f)
{
	const ProtobufCMessageDescriptor *d = ((const ProtobufCMessage *)msg)->descriptor;
	const ProtobufCFieldDescriptor *c = protobuf_c_message_descriptor_get_field(d, f->number);
	assert(c); /* schema and structs come from the same protos */
	return c;
}

static void *submessage(const void *msg, const ProtobufCFieldDescriptor *c)
{
	return pb_is_set(msg, c) ? *(void **)pb_member(msg, c) : NULL;
}

static void message_replace(const struct pb_message *m, void *dst, const void *src);

/* Takes the value of src, except what the server keeps inside of it. */
static void field_replace(const struct pb_field *f, void *dst, const void *src)
{
	if (is_fixed(f))
		return;
	const ProtobufCFieldDescriptor *c = member_of(dst, f);
	if (f->message && !f->repeated) {
		void *to = submessage(dst, c), *from = submessage(src, c);
		if (to && from && to != from) {
			message_replace(f->message, to, from);
			return;
		}
	}
	pb_copy(dst, src, c);
}

static void message_replace(const struct pb_message *m, void *dst, const void *src)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		const struct pb_field *f = &m->fields[i];
		/* of a oneof only the member that is set may write, or it would be cleared by the
		 * others */
		if (f->oneof < 0 || pb_is_set(src, member_of(src, f)))
			field_replace(f, dst, src);
		else
			pb_clear(dst, member_of(dst, f));
	}
}

/* A sub-message of dst that can be written to. It is made when src has one, for there is something
 * to write then. */
static void *submessage_for_write(
	struct arena *a, void *dst, const void *src, const ProtobufCFieldDescriptor *c)
{
	void *to = submessage(dst, c);
	if (!to && submessage(src, c)) {
		to = pb_new(a, c->descriptor);
		pb_select(dst, c);
		*(void **)pb_member(dst, c) = to;
	}
	return to;
}

static void path_apply(
	struct arena *a, const struct pb_message *m, void *dst, const void *src, struct str path)
{
	const struct pb_field *f = pb_message_field(m, str_cut(&path, '.'));
	if (!f || is_fixed(f))
		return; /* pb_mask_check has refused it, or nobody asked */
	if (!path.p) {
		field_replace(f, dst, src);
		return;
	}
	if (!f->message || f->repeated)
		return;
	const ProtobufCFieldDescriptor *c = member_of(dst, f);
	void *to = submessage_for_write(a, dst, src, c);
	const void *from = submessage(src, c);
	if (to) /* without a source everything below is absent there, which an empty message says as
		   well */
		path_apply(a, f->message, to, from ? from : pb_new(a, c->descriptor), path);
}

void pb_mask_apply(struct arena *a, const struct pb_message *m, void *dst, const void *src,
	char *const *paths, size_t n)
{
	if (n == 1 && str_is(str_c(paths[0]), "*")) {
		message_replace(m, dst, src);
		return;
	}
	for (size_t i = 0; i < n; i++)
		path_apply(a, m, dst, src, str_c(paths[i]));
}

/* ---- which fields ---- */

size_t pb_mask_of(struct arena *a, const void *src, char ***ret_paths)
{
	const ProtobufCMessageDescriptor *d = ((const ProtobufCMessage *)src)->descriptor;
	char **paths = arena_new_array(a, char *, d->n_fields);
	size_t n = 0;
	for (unsigned i = 0; i < d->n_fields; i++) {
		if (pb_is_set(src, &d->fields[i]))
			paths[n++] = arena_strdup(a, d->fields[i].name);
	}
	*ret_paths = paths;
	return n;
}

size_t pb_changed_fields(struct arena *a, const void *before, const void *after, char ***ret_paths)
{
	const ProtobufCMessageDescriptor *d = ((const ProtobufCMessage *)before)->descriptor;
	assert(d == ((const ProtobufCMessage *)after)->descriptor);
	char **paths = arena_new_array(a, char *, d->n_fields);
	size_t n = 0;
	for (unsigned i = 0; i < d->n_fields; i++) {
		if (!pb_field_equal(before, after, &d->fields[i]))
			paths[n++] = arena_strdup(a, d->fields[i].name);
	}
	*ret_paths = paths;
	return n;
}

void pb_clear_output_only(const struct pb_message *m, void *msg)
{
	for (size_t i = 0; i < m->n_fields; i++) {
		const struct pb_field *f = &m->fields[i];
		if (!f->rules.output_only && !f->message)
			continue;
		const ProtobufCFieldDescriptor *c = member_of(msg, f);
		if (!pb_is_set(msg, c))
			continue;
		if (f->rules.output_only) {
			pb_clear(msg, c);
			continue;
		}
		void *value = *(void **)pb_member(msg, c);
		size_t n = f->repeated ? *pb_count(msg, c) : 1;
		void **each = f->repeated ? value : &value;
		for (size_t k = 0; k < n; k++)
			pb_clear_output_only(f->message, each[k]);
	}
}
