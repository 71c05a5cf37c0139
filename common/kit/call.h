/*
 * call: one call being served: who calls, what they ask, how it is answered. Handlers take nothing
 * else.
 *
 * Before the handler runs, the kit has verified the token, the permission, the wire bytes and the
 * field rules, and unpacked the request.
 * A handler returns a status; whoever detects a failure says it once with call_fail and passes the
 * status up.
 * Owner: the call owns its arena; everything reached from here lives until the call ends. Threads:
 * the loop's fibers.
 */
#pragma once
#include "adapters/pb/pb.h"
#include "adapters/rpc/rpc.h"
#include "base/arena.h"
#include "base/status.h"
#include "crm/internal/v1/scope.pb-c.h"

struct service;
struct method;
struct resource;
struct principal;

struct call {
	struct service *service;
	struct arena *arena;
	const struct pb_method *method; /* NULL in event handlers */
	const ProtobufCMessageDescriptor *input, *output;
	const struct resource *resource; /* of the method table */
	const void *request;             /* generated struct; NULL for a client stream */
	struct str request_wire;
	const Crm__CallScope *scope; /* what SQL reads as :call.* */
	/* NULL for public methods called without a token, and in event handlers */
	const struct principal *principal;
	const char *request_id; /* "" if none */
	/* x-request-id: the client's, or made here; in the log line and the answer's metadata. ""
	 * in event handlers */
	const char *correlation_id;
	const char *traceparent; /* "" if none */
	const char *address;     /* the client's, as the gateway saw it */
	struct rpc_call *rpc;    /* NULL in event handlers */

	/* the answer; use the functions below */
	struct str reply;
	bool has_reply;
	struct call_error *error;
	/* set in event handlers: call_write records it, so that a redelivery has no second
	 * effect */
	const char *inbox_event_id;
	const char *inbox_consumer;
	/* "<type>/<id>" whose revision call_write advances; NULL: no revision is kept */
	const char *inbox_resource;
	int64_t inbox_revision;
};

/* crm.identity.v1.Level */
enum level { LEVEL_NONE, LEVEL_OWN, LEVEL_TEAM, LEVEL_SUBTREE, LEVEL_ALL };

/* ---- answering ---- */

/* Says what was wrong. field: path in the request ("contact.emails[0].address"), or NULL when no
 * field is at fault; then the message alone is sent.
 * The text tells the client what to change; nothing internal. Returns s. */
enum status call_fail(struct call *call, enum status s, const char *field, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* With an ErrorInfo reason that programs can compare, e.g. "ETAG_MISMATCH". */
enum status call_fail_reason(struct call *call, enum status s, const char *reason,
	const char *field, const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Adds RetryInfo. */
enum status call_fail_retry(
	struct call *call, enum status s, int64_t retry_ms, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* A database failure as a client should read it; the rest goes to the log. Constraints that the
 * resource names become field errors. */
struct db_error;
enum status call_fail_db(struct call *call, const struct db_error *e);
/* INVALID_ARGUMENT; prefix e.g. "requests[3]." or "" */
enum status call_fail_violations(
	struct call *call, const struct pb_violations *v, const char *prefix);
/* Takes back what call_fail said, for handlers that answer a failure themselves (a verdict per
 * row): the first field at fault ("" if none) and the text. Either may be NULL. */
void call_error_take(struct call *call, const char **ret_field, const char **ret_text);
/* More text to put before every field named later, e.g. "requests[3]."; NULL ends it. */
void call_field_prefix(struct call *call, const char *prefix);

enum status call_reply(struct call *call, const void *msg);
enum status call_reply_wire(struct call *call, struct str wire);

/* ---- streams ---- */

/* The next message of a client stream, validated and unpacked; *ret_msg_ptr NULL at the end. Each
 * message is in the arena a, so that a long stream need not grow.
 * A message that breaks a rule is INVALID_ARGUMENT, said, and *ret_msg_ptr still has it (NULL if it
 * cannot be unpacked): a handler with a verdict per row calls call_error_take and goes on. */
enum status call_recv(struct call *call, struct arena *a, void *ret_msg_ptr, struct str *ret_wire)
	MUST_CHECK;
enum status call_send(struct call *call, const void *msg) MUST_CHECK;
enum status call_send_wire(struct call *call, struct str wire) MUST_CHECK;

/* ---- rights ---- */

/* The level at which the caller holds a permission, LEVEL_NONE if not at all. */
enum level call_level(const struct call *call, const char *permission);
/* Whether a record of this owner and team is within the call's scope. */
bool call_reaches(const struct call *call, const char *owner_id, const char *team_id);

/* What a statement reads: :call.* from the call's scope, all other parameters from input. */
struct db_args;
struct db_args call_args(const struct call *call, const void *input);

/* The time of the call, wall clock. */
int64_t call_now_us(const struct call *call);
/* A Timestamp in the call's arena. */
Google__Protobuf__Timestamp *call_timestamp(struct arena *a, int64_t wall_us);
int64_t timestamp_us(const Google__Protobuf__Timestamp *t); /* 0 for NULL */
