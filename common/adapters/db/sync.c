/* The blocking connection: connect, run, read. */
#include "adapters/db/sync.h"
#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "adapters/db/db_private.h"

enum { PREPARED_MAX = 16 };

struct db_sync {
	char *url, *error;
	int statement_timeout_ms;
	int stop_fd; /* readable once interrupted */
	PGconn *pg;
	PGresult *result;
	uint64_t session;
	/* in this session; the name is the place */
	const struct db_statement *prepared[PREPARED_MAX];
	size_t n_prepared;
};

struct db_sync *db_sync_new(const char *url, int statement_timeout_ms)
{
	struct db_sync *c = mem_zalloc(sizeof(*c));
	c->url = mem_strdup(url);
	c->error = mem_strdup("");
	c->statement_timeout_ms = statement_timeout_ms;
	c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert(c->stop_fd >= 0);
	return c;
}

static void clear(struct db_sync *c)
{
	PQclear(c->result);
	c->result = NULL;
}

static void disconnect(struct db_sync *c)
{
	PQfinish(c->pg);
	c->pg = NULL;
	c->n_prepared = 0;
}

void db_sync_free(struct db_sync *c)
{
	if (!c)
		return;
	clear(c);
	disconnect(c);
	close(c->stop_fd);
	mem_free(c->error);
	mem_free(c->url);
	mem_free(c);
}

void db_sync_interrupt(struct db_sync *c)
{
	uint64_t one = 1;
	(void)!write(c->stop_fd, &one, sizeof(one)); /* a full counter is readable as well */
}

static void set_error(struct db_sync *c, const char *text)
{
	mem_free(c->error);
	c->error = mem_strdup(text);
}

/* The server looks after our end as well, so that the locks of a machine that vanished are free
 * within seconds. */
static bool watch_client(PGconn *pg)
{
	PGresult *res = PQexec(pg,
		"SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3");
	bool ok = PQresultStatus(res) == PGRES_COMMAND_OK;
	PQclear(res);
	return ok;
}

static enum status connect_now(struct db_sync *c)
{
	if (c->pg && PQstatus(c->pg) == CONNECTION_OK)
		return ST_OK;
	disconnect(c);
	c->pg = connect_blocking(c->url, c->statement_timeout_ms, c->stop_fd);
	if (!c->pg || !watch_client(c->pg)) {
		disconnect(c);
		set_error(c, "cannot connect");
		return ST_UNAVAILABLE;
	}
	c->session++;
	return ST_OK;
}

/* The session ends with the failure: a prepared statement may no longer fit the schema. */
static enum status fail(struct db_sync *c)
{
	enum status st = sqlstate_status(PQresultErrorField(c->result, PG_DIAG_SQLSTATE));
	set_error(c, PQerrorMessage(c->pg));
	clear(c);
	disconnect(c);
	return st == ST_OK ? ST_UNAVAILABLE : st;
}

static bool is_ok(const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);
	return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

static enum status prepare(
	struct db_sync *c, const struct db_statement *s, char name[STMT_NAME_MAX])
{
	size_t i = 0;
	while (i < c->n_prepared && c->prepared[i] != s)
		i++;
	assert(i < PREPARED_MAX); /* whoever runs so many needs more room */
	stmt_name(name, (uint32_t)i, 0);
	if (i < c->n_prepared)
		return ST_OK;
	c->result = PQprepare(c->pg, name, s->sql, (int)s->n_params, NULL);
	if (!is_ok(c->result))
		return fail(c);
	clear(c);
	c->prepared[c->n_prepared++] = s;
	return ST_OK;
}

enum status db_sync_run(struct db_sync *c, const struct db_statement *s, const char *const *values)
{
	char name[STMT_NAME_MAX];
	clear(c);
	TRY(connect_now(c));
	TRY(prepare(c, s, name));
	c->result = PQexecPrepared(c->pg, name, (int)s->n_params, values, NULL, NULL, 1);
	return is_ok(c->result) ? ST_OK : fail(c);
}

const char *db_sync_error(const struct db_sync *c)
{
	return c->error;
}

size_t db_sync_count(const struct db_sync *c)
{
	return (size_t)PQntuples(c->result);
}

size_t db_sync_affected(const struct db_sync *c)
{
	int64_t n = 0;
	(void)str_to_i64(str_c(PQcmdTuples(c->result)), &n); /* empty for what counts nothing */
	return (size_t)n;
}

static int column_of(const struct db_sync *c, const char *column)
{
	int k = PQfnumber(c->result, column);
	assert(k >= 0); /* the statement has such a column */
	return k;
}

struct str db_sync_bytes(const struct db_sync *c, size_t row, const char *column)
{
	int k = column_of(c, column);
	return str_n(
		PQgetvalue(c->result, (int)row, k), (size_t)PQgetlength(c->result, (int)row, k));
}

int64_t db_sync_int(const struct db_sync *c, size_t row, const char *column)
{
	struct str v = db_sync_bytes(c, row, column);
	uint64_t n = v.n > 0 && v.n < sizeof(n) && (v.p[0] & 0x80) ? UINT64_MAX : 0; /* sign */
	assert(v.n <= sizeof(n));
	for (size_t i = 0; i < v.n; i++)
		n = n << 8 | (uint8_t)v.p[i];
	return (int64_t)n;
}

uint64_t db_sync_session(const struct db_sync *c)
{
	return c->pg ? c->session : 0;
}
