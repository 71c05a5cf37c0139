/*
 * Catalog: every statement a process may run, resolved against its message types and, once a
 * connection has verified it, against the schema.
 *
 * Owner: struct db, or db_verify. Threads: catalog_verify on the connecting thread while nobody
 * else uses it; once verified, the loop's thread only.
 */
#pragma once
#include "adapters/db/plan_private.h"

struct stmt {
	const struct db_statement *def;
	uint32_t index; /* its place in the catalog; its name on a connection follows from it */
	const ProtobufCMessageDescriptor *output;
	struct param *params;
	unsigned *param_types;   /* OIDs that PostgreSQL inferred at verification; used for every
				    later preparation */
	struct columns *columns; /* newest first; NULL if the statement returns nothing */
};

struct catalog {
	struct arena *arena;
	struct stmt *stmts;
	size_t n;
	struct stmt **slots; /* open addressing by the address of the db_statement */
	size_t n_slots;      /* a power of two */
	struct extra_type *extra;
	size_t n_extra;
	const char *broken; /* what does not fit; NULL while all is well */
	bool is_verified;
};

struct catalog *catalog_new(const struct db_statements *const *sets, size_t n_sets,
	const struct db_types *types, const ProtobufCMessageDescriptor *call_type);
void catalog_free(struct catalog *c);

/* NULL if the statement is in none of the sets. */
struct stmt *catalog_find(const struct catalog *c, const struct db_statement *def);

/* Prepares and describes every statement on a fresh blocking connection (which afterwards holds all
 * but the pages prepared by name). ST_UNAVAILABLE if the connection breaks, ST_FAILED_PRECONDITION
 * with c->broken set if a statement does not fit. */
enum status catalog_verify(struct catalog *c, PGconn *pg) MUST_CHECK;

/* The columns of a result of s: the known ones, or new ones if the schema changed. NULL if they no
 * longer fit the output message. */
const struct columns *catalog_columns(
	struct catalog *c, struct stmt *s, const PGresult *res, const char **ret_why);

enum { STMT_NAME_MAX = 24 };
/* "s12" for the statement at index 12; generation > 0 after it had to be prepared anew. */
void stmt_name(char out[STMT_NAME_MAX], uint32_t index, uint32_t generation);

/* The text of a :page with its slots filled in; NULL page gives the text that verification uses. */
const char *page_sql(
	struct arena *a, const struct db_statement *s, const struct db_page_args *page);
