/*
 * dispatch: from a gRPC call to a handler. The method table is checked against the descriptors at
 * start: every method has exactly one handler, every handler a method, every method exactly one of
 * permission, signed_in and public. Then for each call: token, permission, deadline (default if the
 * client set none), validation, handler, answer, one log line, metrics.
 * The standard services grpc.health.v1.Health and grpc.reflection.* are served here for every
 * service.
 * Threads: dispatch_is_unary any; the rest the loop's.
 */
#pragma once
#include "base/status.h"
#include "kit/service.h"

struct dispatch;
struct networks;

/* ST_FAILED_PRECONDITION with *ret_why when table and descriptors do not agree. */
enum status dispatch_new(struct service *s, struct dispatch **ret, const char **ret_why) MUST_CHECK;
void dispatch_free(struct dispatch *d);
void dispatch_serve(struct rpc_call *rpc, void *dispatch);
bool dispatch_is_unary(const char *method, void *dispatch);

/* The log line of a call, for those that serve_other handles. Empty texts are left out. */
struct call_record {
	const char *method, *tenant_id, *user_id;
	enum status status;
	int64_t us;
	const char *correlation_id, *traceparent;
	/* written from INTERNAL up only: other messages may hold what clients sent */
	const char *message;
	const char *detail;
};
void dispatch_log(const struct call_record *r);
/*
 * Counts an open stream until the arena is freed; principal may be NULL. False if its caller - the
 * user, or the address of one who has not signed in - has too many open, or all together have: then
 * RESOURCE_EXHAUSTED is the answer. The kit does it for methods in the table.
 */
struct principal;
bool dispatch_take_stream(
	struct service *s, struct arena *a, const struct principal *p, const char *address);
/* The call's x-request-id if it is fit to be logged, else a new one; its traceparent if
 * well-formed, else "". */
const char *dispatch_correlation_id(struct arena *a, const struct rpc_call *rpc);
const char *dispatch_traceparent(struct arena *a, const struct rpc_call *rpc);
/* Whoever is connected to us, or whom x-forwarded-for names, as far as those who wrote it are
 * trusted (service->trusted). */
const char *dispatch_address(
	struct arena *a, const struct networks *trusted, const struct rpc_call *rpc);
