/*
 * The APIs: what methods there are behind the gateway, learnt by server reflection from the
 * upstreams. The proxy asks it whether a method is unary and public; our own reflection service
 * answers from it for all services.
 */
#include "services/gateway/gateway.h"

#include <stdatomic.h>

#include "adapters/log/log.h"
#include "base/clock.h"
#include "base/map.h"
#include "grpc/reflection/v1/reflection.pb-c.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

enum { KEPT = 3, FILE_IN_SET = 1, NAME_IN_FILE = 1, MAX_SET_BYTES = 32 * 1024 * 1024 };
static const char METHOD[] = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
static const int64_t ASK_US = 5 * 1000000LL;

struct apis {
	_Atomic(struct pb_schema *) schema;
	/* the present one and those before it: other threads may still be looking */
	struct pb_schema *kept[KEPT];
	struct str own;
	uint64_t digest;
};

struct file_set {
	struct arena *arena;
	struct buf set; /* FileDescriptorSet */
	struct map names;
};

struct apis *apis_new(struct service *s)
{
	struct apis *c = mem_zalloc(sizeof(*c));
	c->own =
		str_n(s->def->descriptors, (size_t)(s->def->descriptors_end - s->def->descriptors));
	return c;
}

void apis_free(struct apis *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < KEPT; i++)
		pb_schema_free(c->kept[i]);
	mem_free(c);
}

const struct pb_schema *apis_schema(struct apis *c)
{
	return atomic_load_explicit(&c->schema, memory_order_acquire);
}

/* ---- file sets ---- */

static struct file_set *file_set_new(void)
{
	struct arena *a = arena_new();
	struct file_set *f = arena_zalloc(a, sizeof(*f));
	f->arena = a;
	f->set = buf_new(a, MAX_SET_BYTES);
	map_init(&f->names);
	return f;
}

void file_set_free(struct file_set *f)
{
	if (!f)
		return;
	map_done(&f->names);
	arena_free(f->arena);
}

static struct str name_of_file(struct str file)
{
	struct pb_reader r = pb_reader_of(file);
	struct pb_wire_field field;
	while (pb_read(&r, &field)) {
		if (field.number == NAME_IN_FILE)
			return field.bytes;
	}
	return STR("");
}

static void add_file(struct file_set *f, struct str file)
{
	const struct str name = name_of_file(file);
	if (name.n == 0 || map_get(&f->names, name))
		return;
	(void)map_set(&f->names, name, f); /* there was none */
	pb_put_bytes(&f->set, FILE_IN_SET, file);
}

static void add_set(struct file_set *f, struct str set)
{
	struct pb_reader r = pb_reader_of(set);
	struct pb_wire_field field;
	while (pb_read(&r, &field)) {
		if (field.number == FILE_IN_SET)
			add_file(f, field.bytes);
	}
}

/* ---- asking ---- */

static void unref(void *bytes)
{
	rpc_bytes_unref(bytes);
}

static enum status ask(
	struct rpc_stream *s, struct arena *a, const struct upstream *u, request *q, response **ret)
{
	struct rpc_bytes *message = rpc_bytes_of(pb_pack(a, q)), *answer;
	const enum status sent = rpc_stream_send(s, message);
	rpc_bytes_unref(message);
	TRY(sent);
	TRY(rpc_stream_recv(s, &answer));
	if (!answer)
		return ST_UNAVAILABLE;
	arena_defer(a, unref, answer);
	const struct str wire = rpc_flat(a, answer);
	struct pb_violations v;
	TRY(pb_validate(a,
		pb_schema_message(
			u->service->schema, "grpc.reflection.v1.ServerReflectionResponse"),
		wire, PB_VALIDATE_WIRE, &v));
	return pb_unpack(
		a, &grpc__reflection__v1__server_reflection_response__descriptor, wire, ret);
}

static enum status ask_file(struct rpc_stream *s, struct arena *a, const struct upstream *u,
	const char *symbol, struct file_set *f)
{
	request q = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	response *r;
	q.message_request_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL;
	q.file_containing_symbol = symbol;
	TRY(ask(s, a, u, &q, &r));
	if (r->message_response_case !=
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE)
		return ST_NOT_FOUND;
	for (size_t i = 0; i < r->file_descriptor_response->n_file_descriptor_proto; i++) {
		const ProtobufCBinaryData *file =
			&r->file_descriptor_response->file_descriptor_proto[i];
		add_file(f, str_n(file->data, file->len));
	}
	return ST_OK;
}

static enum status ask_all(
	struct rpc_stream *s, struct arena *a, const struct upstream *u, struct file_set *f)
{
	request q = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
	response *r;
	q.message_request_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES;
	q.list_services = "";
	TRY(ask(s, a, u, &q, &r));
	if (r->message_response_case !=
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE)
		return ST_NOT_FOUND;
	for (size_t i = 0; i < r->list_services_response->n_service; i++) {
		const char *name = r->list_services_response->service[i]->name;
		if (str_starts(str_c(name), u->package))
			TRY(ask_file(s, a, u, name, f));
	}
	return ST_OK;
}

static enum status fetch(struct upstream *u, struct file_set *f)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	const struct rpc_request q = { .method = METHOD };
	struct rpc_stream *s;
	TRY(rpc_stream_open(u->channel, &q, &s));
	const enum status st = ask_all(s, a, u, f);
	rpc_stream_close(s);
	return st;
}

/* ---- one schema of all ---- */

static void keep(struct apis *c, struct pb_schema *schema)
{
	pb_schema_free(c->kept[KEPT - 1]);
	memmove(&c->kept[1], &c->kept[0], sizeof(c->kept[0]) * (KEPT - 1));
	c->kept[0] = schema;
	atomic_store_explicit(&c->schema, schema, memory_order_release);
}

static enum status merge(struct service *s)
{
	struct gateway *g = gateway_of(s);
	struct apis *c = g->apis;
	struct file_set *all = file_set_new();
	add_set(all, c->own);
	for (size_t i = 0; i < g->n; i++) {
		if (g->upstreams[i].files)
			add_set(all, buf_str(&g->upstreams[i].files->set));
	}
	const struct str set = buf_str(&all->set);
	const uint64_t digest = hash_bytes(set.p, set.n);
	struct pb_schema *schema;
	enum status st = ST_OK;
	if (digest != c->digest || !c->kept[0])
		st = pb_schema_new(set, &schema);
	if (st == ST_OK && (digest != c->digest || !c->kept[0])) {
		keep(c, schema);
		c->digest = digest;
	}
	file_set_free(all);
	return st;
}

enum status apis_refresh(struct service *s, struct upstream *u)
{
	struct file_set *files = file_set_new();
	fiber_set_deadline(fiber_self(), clock_mono_us() + ASK_US);
	enum status st = fetch(u, files);
	fiber_set_deadline(fiber_self(), CLOCK_NEVER);
	if (st != ST_OK) {
		file_set_free(files);
		return st;
	}
	file_set_free(u->files);
	u->files = files;
	st = merge(s);
	if (st == ST_OK)
		log_info("upstream_methods_known", LOG_STR("package", u->package));
	else
		log_error("upstream_methods_malformed", LOG_STR("package", u->package));
	return st;
}
