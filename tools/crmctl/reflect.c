/*
 * See reflect.h. The two versions have the same messages; they are few and flat, so they are
 * written and read by hand.
 */
#include "tools/crmctl/reflect.h"
#include <strings.h>
#include "base/clock.h"
#include "base/map.h"
#include "tools/crmctl/target.h"

enum { MAX_SET = 16 << 20, MAX_FILES = 2000, MAX_SERVICES = 1000, TIMEOUT_US = 30 * 1000 * 1000 };

/* numbers of ServerReflectionRequest */
enum { ASK_FILE = 3, ASK_SYMBOL = 4, ASK_SERVICES = 7 };
/* numbers of ServerReflectionResponse */
enum { ANSWER_FILES = 4, ANSWER_SERVICES = 6, ANSWER_ERROR = 7 };

struct reflection {
	struct ctl *ctl;
	struct rpc_channel *channel;
	struct rpc_stream *stream;
	bool is_alpha;
	struct map files; /* names of those that are here */
	struct buf set;   /* FileDescriptorSet */
	size_t n_wanted;
	const char *wanted[MAX_FILES]; /* imports that may not be here */
};

static struct pb_reader reader(struct str bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;

	return (struct pb_reader){ p, p + bytes.n };
}

static void reflection_end(void *arg)
{
	struct reflection *r = arg;

	rpc_stream_close(r->stream);
	map_done(&r->files);
}

struct reflection *reflect_begin(struct ctl *c, struct rpc_channel *ch)
{
	struct reflection *r = arena_zalloc(c->arena, sizeof(*r));

	r->ctl = c;
	r->channel = ch;
	r->set = buf_new(c->arena, MAX_SET);
	map_init(&r->files);
	arena_defer(c->arena, reflection_end, r);
	return r;
}

/* ---- questions ---- */

static enum status stream_open(struct reflection *r)
{
	struct ctl *c = r->ctl;
	const char *method =
		r->is_alpha ? "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
			    : "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
	struct rpc_request q = target_request(c, c->arena, method, NULL, true);

	if (!q.deadline)
		q.deadline = clock_mono_us() + TIMEOUT_US;
	if (rpc_stream_open(r->channel, &q, &r->stream) != ST_OK)
		return ctl_fail(ST_INTERNAL, "the call cannot be made");
	return ST_OK;
}

/* Why the stream ended instead of answering. ST_OK: it is to be asked again, by the older version.
 */
static enum status stream_ended(struct reflection *r)
{
	struct rpc_outcome o;

	TRY(rpc_stream_finish(r->stream, &o, NULL));
	if (o.status == ST_UNIMPLEMENTED && !r->is_alpha) {
		rpc_stream_close(r->stream);
		r->stream = NULL;
		r->is_alpha = true;
		return ST_OK;
	}
	if (o.status == ST_OK)
		return ctl_fail(ST_INTERNAL, "the server ended its reflection without an answer");
	return ctl_fail_outcome(&o);
}

/* p NULL: the stream has ended */
static enum status exchange(struct reflection *r, struct str question, struct str *ret)
{
	struct rpc_bytes *b = rpc_bytes_of(question);
	enum status st = rpc_stream_send(r->stream, b);
	struct arena *a = r->ctl->arena;

	rpc_bytes_unref(b);
	if (st != ST_OK && st != ST_ABORTED)
		return ctl_fail(st, "the server's reflection does not answer");
	st = rpc_stream_recv(r->stream, &b);
	if (st != ST_OK)
		return ctl_fail(st, "the server's reflection does not answer");
	*ret = (struct str){ 0 };
	if (b) {
		struct str flat = rpc_flat(a, b);

		*ret = str_n(arena_dup(a, flat.p, flat.n), flat.n);
		rpc_bytes_unref(b);
	}
	return ST_OK;
}

static enum status ask(struct reflection *r, uint32_t what, const char *text, struct str *ret)
{
	struct buf question = buf_new(r->ctl->arena, 0);

	pb_put_message(&question, what, str_c(text)); /* written even when empty */
	for (;;) {
		if (!r->stream)
			TRY(stream_open(r));
		TRY(exchange(r, buf_str(&question), ret));
		if (ret->p)
			return ST_OK;
		TRY(stream_ended(r));
	}
}

/* The server's own refusal, or what it lacks. */
static enum status refused(struct str error)
{
	struct pb_reader r = reader(error);
	struct pb_wire_field f;
	enum status st = ST_UNKNOWN;
	struct str message = STR("");

	while (pb_read(&r, &f)) {
		if (f.number == 1 && f.wire_type == 0 && f.value > 0 &&
			f.value <= ST_UNAUTHENTICATED)
			st = (enum status)f.value;
		else if (f.number == 2 && f.wire_type == 2)
			message = f.bytes;
	}
	if (st == ST_NOT_FOUND)
		return st;
	return ctl_fail(st, "the server's reflection says: %.*s", (int)message.n, message.p);
}

/* The part of an answer that was asked for. */
static enum status answer_part(struct str answer, uint32_t number, struct str *ret)
{
	struct pb_reader r = reader(answer);
	struct pb_wire_field f;

	while (pb_read(&r, &f)) {
		if (f.number == ANSWER_ERROR && f.wire_type == 2)
			return refused(f.bytes);
		if (f.number == number && f.wire_type == 2) {
			*ret = f.bytes;
			return ST_OK;
		}
	}
	return ctl_fail(ST_INTERNAL, "the server's reflection answers something else");
}

/* ---- files ---- */

static bool is_wanted(const struct reflection *r, const char *name)
{
	for (size_t i = 0; i < r->n_wanted; i++) {
		if (strcmp(r->wanted[i], name) == 0)
			return true;
	}
	return false;
}

static enum status file_take(struct reflection *r, struct str file)
{
	struct pb_reader in = reader(file);
	struct pb_wire_field f;
	struct str name = STR("");

	while (pb_read(&in, &f)) {
		if (f.number == 1 && f.wire_type == 2)
			name = f.bytes;
	}
	if (map_set(&r->files, name, r))
		return ST_OK;
	pb_put_message(&r->set, 1, file);
	in = reader(file);
	while (pb_read(&in, &f)) {
		if (f.number != 3 || f.wire_type != 2)
			continue;
		const char *import = str_dup(r->ctl->arena, f.bytes);

		if (is_wanted(r, import))
			continue;
		if (r->n_wanted == MAX_FILES || r->set.overflow)
			return ctl_fail(
				ST_RESOURCE_EXHAUSTED, "the server's descriptors are too large");
		r->wanted[r->n_wanted++] = import;
	}
	return ST_OK;
}

static enum status files_take(struct reflection *r, struct str answer)
{
	struct pb_reader in;
	struct pb_wire_field f;
	struct str files;

	TRY(answer_part(answer, ANSWER_FILES, &files));
	in = reader(files);
	while (pb_read(&in, &f)) {
		if (f.number == 1 && f.wire_type == 2)
			TRY(file_take(r, f.bytes));
	}
	return ST_OK;
}

/* Most servers send a file with all that it imports; from the others each is asked for. */
static enum status imports_take(struct reflection *r)
{
	for (size_t i = 0; i < r->n_wanted; i++) {
		struct str answer;
		enum status st;

		if (map_get(&r->files, str_c(r->wanted[i])))
			continue;
		TRY(ask(r, ASK_FILE, r->wanted[i], &answer));
		st = files_take(r, answer);
		if (st == ST_NOT_FOUND)
			return ctl_fail(st, "the server does not give away %s", r->wanted[i]);
		TRY(st);
	}
	return ST_OK;
}

enum status reflect_symbol(struct reflection *r, const char *symbol)
{
	struct str answer;

	TRY(ask(r, ASK_SYMBOL, symbol, &answer));
	TRY(files_take(r, answer));
	return imports_take(r);
}

static void schema_free(void *schema)
{
	pb_schema_free(schema);
}

enum status reflect_schema(struct reflection *r, struct pb_schema **ret)
{
	enum status st =
		r->set.overflow ? ST_RESOURCE_EXHAUSTED : pb_schema_new(buf_str(&r->set), ret);

	if (st != ST_OK)
		return ctl_fail(st, "the server's descriptors are malformed or too large");
	arena_defer(r->ctl->arena, schema_free, *ret);
	return ST_OK;
}

/* ---- services ---- */

static const char *service_name(struct arena *a, struct str service)
{
	struct pb_reader r = reader(service);
	struct pb_wire_field f;

	while (pb_read(&r, &f)) {
		if (f.number == 1 && f.wire_type == 2)
			return str_dup(a, f.bytes);
	}
	return "";
}

enum status reflect_services(struct reflection *r, struct service_names *ret)
{
	struct pb_reader in;
	struct pb_wire_field f;
	struct str answer, part;

	TRY(ask(r, ASK_SERVICES, "", &answer));
	TRY(answer_part(answer, ANSWER_SERVICES, &part));
	*ret = (struct service_names){ 0,
		arena_new_array(r->ctl->arena, const char *, MAX_SERVICES) };
	in = reader(part);
	while (pb_read(&in, &f)) {
		if (f.number == 1 && f.wire_type == 2 && ret->n < MAX_SERVICES)
			ret->list[ret->n++] = service_name(r->ctl->arena, f.bytes);
	}
	return ST_OK;
}

/* "ContactsService", or "contacts" and "Contacts", for crm.contacts.v1.ContactsService */
static bool is_short_for(struct str given, const char *full_name)
{
	const char *dot = strrchr(full_name, '.');
	struct str last = str_c(dot ? dot + 1 : full_name);

	if (str_eq(given, last))
		return true;
	return str_ends(last, "Service") && last.n - strlen("Service") == given.n &&
	       strncasecmp(last.p, given.p, given.n) == 0;
}

enum status reflect_service_name(struct reflection *r, struct str given, const char **ret)
{
	struct service_names names;
	const char *found = NULL;

	if (memchr(given.p, '.', given.n)) {
		*ret = str_dup(r->ctl->arena, given);
		return ST_OK;
	}
	TRY(reflect_services(r, &names));
	for (size_t i = 0; i < names.n; i++) {
		if (!is_short_for(given, names.list[i]))
			continue;
		if (found)
			return ctl_fail(ST_INVALID_ARGUMENT, "%.*s may be %s or %s", (int)given.n,
				given.p, found, names.list[i]);
		found = names.list[i];
	}
	if (!found)
		return ctl_fail(ST_NOT_FOUND,
			"the server has no service %.*s; crmctl list shows those that it has",
			(int)given.n, given.p);
	*ret = found;
	return ST_OK;
}
