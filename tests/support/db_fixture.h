/*
 * A private PostgreSQL with the sample schema, a loop and a db on it, for tests of the db adapter.
 */
#pragma once
#include "adapters/db/db.h"
#include "crm/internal/v1/scope.pb-c.h"
#include "tests/support/postgres.h"

struct db_fixture {
	struct postgres *pg;
	struct loop *loop;
	struct db *db;
	struct arena *a;
	Crm__CallScope scope;            /* tenant DB_TENANT, user DB_USER, sees all */
	Google__Protobuf__Timestamp now; /* of the scope: 2023-11-14T22:13:20.123456Z */
	const char *errors;              /* what db_on_error told, one a line */
};

#define DB_TENANT       "0190a000-0000-7000-8000-00000000000a"
#define DB_OTHER_TENANT "0190a000-0000-7000-8000-00000000000b"
#define DB_USER         "0190a000-0000-7000-8000-0000000000aa"

extern const struct db_types sample_types;

int db_fixture_group_setup(void **state); /* for cmocka: starts PostgreSQL once and migrates */
int db_fixture_group_teardown(void **state);
int db_fixture_setup(void **state); /* a fresh loop and db for each test; tables are emptied */
int db_fixture_teardown(void **state);

/* Runs fn in a fiber once the database is up (waits at most 20 s), until it returns. */
void db_fixture_run(struct db_fixture *f, void (*fn)(struct db_fixture *f));
/* Waits in a fiber until db_is_up is as wanted; fails the test after 20 s. */
void db_fixture_await(struct db_fixture *f, bool is_up);
/* Another configuration of lanes: replaces f->db; not in a fiber. */
void db_fixture_configure(struct db_fixture *f, const struct db_config *c);

/* What a statement reads: the fixture's scope and this input. */
struct db_args db_fixture_args(const struct db_fixture *f, const void *input);
Crm__RowKey db_fixture_key(const char *id);
