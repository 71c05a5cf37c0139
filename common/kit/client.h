/*
 * client: calling another service as the caller of the call being served: token, request id, trace,
 * deadline and cancellation travel along.
 * Threads: the loop's fibers.
 */
#pragma once
#include "kit/call.h"

/* Packs request, unpacks the answer into the call's arena. On failure the status is returned and
 * *ret_why (may be NULL) says what the other service said; nothing is said to our client. */
enum status client_call(struct call *call, struct rpc_channel *ch, const char *method,
	const void *request, const ProtobufCMessageDescriptor *output, void *ret_msg_ptr,
	const char **ret_why) MUST_CHECK;

/* Unpacks the answer of another service, whose types our own schema need not know: checks first
 * that it is well-formed, not too deep, and its text UTF-8 without NUL.
 * ST_INTERNAL if not: the other service is at fault. */
enum status client_unpack(struct arena *a, const ProtobufCMessageDescriptor *d, struct str wire,
	void *ret_msg_ptr) MUST_CHECK;
