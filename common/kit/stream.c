/* Streams of a call: messages in, checked and unpacked one by one, and messages out. */
#include "adapters/pb/pb.h"
#include "kit/call.h"
#include "kit/call_private.h"

static enum status check(struct call *call, struct arena *a, struct str wire)
{
	struct pb_violations v = { 0 };
	enum status s = pb_validate(
		a, call->method->input, wire, PB_VALIDATE_RULES | PB_VALIDATE_UPDATE, &v);

	return s == ST_INVALID_ARGUMENT ? call_fail_violations(call, &v, "") : s;
}

static void unref(void *bytes)
{
	rpc_bytes_unref(bytes);
}

/* The message of a row that breaks a rule is given all the same: whoever judges rows wants to name
 * it. */
static enum status unpack(struct call *call, struct arena *a, struct str wire, void *ret_msg_ptr)
{
	struct pb_violations ignored = { 0 };
	enum status s = check(call, a, wire);

	if (s == ST_INVALID_ARGUMENT &&
		pb_validate(a, call->method->input, wire, PB_VALIDATE_WIRE, &ignored) == ST_OK)
		TRY(pb_unpack(a, call->input, wire, ret_msg_ptr));
	TRY(s);
	return pb_unpack(a, call->input, wire, ret_msg_ptr);
}

enum status call_recv(struct call *call, struct arena *a, void *ret_msg_ptr, struct str *ret_wire)
{
	struct rpc_bytes *bytes;
	struct str wire;

	*(void **)ret_msg_ptr = NULL;
	TRY(rpc_recv(call->rpc, &bytes));
	if (!bytes)
		return ST_OK;
	arena_defer(a, unref, bytes);
	wire = rpc_flat(a, bytes);
	if (ret_wire)
		*ret_wire = wire;
	return unpack(call, a, wire, ret_msg_ptr);
}

enum status call_send_wire(struct call *call, struct str wire)
{
	struct rpc_bytes *bytes = rpc_bytes_of(wire);
	enum status s = rpc_send(call->rpc, bytes);

	rpc_bytes_unref(bytes);
	return s;
}

/* An arena of its own, so that a long stream does not grow the call's. */
enum status call_send(struct call *call, const void *msg)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	return call_send_wire(call, pb_pack(a, msg));
}
