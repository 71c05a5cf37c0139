/*
 * Migrations and verification, blocking, for start-up and --check-sql.
 */
#include "adapters/db/db_private.h"

enum { VERIFY_TIMEOUT_MS = 30 * 1000 };

/* ---- migrations ---- */

struct migrator {
	struct arena *arena;
	PGconn *pg;
	const char *why;
};

static void finish(PGconn **pg)
{
	PQfinish(*pg);
}

static void clear(PGresult **res)
{
	PQclear(*res);
}

static enum status failed(struct migrator *m, const char *doing, const PGresult *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	m->why = arena_printf(m->arena, "%s: %s", doing, PQerrorMessage(m->pg));
	if (PQstatus(m->pg) == CONNECTION_BAD || !state || sqlstate_is_outage(state) ||
		sqlstate_status(state) == ST_ABORTED)
		return ST_UNAVAILABLE; /* worth trying again */
	return ST_FAILED_PRECONDITION;
}

/* Runs one command; parameters as text. */
static enum status run(struct migrator *m, const char *doing, const char *sql, size_t n,
	const char *const *values, PGresult **ret)
{
	PGresult *res = n ? PQexecParams(m->pg, sql, (int)n, NULL, values, NULL, NULL, 0)
			  : PQexec(m->pg, sql);
	ExecStatusType status = PQresultStatus(res);
	enum status s = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK
				? ST_OK
				: failed(m, doing, res);
	if (s == ST_OK && ret)
		*ret = res;
	else
		PQclear(res);
	return s;
}

/* The schema is the first of the role's search path; made if it is not there. */
static enum status prepare_schema(struct migrator *m)
{
	_cleanup_(clear) PGresult *res = NULL;
	TRY(run(m, "looking for the schema", "SELECT current_schema()", 0, NULL, &res));
	if (PQgetisnull(res, 0, 0))
		TRY(run(m, "making the schema",
			"DO $$ BEGIN EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', "
			"current_user); END $$",
			0, NULL, NULL));
	/* one at a time, however many replicas start; the lock goes with the connection */
	TRY(run(m, "waiting for another migration",
		"SELECT pg_advisory_lock(hashtextextended('migration ' || current_schema(), 0))", 0,
		NULL, NULL));
	return run(m, "making the table of migrations",
		"CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, digest text NOT "
		"NULL, applied_at timestamptz NOT NULL DEFAULT now())",
		0, NULL, NULL);
}

static enum status is_applied(struct migrator *m, const struct db_migration *mig, bool *ret)
{
	_cleanup_(clear) PGresult *res = NULL;
	const char *const values[] = { mig->name, mig->sql };
	TRY(run(m, mig->name,
		"SELECT digest = encode(sha256(convert_to($2, 'UTF8')), 'hex') FROM migration "
		"WHERE name = $1",
		2, values, &res));
	*ret = PQntuples(res) > 0;
	if (*ret && strcmp(PQgetvalue(res, 0, 0), "t") != 0) {
		m->why = arena_printf(m->arena,
			"%s was applied with another text: migrations never change, add a new one",
			mig->name);
		return ST_FAILED_PRECONDITION;
	}
	return ST_OK;
}

static enum status apply_in_transaction(struct migrator *m, const struct db_migration *mig)
{
	const char *const values[] = { mig->name, mig->sql };
	/* waiting long for a lock would make everybody else wait behind */
	TRY(run(m, mig->name, "SET LOCAL lock_timeout = '10s'", 0, NULL, NULL));
	TRY(run(m, mig->name, mig->sql, 0, NULL, NULL));
	return run(m, mig->name,
		"INSERT INTO migration (name, digest) VALUES ($1, encode(sha256(convert_to($2, "
		"'UTF8')), 'hex'))",
		2, values, NULL);
}

static enum status apply(struct migrator *m, const struct db_migration *mig)
{
	bool done = false;
	TRY(is_applied(m, mig, &done));
	if (done)
		return ST_OK;
	TRY(run(m, mig->name, "BEGIN", 0, NULL, NULL));
	enum status s = apply_in_transaction(m, mig);
	if (s == ST_OK)
		return run(m, mig->name, "COMMIT", 0, NULL, NULL);
	PQclear(PQexec(
		m->pg, "ROLLBACK")); /* fails only if the connection is gone, which does the same */
	return s;
}

static enum status apply_all(struct migrator *m, const struct db_migration *list, size_t n)
{
	TRY(prepare_schema(m));
	for (size_t i = 0; i < n; i++)
		TRY(apply(m, &list[i]));
	return ST_OK;
}

enum status db_migrate(struct arena *a, const char *url, const struct db_migration *list, size_t n,
	const char **ret_why)
{
	_cleanup_(finish) PGconn *pg = connect_blocking(url, 0, -1);
	*ret_why = "the database cannot be reached";
	if (!pg)
		return ST_UNAVAILABLE;
	struct migrator m = { .arena = a, .pg = pg };
	enum status s = apply_all(&m, list, n);
	if (s != ST_OK)
		*ret_why = m.why;
	return s;
}

/* ---- verification ---- */

static void free_catalog(struct catalog **c)
{
	catalog_free(*c);
}

enum status db_verify(struct arena *a, const char *url, const struct db_statements *const *sets,
	size_t n_sets, const struct db_types *types, const ProtobufCMessageDescriptor *call_type,
	const char **ret_why)
{
	_cleanup_(free_catalog) struct catalog *c = catalog_new(sets, n_sets, types, call_type);
	_cleanup_(finish) PGconn *pg = connect_blocking(url, VERIFY_TIMEOUT_MS, -1);
	*ret_why = "the database cannot be reached";
	enum status s = pg ? catalog_verify(c, pg) : ST_UNAVAILABLE;
	if (c->broken) {
		*ret_why = arena_strdup(a, c->broken);
		return ST_FAILED_PRECONDITION;
	}
	return s;
}
