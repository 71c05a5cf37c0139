/*
 * The method table: descriptors on one side, methods.c of the service on the other, and the proof
 * that they agree.
 */
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "kit/dispatch_private.h"
#include "kit/health_private.h"
#include "kit/reflection_private.h"

struct builder {
	struct service *service;
	struct arena *arena;
	struct map *methods;
	const char *why;
};

static const struct method_entry health_methods[] = {
	{ "Check", health_check, NULL },
	{ "Watch", health_watch, NULL },
	{ 0 },
};
static const struct method_entry reflection_methods[] = {
	{ "ServerReflectionInfo", reflection_info, NULL },
	{ 0 },
};

static const struct {
	const ProtobufCServiceDescriptor *api;
	const struct method_entry *entries;
} KIT_APIS[] = {
	{ &grpc__health__v1__health__descriptor, health_methods },
	{ &grpc__reflection__v1__server_reflection__descriptor, reflection_methods },
	{ &grpc__reflection__v1alpha__server_reflection__descriptor, reflection_methods },
};

PRINTF_LIKE(2, 3)
static enum status disagree(struct builder *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	b->why = arena_vprintf(b->arena, fmt, ap);
	va_end(ap);
	return ST_FAILED_PRECONDITION;
}

/* ---- one method ---- */

static enum status find_entry(struct builder *b, const char *path,
	const struct method_entry *entries, const char *name, const struct method_entry **ret)
{
	const struct method_entry *found = NULL;

	for (const struct method_entry *e = entries; e->name; e++) {
		if (strcmp(e->name, name) != 0)
			continue;
		if (found)
			return disagree(b, "%s has two entries in methods.c", path);
		found = e;
	}
	if (!found || !found->serve)
		return disagree(b, "%s has no handler in methods.c", path);
	*ret = found;
	return ST_OK;
}

static enum status check_policy(struct builder *b, const struct pb_method *m)
{
	int n = (m->policy.permission != NULL) + m->policy.is_public + m->policy.signed_in;

	if (n == 1)
		return ST_OK;
	return disagree(b, "%s declares %d of permission, public and signed_in; it must be one",
		m->path, n);
}

static enum status check_types(
	struct builder *b, const struct pb_method *m, const ProtobufCMethodDescriptor *generated)
{
	if (strcmp(m->input->full_name, generated->input->name) == 0 &&
		strcmp(m->output->full_name, generated->output->name) == 0)
		return ST_OK;
	return disagree(
		b, "%s has other types in the descriptors than in the generated code", m->path);
}

static bool has_request_id(const ProtobufCMessageDescriptor *d)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(d, "request_id");

	return f && f->type == PROTOBUF_C_TYPE_STRING && f->label != PROTOBUF_C_LABEL_REPEATED;
}

static void add_method(struct builder *b, const struct pb_method *info,
	const ProtobufCMethodDescriptor *generated, const struct method_entry *e, bool is_kit)
{
	struct method *m = arena_zalloc(b->arena, sizeof(*m));

	*m = (struct method){
		.info = info,
		.serve = e->serve,
		.resource = e->resource,
		.input = generated->input,
		.output = generated->output,
		.is_kit = is_kit,
		.has_request_id = has_request_id(generated->input),
	};
	(void)map_set(b->methods, str_c(info->path), m); /* paths are unique in a schema */
}

static enum status build_method(struct builder *b, const char *api,
	const ProtobufCMethodDescriptor *generated, const struct method_entry *entries, bool is_kit)
{
	const char *path = arena_printf(b->arena, "/%s/%s", api, generated->name);
	const struct pb_method *info = pb_schema_method(b->service->schema, str_c(path));
	const struct method_entry *e = NULL;

	if (!info)
		return disagree(b, "%s is not in the embedded descriptors", path);
	TRY(find_entry(b, path, entries, generated->name, &e));
	TRY(check_types(b, info, generated));
	if (!is_kit)
		TRY(check_policy(b, info));
	add_method(b, info, generated, e, is_kit);
	return ST_OK;
}

static enum status build_api(struct builder *b, const ProtobufCServiceDescriptor *api,
	const struct method_entry *entries, bool is_kit)
{
	for (unsigned i = 0; i < api->n_methods; i++)
		TRY(build_method(b, api->name, &api->methods[i], entries, is_kit));
	return ST_OK;
}

/* ---- the other way round ---- */

static enum status check_entry(struct builder *b, const struct method_entry *e)
{
	const struct service_def *def = b->service->def;
	unsigned n = 0;

	for (size_t i = 0; def->apis[i]; i++)
		n += protobuf_c_service_descriptor_get_method_by_name(def->apis[i], e->name) !=
		     NULL;
	if (n == 1)
		return ST_OK;
	return n == 0 ? disagree(b, "methods.c has a handler for %s, which no proto declares",
				e->name)
		      : disagree(b, "%s is a method of two services", e->name);
}

static bool is_ours(const struct service_def *def, const char *full_name)
{
	for (size_t i = 0; def->apis[i]; i++) {
		if (strcmp(def->apis[i]->name, full_name) == 0)
			return true;
	}
	return false;
}

/* A service declared in our protos but forgotten in apis would silently be UNIMPLEMENTED. */
static enum status check_services(struct builder *b)
{
	const struct pb_service *const *list;
	size_t n = pb_schema_services(b->service->schema, &list);

	for (size_t i = 0; i < n; i++) {
		if (str_starts(str_c(list[i]->full_name), "crm.") &&
			!is_ours(b->service->def, list[i]->full_name))
			return disagree(b, "%s is declared but not among the service's apis",
				list[i]->full_name);
	}
	return ST_OK;
}

static enum status build(struct builder *b)
{
	const struct service_def *def = b->service->def;

	for (size_t i = 0; i < sizeof(KIT_APIS) / sizeof(KIT_APIS[0]); i++)
		TRY(build_api(b, KIT_APIS[i].api, KIT_APIS[i].entries, true));
	for (size_t i = 0; def->apis[i]; i++)
		TRY(build_api(b, def->apis[i], def->methods, false));
	for (const struct method_entry *e = def->methods; e->name; e++)
		TRY(check_entry(b, e));
	return check_services(b);
}

enum status methods_build(struct service *s, struct arena *a, struct map *ret, const char **ret_why)
{
	struct builder b = { .service = s, .arena = a, .methods = ret };
	enum status status = build(&b);

	*ret_why = b.why;
	return status;
}
