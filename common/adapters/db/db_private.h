/*
 * What the files of the db adapter share: the database, its connections, and the work that travels
 * over them.
 *
 *   helper.c   a thread that makes connections (name resolution, TLS, sign-in block) and sends
 * cancel requests conn.c     one connection: its life, the pipeline, reconnect work.c     what a
 * fiber waits for: items sent, results, errors read.c write.c tx.c stream.c   the four ways to use
 * them
 *
 * Everything but helper.c's thread runs on the loop's thread.
 */
#pragma once
#include <pthread.h>
#include "adapters/db/catalog_private.h"
#include "adapters/db/db.h"
#include "adapters/db/sqlstate_private.h"
#include "base/fiber.h"
#include "base/map.h"

struct conn;
struct work;

/* ---- work ---- */

/* One statement on its way: either s (with text for a page) or plain SQL without parameters. */
struct item {
	struct stmt *s;
	const char
		*sql; /* a page's text, or the whole statement if s is NULL; not kept once sent */
	const struct bound *bound; /* NULL if s is NULL and there are no parameters */
	const unsigned *types;     /* for plain SQL with parameters: their types */
	PGresult *result;
};

enum work_kind {
	WORK_READ,   /* one item; done with its result; shares its Sync; repeated alone if a
			neighbour's error took it along */
	WORK_SYNCED, /* done at its own Sync */
};

/* Lives outside arenas, since answers may come after its fiber gave up. */
struct work {
	enum work_kind kind;
	struct conn *conn;
	struct item *items; /* the fiber's; not touched once abandoned */
	size_t n;
	struct item own; /* the one item of a work that nobody waits for */
	struct event done;
	enum status status;
	PGresult *error; /* the first error, if the server sent one */
	size_t error_item;
	size_t commands; /* entries in the connection's queue that point here */
	bool is_finished, is_abandoned;
	bool is_stale; /* failed since a prepared statement no longer fits: worth repeating */
	uint8_t attempts;
	enum status
		lost_status; /* the answer when the connection breaks and it cannot be repeated */
	bool may_repeat;     /* after a break, on another connection */
	void (*on_done)(struct work *w); /* for work that nobody waits for; may be NULL */
	void *owner;
	struct work *next; /* free list */
};

struct work *work_new(struct db *db, enum work_kind kind, struct item *items, size_t n);
/* ST_CANCELLED if this fiber's call was cancelled already: then nothing is sent for it. */
enum status work_may_start(void) MUST_CHECK;
/* Waits for w until done. If the fiber gives up first, w is abandoned and released later:
 * *ret_gave_up. Otherwise release it with work_free. */
enum status work_wait(struct db *db, struct work *w, bool *ret_gave_up) MUST_CHECK;
void work_free(struct db *db, struct work *w);
/* For conn.c: a result of item i; the end of the work. */
void work_result(struct db *db, struct work *w, size_t i, PGresult *res);
void work_error(struct work *w, size_t i, PGresult *res);
void work_finish(struct db *db, struct work *w, enum status status);
void work_unref(struct db *db, struct work *w); /* one command less points to it */
void work_drop_results(struct work *w);
enum status work_error_status(const struct work *w);
/* The error as the caller sees it, strings in a. */
struct db_error work_describe(struct arena *a, const struct work *w, enum status status);
void db_report(
	struct db *db, const struct work *w, const char *statement, const struct db_error *e);
/* A result as rows; consumes nothing. ST_INTERNAL if the columns no longer fit, ST_NOT_FOUND for a
 * :one without a row. */
enum status rows_make(struct db *db, struct arena *a, struct stmt *s, PGresult *res,
	struct db_rows **ret) MUST_CHECK;

/* ---- connections ---- */

enum conn_kind { CONN_READ, CONN_WRITE, CONN_SLOW, CONN_EXCLUSIVE, CONN_KINDS };
enum conn_state { CONN_DOWN, CONN_CONNECTING, CONN_UP };

/* A statement's preparation on one connection. */
enum prepared_state { PREPARED_NOT, PREPARED_SENT, PREPARED_OK };
struct prepared {
	uint8_t state;       /* enum prepared_state */
	uint32_t generation; /* of its name */
};

/* A :page in one of its texts, prepared on one connection; the least recently used goes. */
struct variant {
	struct prepared prepared;
	uint32_t number;   /* of its name */
	uint32_t commands; /* queue entries that point here: then it may not go */
	bool is_dropped;   /* in the server; goes with the last of them */
	struct str text;   /* mem_* */
	struct variant *newer, *older;
};

struct variants {
	struct map by_text;
	struct variant *newest, *oldest;
	uint32_t next_number;
};

enum command_kind { COMMAND_QUERY, COMMAND_PREPARE, COMMAND_SYNC, COMMAND_DROP };

/* What the next result belongs to. */
struct command {
	enum command_kind kind;
	uint32_t item;
	uint32_t generation; /* of a PREPARE */
	struct work *work;   /* may be NULL */
	struct prepared *prepared;
	struct variant *variant;
};

/* What the helper thread does for a connection. */
struct job {
	struct job *next;
	struct conn *conn;
	void (*on_done)(struct job *job); /* on the loop */
	bool is_pending;                  /* with the helper */
	PGcancel *cancel;                 /* a cancel request to send; NULL: connect */
	PGconn *pg;                       /* the new connection, or NULL */
	enum status status;               /* ST_FAILED_PRECONDITION: the catalog is broken */
	bool has_verified; /* this connection verified the catalog, so it holds the statements
			      already */
};

struct conn {
	struct db *db;
	enum conn_kind kind;
	enum conn_state state;
	PGconn *pg;
	struct loop_io io;
	struct loop_timer retry;             /* the next attempt to connect */
	struct loop_timer watchdog;          /* while something is in flight */
	uint64_t progress, watched_progress; /* results taken; as the watchdog saw it last */
	bool is_watched;
	int64_t backoff_us;
	struct job connect, cancel;
	struct prepared *prepared; /* by stmt.index */
	struct variants variants;
	struct command *queue; /* ring; capacity a power of two */
	size_t head, count, capacity;
	size_t in_flight; /* works not yet finished */
	size_t unsynced;  /* statements sent after the last Sync */
	bool is_reading;  /* inside its own event: a break is dealt with at its end */
	bool must_close;
	uint32_t epoch; /* counts the connections made */
	/* exclusive: */
	struct db_tx *tx; /* the transaction that uses it */
	bool is_held;     /* taken, until its transaction has ended in the server as well */
	bool is_ending; /* a cancel request or ROLLBACK is under way and gives it back when done */
};

void conn_start(struct conn *c, struct db *db, enum conn_kind kind);
void conn_stop(struct conn *c); /* for good */
/* The least loaded connection of a kind that is up and not full; ST_UNAVAILABLE or
 * ST_RESOURCE_EXHAUSTED. */
enum status conn_pick(struct db *db, enum conn_kind kind, struct conn **ret) MUST_CHECK;
/* Sends w on that connection, with its Sync unless it is a read that shares one. If the connection
 * breaks on it, w is resolved like any other in flight. */
void conn_submit(struct conn *c, struct work *w);
void conn_sync(struct conn *c, struct work *w); /* w: finished by this Sync, or NULL */
/* Gives the connection up and makes a new one: at once, or at the end of its event. */
void conn_close(struct conn *c);

/* One SQL command that nobody waits for; on_done may be NULL. */
void conn_submit_alone(
	struct conn *c, const char *sql, void (*on_done)(struct work *w), void *owner);

/* tx.c: c is there; c broke. */
void tx_conn_up(struct conn *c);
void tx_conn_lost(struct conn *c);

/* variants.c: the preparation of a page's text on this connection. */
struct variant *variants_get(struct conn *c, struct str text);
struct variant *variants_evict(
	struct conn *c); /* one to drop if there are too many, taken out of the table; or NULL */
void variants_clear(struct conn *c);
void variant_free(struct variant *v);
void variant_name(char out[STMT_NAME_MAX], const struct variant *v);

/* ---- the helper thread ---- */

enum { SLOW_FACTOR = 10 }; /* the slow lane's statement timeout is this many times the others' */

struct job_list {
	struct job *first, *last;
};

struct helper {
	pthread_mutex_t mu;
	pthread_cond_t wake;
	struct job_list todo, done; /* guarded by mu */
	int busy_fd;                /* guarded by mu: the socket that a job waits on, or -1 */
	bool is_stopping;           /* guarded by mu */
	bool is_started;            /* the loop's */
	pthread_t thread;
	int stop_fd;            /* readable when stopping: ends an attempt to connect */
	struct loop_io done_io; /* readable when a job is done */
	struct db *db;
};

void helper_init(struct helper *h, struct db *db);
void helper_done(struct helper *h); /* jobs under way are given up; their results are dropped */
void helper_post(struct helper *h, struct job *job); /* comes back through job->on_done */

/* A blocking connection with our settings, within CONNECT_TIMEOUT_US; a readable stop_fd (or -1)
 * ends the attempt. NULL if it failed. */
PGconn *connect_blocking(const char *url, int statement_timeout_ms, int stop_fd);

/* ---- the database ---- */

struct db {
	struct loop *loop;
	struct catalog *catalog;
	struct helper helper;
	char *url;
	int in_flight, statement_timeout_ms;
	struct conn *conns[CONN_KINDS];
	size_t n_conns[CONN_KINDS];
	struct loop_hook hook;
	bool has_unsynced; /* some connection has statements without a Sync */
	bool has_started, is_up, is_verified, is_stopping;
	const char *broken;
	void (*on_change)(bool up, void *arg);
	void *on_change_arg;
	void (*on_error)(const char *statement, const struct db_error *e, void *arg);
	void *on_error_arg;
	struct limiter exclusive; /* a place for each exclusive connection that is up */
	struct work *free_work;
	uint64_t next_cursor;
};

void db_update(struct db *db); /* recomputes db_is_up */
/* The statement as this database knows it; ST_UNAVAILABLE before it is verified. */
enum status db_find(struct db *db, const struct db_statement *def, struct stmt **ret) MUST_CHECK;
/* Binds one statement into an item; page may be NULL. */
enum status item_bind(struct arena *a, struct stmt *s, struct db_args args,
	const struct db_page_args *page, bool copy, struct item *ret, const char **ret_why)
	MUST_CHECK;
