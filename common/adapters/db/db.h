/*
 * db: PostgreSQL through pipelined lanes (libpq pipeline mode), for fibers.
 *
 * Statements are written in .sql files, turned into struct db_statement by tools/sqlgen, prepared
 * by name on each lane and verified at start: every parameter path and every column must name a
 * field of a compatible type. Parameters are read from the fields of protobuf structs, rows become
 * wire bytes or structs: names are the mapping, nothing is said twice.
 *
 *   read lanes   all statements queued in one loop turn travel under one Sync; an error elsewhere
 *                in the batch re-runs the others alone
 *   write lanes  the statements of one db_write are one implicit transaction under one Sync: all or
 *                nothing, one round trip
 *   slow lane    reports and exports, so that they delay nobody
 *   exclusive    a few connections for read-decide-write transactions (db_begin)
 *
 * The database may be away at start or later: lanes reconnect by themselves with backoff; meanwhile
 * calls answer ST_UNAVAILABLE. A write whose connection broke before the answer came has an unknown
 * outcome: ST_UNKNOWN unless it is `idempotent` in struct db_batch (it carries a request_id or a
 * new id), then it is sent again once, on another connection.
 * Owner: struct db belongs to the service; rows and batches to the arena given. Threads: the loop's
 * fibers only, except db_migrate (any thread, blocking).
 * Errors: one table maps SQLSTATE to status (sqlstate.c); nobody else reads SQLSTATE.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include "base/loop.h"
#include "base/str.h"

struct db;
struct db_rows;
struct db_tx;
struct pb_schema;

/* ---- statements (made by tools/sqlgen) ---- */

enum db_kind {
	DB_ONE,  /* :one   at most one row; none is ST_NOT_FOUND */
	DB_MANY, /* :many  any number of rows */
	DB_EXEC, /* :exec  no rows asked for */
	/* :must  must affect at least one row, else the whole batch fails with ST_ABORTED (the
	 * guard is inside the SQL, so later statements do not take effect) */
	DB_MUST,
	DB_PAGE, /* :page  a list with the slots :filter, :order and :limit filled in by kit/page */
};

struct db_statement {
	const char *name;
	enum db_kind kind;
	bool slow;   /* runs on the slow lane: "-- name: x :many slow In -> Out" */
	bool writes; /* holds an INSERT, UPDATE or DELETE: for db_write and db_tx_run only */
	/* with $1.. ; a :page has the markers \x01 (filter), \x02 (order), \x03 (limit) */
	const char *sql;
	size_t n_params;
	/* paths: "call.tenant_id" reads struct db_args.call, anything else .input */
	const char *const *params;
	/* protobuf full name relative to crm.<any>.v1, e.g. "UpdateContactRequest"; NULL for
	 * none */
	const char *input;
	const char *output; /* NULL for none */
	const char *file;
	int line;
};

struct db_migration {
	const char *name; /* "0001_init" */
	const char *sql;
};

/* One service's statements: generated as `const struct db_statements contacts_statements`. */
struct db_statements {
	const struct db_statement *const *list;
	size_t n;
};

/* ---- life ---- */

struct db_config {
	const char *url;                        /* libpq URL or keyword string */
	int read_lanes, write_lanes, exclusive; /* slow lanes: 1 */
	int in_flight;                          /* per lane; beyond it ST_RESOURCE_EXHAUSTED */
	int statement_timeout_ms;
};

/* A type that statements may name; the service lists its generated descriptors once. Looked up by
 * short name ("Contact"). */
struct db_types {
	const ProtobufCMessageDescriptor *const *list;
	size_t n;
};

/* Starts connecting in the background. Several statement sets (kit's and the service's). call_type
 * is the descriptor of struct db_args.call. */
struct db *db_new(struct loop *l, const struct db_config *c,
	const struct db_statements *const *sets, size_t n_sets, const struct db_types *types,
	const ProtobufCMessageDescriptor *call_type);
void db_free(struct db *db);
/* True while at least one read and one write lane are connected and verified. */
bool db_is_up(const struct db *db);
/* on_change(up, arg) on the loop whenever db_is_up changes, and when db_broken does. */
void db_on_change(struct db *db, void (*fn)(bool up, void *arg), void *arg);
/* A statement that does not fit the schema is our bug: the text to log before exiting; NULL while
 * all is well. */
const char *db_broken(const struct db *db);

/* Applies migrations in order under an advisory lock, each in a transaction, recording name and
 * digest in <schema>.migration. A recorded migration whose digest differs, or that this binary does
 * not know, is fine if newer than ours (an older binary beside a newer one), an error if the text
 * changed.
 * Blocking: call it in the offload pool. ST_UNAVAILABLE if the database cannot be reached,
 * ST_FAILED_PRECONDITION with *ret_why (in a) otherwise. */
enum status db_migrate(struct arena *a, const char *url, const struct db_migration *list, size_t n,
	const char **ret_why) MUST_CHECK;
/* Prepares every statement on one connection of its own and checks it against types: what
 * `--check-sql` runs. Blocking. */
enum status db_verify(struct arena *a, const char *url, const struct db_statements *const *sets,
	size_t n_sets, const struct db_types *types, const ProtobufCMessageDescriptor *call_type,
	const char **ret_why) MUST_CHECK;

/* ---- calls ---- */

/* Where parameters are read from. Either may be NULL if no path needs it. A field of an absent
 * message reads as its default (as in proto3); NULL are: an absent Timestamp, an empty string for
 * uuid, date, numeric, jsonb or timestamptz, a member of a oneof that is not set. */
struct db_args {
	const void *input; /* generated struct of the statement's input type */
	const void *call;  /* generated struct of the call scope */
};

/* A value that does not come from a message: what kit/filter binds. Sent as text; the server infers
 * the type. */
struct db_page_args {
	/* SQL over columns of the statement's own FROM, values as $n from first_param on; NULL for
	 * none */
	const char *filter;
	const char *order; /* "create_time DESC, id DESC" */
	int64_t limit;
	size_t n_values;
	const char *const *values;
};
/* The number of the first free parameter of a statement: what filters count from. */
size_t db_first_param(const struct db_statement *s);

struct db_error { /* filled when a statement failed; strings live in the arena of the call */
	enum status status;
	const char *constraint; /* name of the violated constraint, or "" */
	const char *message;    /* for the log only */
	size_t statement;       /* index within a batch */
};

/* Called for every statement that failed for a reason that is not the caller's (INTERNAL,
 * UNAVAILABLE, UNKNOWN, RESOURCE_EXHAUSTED, DATA_LOSS), so that it can be logged: e->message holds
 * PostgreSQL's words. */
void db_on_error(struct db *db,
	void (*fn)(const char *statement, const struct db_error *e, void *arg), void *arg);

/* One statement on a read lane (slow lane if marked). ret_rows may be NULL for :exec. */
enum status db_read(struct db *db, struct arena *a, const struct db_statement *s,
	struct db_args args, struct db_rows **ret_rows) MUST_CHECK;
enum status db_read_page(struct db *db, struct arena *a, const struct db_statement *s,
	struct db_args args, const struct db_page_args *page, struct db_rows **ret_rows) MUST_CHECK;

/* Several statements as one transaction on a write lane. A :one that writes is guarded like a
 * :must: when it finds no row, nothing of the batch takes effect and the status is ST_NOT_FOUND
 * (ST_ABORTED for :must), with db_error.constraint = the statement's name. */
struct db_batch;
struct db_batch *db_batch_new(struct db *db, struct arena *a);
/* The args are bound now: the structs may change afterwards. Returns the statement's index. */
size_t db_batch_add(struct db_batch *b, const struct db_statement *s, struct db_args args);
void db_batch_idempotent(struct db_batch *b);
size_t db_batch_count(const struct db_batch *b);
/* Takes back the statements from index n on. */
void db_batch_truncate(struct db_batch *b, size_t n);
/* ret_err may be NULL. After ST_OK db_batch_rows gives each statement's rows. */
enum status db_write(struct db *db, struct arena *a, struct db_batch *b, struct db_error *ret_err)
	MUST_CHECK;
struct db_rows *db_batch_rows(const struct db_batch *b, size_t statement);

/* A transaction on an exclusive connection. It is rolled back when the arena dies unless committed.
 * Cancelling the call cancels the statement in the server. */
enum status db_begin(struct db *db, struct arena *a, struct db_tx **ret) MUST_CHECK;
enum status db_tx_run(struct db_tx *tx, const struct db_statement *s, struct db_args args,
	struct db_rows **ret_rows, struct db_error *ret_err) MUST_CHECK;
enum status db_commit(struct db_tx *tx, struct db_error *ret_err) MUST_CHECK;
void db_rollback(struct db_tx *tx);

/* A stream of rows in portions of 500 over the slow lane's own cursor, for exports: fn gets each
 * portion, in the calling fiber, and may wait (flow control). */
enum status db_stream(struct db *db, struct arena *a, const struct db_statement *s,
	struct db_args args, const struct db_page_args *page,
	enum status (*fn)(struct db_rows *portion, void *arg), void *arg) MUST_CHECK;

/* ---- rows ---- */

size_t db_count(const struct db_rows *r);
size_t db_affected(const struct db_rows *r); /* rows changed */
/* Appends row i as the wire bytes of the statement's output message. Columns are field paths: "id",
 * "name.given", and "emails.address" for one array per field of a repeated message, zipped.
 * uuid->string, timestamptz->Timestamp, date->string "YYYY-MM-DD", int->int or enum,
 * text[]->repeated string, jsonb->map<string,string> or string, bytea->bytes, numeric->string. NULL
 * is an absent field; a message in which nothing is set is absent. */
void db_row_wire(const struct db_rows *r, size_t i, struct buf *out);
/* The same row as a struct in the arena. */
enum status db_row_message(struct arena *a, const struct db_rows *r, size_t i, void *ret_msg_ptr)
	MUST_CHECK;
/* Single columns, for what is no message; the column must exist (asserts). */
int64_t db_int(const struct db_rows *r, size_t i, const char *column);
const char *db_text(const struct db_rows *r, size_t i, const char *column); /* NULL if null */
struct str db_bytes(const struct db_rows *r, size_t i, const char *column);
