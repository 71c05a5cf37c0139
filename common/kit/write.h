/*
 * write: the one way to change data: the statements of a batch, their events and the stored answer
 * as one transaction and one round trip.
 *
 * Idempotency (AIP-155): if the call has a request_id, the answer is stored in the same transaction
 * under (tenant, user, request_id), for 7 days. A repeat is noticed when that insert fails, or when
 * the handler failed for any reason: then the stored answer is given again; the same id with
 * another body is INVALID_ARGUMENT.
 * Events: every change becomes an outbox row (see proto/crm/events/v1/event.proto); the relay
 * publishes it.
 * A handler writes once per call; an event handler once per event.
 * What rules declare secret is blanked in events and stored answers; a secret that an answer hands
 * out (a token, a new API key) is given once: the repeat of a request_id answers without it.
 * A batch is sent again after a broken connection if it was marked with db_batch_idempotent or the
 * call has a request_id; when the first sending turns out to have been stored (a new id that is
 * there already, a stored answer), that is success.
 * Threads: the loop's fibers.
 */
#pragma once
#include "kit/call.h"

struct db_batch;
struct db_error;
struct resource;

struct change {
	const char *entity; /* "contact" */
	const char *verb;   /* "created" */
	const char *id;
	int64_t revision;
	const void *before, *after; /* structs of one type; either may be NULL, not both */
	/* Set by resource_prepare_…; else leave them empty. */
	const struct resource *resource; /* whose redact blanks what must not travel */
	/* after, packed, if it is at hand and nothing in it is redacted */
	struct str after_wire;
	size_t insert_at; /* of a creation: the statement that inserts the row */
};

/* Adds outbox, idempotency and inbox statements, writes, and on success makes `response` (a struct
 * of the method's output type, or NULL in event handlers) the answer.
 * On failure the error is said: ABORTED when a :must guard failed (changed meanwhile), field errors
 * from constraints, and so on. */
enum status call_write(struct call *call, struct db_batch *b, const struct change *changes,
	size_t n, const void *response) MUST_CHECK;
/* Adds one more event to a batch now, for hooks that see only the batch. */
enum status write_event(struct call *call, struct db_batch *b, const struct change *change)
	MUST_CHECK;
/* As call_write, but the caller looks at a failure first (a constraint that means something to it);
 * nothing is said.
 * Only when the request_id was used for another request it is said already: then ret->status is
 * ST_OK. */
enum status call_try_write(struct call *call, struct db_batch *b, const struct change *changes,
	size_t n, const void *response, struct db_error *ret) MUST_CHECK;
/* The same additions inside a transaction of the caller's (db_begin), before its db_commit; makes
 * `response` the answer. */
struct db_tx;
enum status call_write_tx(struct call *call, struct db_tx *tx, const struct change *changes,
	size_t n, const void *response) MUST_CHECK;
/* Called by the dispatcher when a handler of a writing method failed: if the request was answered
 * before, *ret_replayed is true and the call has that answer. */
enum status call_replay(struct call *call, bool *ret_replayed) MUST_CHECK;
