/* Reflection: our descriptors, file by file, to clients that have no protos. */
#include "kit/reflection_private.h"
#include "base/map.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "kit/service.h"

enum { MAX_EXTENSIONS = 1000 };

/* One question. */
struct question {
	struct arena *arena;
	const struct pb_schema *schema;
	struct map *sent; /* names of files sent on this stream */
	Grpc__Reflection__V1__ServerReflectionResponse answer;
};

static void answer_error(struct question *q, enum status s, const char *message)
{
	Grpc__Reflection__V1__ErrorResponse *e = arena_alloc(q->arena, sizeof(*e));

	grpc__reflection__v1__error_response__init(e);
	e->error_code = (int32_t)s;
	e->error_message = message;
	q->answer.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
	q->answer.error_response = e;
}

/* ---- files ---- */

struct files {
	ProtobufCBinaryData *list;
	size_t n, cap;
};

static void put_file(struct question *q, struct files *f, struct str bytes)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		ProtobufCBinaryData *list = arena_new_array(q->arena, ProtobufCBinaryData, cap);

		if (f->n > 0)
			memcpy(list, f->list, f->n * sizeof(*list));
		f->list = list;
		f->cap = cap;
	}
	f->list[f->n++] =
		(ProtobufCBinaryData){ .len = bytes.n, .data = (uint8_t *)(uintptr_t)bytes.p };
}

/* The file and what it needs. What was sent on this stream is left out, unless it is what is asked
 * for. */
static void collect(struct question *q, struct files *f, const char *name, bool is_asked_for)
{
	struct str bytes = pb_schema_file_by_name(q->schema, str_c(name));
	const char *const *deps;
	size_t n;

	if (!bytes.p)
		return;
	if (map_set(q->sent, str_c(name), q->sent) && !is_asked_for)
		return;
	put_file(q, f, bytes);
	n = pb_schema_file_dependencies(q->schema, str_c(name), &deps);
	for (size_t i = 0; i < n; i++)
		collect(q, f, deps[i], false);
}

static void answer_file(struct question *q, const char *name, const char *what)
{
	Grpc__Reflection__V1__FileDescriptorResponse *r;
	struct files f = { 0 };

	if (!name) {
		answer_error(q, ST_NOT_FOUND, what);
		return;
	}
	r = arena_alloc(q->arena, sizeof(*r));
	grpc__reflection__v1__file_descriptor_response__init(r);
	collect(q, &f, name, true);
	r->n_file_descriptor_proto = f.n;
	r->file_descriptor_proto = f.list;
	q->answer.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
	q->answer.file_descriptor_response = r;
}

static void by_name(struct question *q, const char *name)
{
	bool is_here = pb_schema_file_by_name(q->schema, str_c(name)).p != NULL;

	answer_file(q, is_here ? name : NULL, "there is no such file");
}

static void by_symbol(struct question *q, const char *symbol)
{
	const char *name = NULL;
	struct str file = pb_schema_file_of_symbol(q->schema, str_c(symbol), &name);

	answer_file(q, file.p ? name : NULL, "there is no such symbol");
}

static void by_extension(struct question *q, const Grpc__Reflection__V1__ExtensionRequest *e)
{
	const char *name = NULL;
	struct str file = pb_schema_file_of_extension(
		q->schema, str_c(e->containing_type), (uint32_t)e->extension_number, &name);

	answer_file(q, file.p ? name : NULL, "there is no such extension");
}

/* ---- lists ---- */

static void answer_extensions(struct question *q, const char *type)
{
	Grpc__Reflection__V1__ExtensionNumberResponse *r;
	uint32_t *numbers = arena_new_array(q->arena, uint32_t, MAX_EXTENSIONS);
	size_t n = pb_schema_extension_numbers(q->schema, str_c(type), numbers, MAX_EXTENSIONS);

	if (n == 0 && !pb_schema_message(q->schema, type)) {
		answer_error(q, ST_NOT_FOUND, "there is no such type");
		return;
	}
	r = arena_alloc(q->arena, sizeof(*r));
	grpc__reflection__v1__extension_number_response__init(r);
	r->base_type_name = type;
	r->n_extension_number = n < MAX_EXTENSIONS ? n : MAX_EXTENSIONS;
	r->extension_number = (int32_t *)numbers;
	q->answer.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
	q->answer.all_extension_numbers_response = r;
}

static void answer_services(struct question *q)
{
	Grpc__Reflection__V1__ListServiceResponse *r = arena_alloc(q->arena, sizeof(*r));
	const struct pb_service *const *list;
	size_t n = pb_schema_services(q->schema, &list);

	grpc__reflection__v1__list_service_response__init(r);
	r->service = arena_new_array(q->arena, Grpc__Reflection__V1__ServiceResponse *, n);
	for (size_t i = 0; i < n; i++) {
		r->service[i] = arena_alloc(q->arena, sizeof(*r->service[i]));
		grpc__reflection__v1__service_response__init(r->service[i]);
		r->service[i]->name = list[i]->full_name;
	}
	r->n_service = n;
	q->answer.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
	q->answer.list_services_response = r;
}

/* ---- the stream ---- */

static void answer(struct question *q, Grpc__Reflection__V1__ServerReflectionRequest *asked)
{
	q->answer.valid_host = asked->host;
	q->answer.original_request = asked;
	switch (asked->message_request_case) {
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
		by_name(q, asked->file_by_filename);
		return;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
		by_symbol(q, asked->file_containing_symbol);
		return;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
		by_extension(q, asked->file_containing_extension);
		return;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
		answer_extensions(q, asked->all_extension_numbers_of_type);
		return;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
		answer_services(q);
		return;
	default:
		answer_error(q, ST_INVALID_ARGUMENT, "nothing is asked");
	}
}

static const struct pb_schema *schema_of(struct service *s)
{
	const struct pb_schema *merged = s->def->merged_schema ? s->def->merged_schema(s) : NULL;

	return merged ? merged : s->schema;
}

/* False at the end of the stream. */
static enum status answer_one(struct call *call, struct map *sent, bool *ret_is_end)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct question q = { .arena = a, .sent = sent };
	void *in_its_version; /* v1 or v1alpha, which have the same wire */
	Grpc__Reflection__V1__ServerReflectionRequest *asked;
	struct str wire;

	TRY(call_recv(call, a, &in_its_version, &wire));
	*ret_is_end = !in_its_version;
	if (*ret_is_end)
		return ST_OK;
	TRY(pb_unpack(
		a, &grpc__reflection__v1__server_reflection_request__descriptor, wire, &asked));
	q.schema = schema_of(call->service);
	grpc__reflection__v1__server_reflection_response__init(&q.answer);
	answer(&q, asked);
	return call_send(call, &q.answer);
}

enum status reflection_info(struct call *call)
{
	_cleanup_(map_done) struct map sent;
	bool is_end = false;

	map_init(&sent);
	while (!is_end)
		TRY(answer_one(call, &sent, &is_end));
	return ST_OK;
}
