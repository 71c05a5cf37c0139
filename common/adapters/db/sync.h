/*
 * sync: one blocking connection for a thread of its own: the outbox's relay. No fibers, no lanes;
 * each statement is its own transaction.
 *
 * Connects when first used and again after a break. Session state (advisory locks) dies with a
 * connection: compare db_sync_session.
 * Owner: whoever made it. Threads: one at a time; db_sync_interrupt from any.
 */
#pragma once
#include "adapters/db/db.h"

struct db_sync;

struct db_sync *db_sync_new(const char *url, int statement_timeout_ms);
void db_sync_free(struct db_sync *c); /* NULL is fine */
/* Ends an attempt to connect; from now on nothing connects again. */
void db_sync_interrupt(struct db_sync *c);

/* values: the statement's parameters as text, in the order of its paths. The rows live until the
 * next call. A failure ends the session. */
enum status db_sync_run(struct db_sync *c, const struct db_statement *s, const char *const *values)
	MUST_CHECK;
/* PostgreSQL's words for the last failure, for the log */
const char *db_sync_error(const struct db_sync *c);
size_t db_sync_count(const struct db_sync *c);
size_t db_sync_affected(const struct db_sync *c);
/* text or bytea */
struct str db_sync_bytes(const struct db_sync *c, size_t row, const char *column);
/* bigint, int, boolean; 0 for NULL */
int64_t db_sync_int(const struct db_sync *c, size_t row, const char *column);
/* Differs for each connection; 0 while there is none. */
uint64_t db_sync_session(const struct db_sync *c);
