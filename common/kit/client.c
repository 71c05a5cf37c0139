/* Calls to other services on behalf of a call. */
#include "kit/client.h"
#include "kit/call_private.h"

enum { MAX_DEPTH = 32, MAX_FORWARDED = 5, WIRE_DELIMITED = 2, WIRE_GROUP = 3, WIRE_GROUP_END = 4 };

/* ---- answers ---- */

static bool is_clean(struct str text)
{
	return text.n == 0 || (utf8_is_valid(text) && !memchr(text.p, '\0', text.n));
}

static bool is_sound(const ProtobufCMessageDescriptor *d, struct str wire, unsigned depth)
{
	struct pb_reader r = pb_reader_of(wire);
	struct pb_wire_field f;

	while (pb_read(&r, &f)) {
		const ProtobufCFieldDescriptor *field =
			protobuf_c_message_descriptor_get_field(d, f.number);

		if (f.wire_type == WIRE_GROUP || f.wire_type == WIRE_GROUP_END)
			return false;
		if (!field || f.wire_type != WIRE_DELIMITED)
			continue;
		if (field->type == PROTOBUF_C_TYPE_STRING && !is_clean(f.bytes))
			return false;
		if (field->type == PROTOBUF_C_TYPE_MESSAGE &&
			(depth == MAX_DEPTH || !is_sound(field->descriptor, f.bytes, depth + 1)))
			return false;
	}
	return r.p == r.end;
}

enum status client_unpack(
	struct arena *a, const ProtobufCMessageDescriptor *d, struct str wire, void *ret_msg_ptr)
{
	if (!is_sound(d, wire, 1) || pb_unpack(a, d, wire, ret_msg_ptr) != ST_OK)
		return ST_INTERNAL;
	return ST_OK;
}

/* ---- calls ---- */

static void forward(struct rpc_header *list, size_t *n, const char *key, struct str value)
{
	if (value.p && value.n > 0)
		list[(*n)++] = (struct rpc_header){ .key = key, .value = value };
}

/* Token, request id, trace and address. */
static size_t forwarded(const struct call *call, struct rpc_header list[MAX_FORWARDED])
{
	size_t n = 0;

	if (call->rpc) {
		const struct rpc_headers *h = rpc_request_headers(call->rpc);

		forward(list, &n, "authorization", rpc_header(h, "authorization"));
		forward(list, &n, "x-request-id", str_c(call->correlation_id));
	}
	forward(list, &n, "traceparent", str_c(call->traceparent));
	forward(list, &n, "x-forwarded-for", str_c(call->address));
	return n;
}

static enum status answer(struct call *call, const struct rpc_response *r,
	const ProtobufCMessageDescriptor *output, void *ret_msg_ptr, const char **ret_why)
{
	enum status s;

	*ret_why = r->outcome.message;
	/* without details nobody answered: these are gRPC's words, with our addresses in them */
	if (r->outcome.status == ST_UNAVAILABLE && r->outcome.details.n == 0)
		*ret_why = "the service cannot be reached at the moment";
	if (r->outcome.status != ST_OK)
		return r->outcome.status;
	s = client_unpack(call->arena, output, rpc_flat(call->arena, r->message), ret_msg_ptr);
	if (s != ST_OK)
		*ret_why = "its answer is malformed";
	return s;
}

enum status client_call(struct call *call, struct rpc_channel *ch, const char *method,
	const void *request, const ProtobufCMessageDescriptor *output, void *ret_msg_ptr,
	const char **ret_why)
{
	struct rpc_header headers[MAX_FORWARDED];
	struct rpc_request q = {
		.method = method,
		.headers = { .n = forwarded(call, headers), .list = headers },
		.parent = call->rpc,
	};
	struct rpc_response r = { 0 };
	const char *why;
	enum status s;

	q.message = rpc_bytes_of(pb_pack(call->arena, request));
	s = rpc_unary(ch, call->arena, &q, &r);
	rpc_bytes_unref(q.message);
	r.outcome.status = s;
	s = answer(call, &r, output, ret_msg_ptr, &why);
	if (ret_why)
		*ret_why = why ? why : "";
	return s;
}
