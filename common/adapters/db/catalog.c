/*
 * The catalog of statements and its verification.
 */
#include "adapters/db/catalog_private.h"
#include <inttypes.h>
#include <stdio.h>
#include "adapters/db/sqlstate_private.h"

enum { BROKEN_MAX = 16 * 1024 };

/* ---- names ---- */

void stmt_name(char out[STMT_NAME_MAX], uint32_t index, uint32_t generation)
{
	if (generation == 0)
		snprintf(out, STMT_NAME_MAX, "s%" PRIu32, index);
	else
		snprintf(out, STMT_NAME_MAX, "s%" PRIu32 "_%" PRIu32, index, generation);
}

static void put_page_part(struct buf *b, char mark, const struct db_page_args *page)
{
	switch (mark) {
	case '\x01':
		buf_puts(b, page && page->filter ? page->filter : "TRUE");
		break;
	case '\x02':
		buf_puts(b, page && page->order ? page->order : "1");
		break;
	case '\x03': /* as a number in the text: the planner then knows how few rows are wanted */
		buf_printf(b, "%" PRId64, page ? page->limit : 1);
		break;
	}
}

const char *page_sql(struct arena *a, const struct db_statement *s, const struct db_page_args *page)
{
	static const char marks[] = "\x01\x02\x03";
	struct buf b = buf_new(a, 0);
	const char *p = s->sql;
	for (;;) {
		size_t n = strcspn(p, marks);
		buf_put(&b, p, n);
		if (!p[n])
			return buf_cstr(&b);
		put_page_part(&b, p[n], page);
		p += n + 1;
	}
}

size_t db_first_param(const struct db_statement *s)
{
	return s->n_params + 1;
}

/* ---- resolution ---- */

static void broken(struct catalog *c, const struct db_statement *s, const char *why)
{
	c->broken = arena_printf(c->arena, "%s%s%s:%d: %s: %s", c->broken ? c->broken : "",
		c->broken ? "\n" : "", s->file, s->line, s->name, why);
}

/* "Contact" or "Contact.Part": the name below the package. */
static bool has_name(const ProtobufCMessageDescriptor *d, const char *name)
{
	size_t package = strlen(d->package_name);
	return strcmp(d->name + (package ? package + 1 : 0), name) == 0;
}

static const ProtobufCMessageDescriptor *find_type(struct catalog *c, const struct db_statement *s,
	const char *name, const struct db_types *types, const ProtobufCMessageDescriptor *call_type)
{
	if (!name)
		return NULL;
	for (size_t i = 0; i < types->n; i++) {
		if (has_name(types->list[i], name))
			return types->list[i];
	}
	if (call_type && has_name(call_type, name))
		return call_type;
	broken(c, s, arena_printf(c->arena, "%s is not among the service's types", name));
	return NULL;
}

static void resolve(struct catalog *c, struct stmt *s, const struct db_types *types,
	const ProtobufCMessageDescriptor *call_type)
{
	const struct db_statement *def = s->def;
	const ProtobufCMessageDescriptor *input = find_type(c, def, def->input, types, call_type);
	s->output = find_type(c, def, def->output, types, call_type);
	s->params = arena_new_array(c->arena, struct param, def->n_params);
	s->param_types = arena_new_array(c->arena, unsigned, def->n_params);
	for (size_t i = 0; i < def->n_params && !c->broken; i++) {
		const char *why;
		if (!param_make(c->arena, def->params[i], input, call_type, &s->params[i], &why))
			broken(c, def, why);
	}
}

static size_t slot_of(const struct catalog *c, const struct db_statement *def)
{
	return ((uintptr_t)def >> 4) * 0x9E3779B97F4A7C15u >> 20 & (c->n_slots - 1);
}

static struct stmt **find_slot(const struct catalog *c, const struct db_statement *def)
{
	size_t i = slot_of(c, def);
	while (c->slots[i] && c->slots[i]->def != def)
		i = (i + 1) & (c->n_slots - 1);
	return &c->slots[i];
}

struct stmt *catalog_find(const struct catalog *c, const struct db_statement *def)
{
	return *find_slot(c, def);
}

static void add_set(struct catalog *c, const struct db_statements *set,
	const struct db_types *types, const ProtobufCMessageDescriptor *call_type)
{
	for (size_t i = 0; i < set->n; i++) {
		struct stmt **slot = find_slot(c, set->list[i]);
		if (*slot)
			continue; /* the same set given twice */
		struct stmt *s = &c->stmts[c->n];
		s->def = set->list[i];
		s->index = (uint32_t)c->n++;
		*slot = s;
		resolve(c, s, types, call_type);
	}
}

struct catalog *catalog_new(const struct db_statements *const *sets, size_t n_sets,
	const struct db_types *types, const ProtobufCMessageDescriptor *call_type)
{
	struct catalog *c = mem_zalloc(sizeof(*c));
	size_t total = 0;
	c->arena = arena_new();
	for (size_t i = 0; i < n_sets; i++)
		total += sets[i]->n;
	for (c->n_slots = 16; c->n_slots < total * 2;)
		c->n_slots *= 2;
	c->slots = arena_new_array(c->arena, struct stmt *, c->n_slots);
	c->stmts = arena_new_array(c->arena, struct stmt, total);
	for (size_t i = 0; i < n_sets; i++)
		add_set(c, sets[i], types, call_type);
	return c;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	arena_free(c->arena);
	mem_free(c);
}

/* ---- verification ---- */

/* citext and enums get their OIDs when they are created. */
static enum status load_extra_types(struct catalog *c, PGconn *pg)
{
	PGresult *res = PQexec(
		pg, "SELECT oid, typarray FROM pg_type WHERE typtype = 'e' OR typname = 'citext'");
	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		PQclear(res);
		return ST_UNAVAILABLE;
	}
	c->n_extra = (size_t)PQntuples(res);
	c->extra = arena_new_array(c->arena, struct extra_type, c->n_extra);
	for (size_t i = 0; i < c->n_extra; i++) {
		uint64_t oid = 0, array_oid = 0;
		(void)str_to_u64(
			str_c(PQgetvalue(res, (int)i, 0)), &oid); /* an OID prints as a number */
		(void)str_to_u64(str_c(PQgetvalue(res, (int)i, 1)), &array_oid);
		c->extra[i] = (struct extra_type){ (unsigned)oid, (unsigned)array_oid };
	}
	PQclear(res);
	return ST_OK;
}

static bool must_return(const struct stmt *s)
{
	return s->output || s->def->kind == DB_MANY || s->def->kind == DB_PAGE;
}

/* What PostgreSQL says of a prepared statement against what the messages hold. */
static void check_described(struct catalog *c, struct stmt *s, const PGresult *res)
{
	const char *why = NULL;
	for (size_t i = 0; i < s->def->n_params; i++) {
		unsigned oid = PQparamtype(res, (int)i);
		struct pg_type type = pg_type_find(oid, c->extra, c->n_extra);
		s->param_types[i] = oid;
		if (type.value == VALUE_NONE)
			why = arena_printf(c->arena,
				"parameter :%s has a type that is not supported (OID %u): cast it",
				s->params[i].path, oid);
		if (type.value == VALUE_NONE || !param_typed(c->arena, &s->params[i], type, &why)) {
			broken(c, s->def, why);
			return;
		}
	}
	if (PQnfields(res) == 0 && must_return(s))
		broken(c, s->def, "returns no columns");
	else if (PQnfields(res) > 0 &&
		 !columns_make(c->arena, s->output, res, c->extra, c->n_extra, &s->columns, &why))
		broken(c, s->def, why);
}

static bool send_one(struct catalog *c, const struct stmt *s, PGconn *pg)
{
	char name[STMT_NAME_MAX] =
		""; /* a page is only looked at: its variants are prepared as they come */
	const char *sql = s->def->sql;
	if (s->def->kind == DB_PAGE)
		sql = page_sql(c->arena, s->def, NULL);
	else
		stmt_name(name, s->index, 0);
	return PQsendPrepare(pg, name, sql, 0, NULL) && PQsendDescribePrepared(pg, name) &&
	       PQpipelineSync(pg);
}

/* The next result of the pipeline; NULL markers between results are skipped. NULL when the
 * connection is gone. */
static PGresult *next_result(PGconn *pg)
{
	for (int nulls = 0; nulls < 2;) {
		PGresult *res = PQgetResult(pg);
		if (res)
			return res;
		nulls++;
	}
	return NULL;
}

/* Whether an error says that the statement is wrong, not that the server is busy, full or going
 * away. */
static bool is_about_statement(const PGresult *res)
{
	enum status s = sqlstate_status(PQresultErrorField(res, PG_DIAG_SQLSTATE));
	return s != ST_UNAVAILABLE && s != ST_RESOURCE_EXHAUSTED && s != ST_DEADLINE_EXCEEDED &&
	       s != ST_ABORTED;
}

/* Reads the results of one statement: of PREPARE, of DESCRIBE, of the sync. */
static enum status read_one(struct catalog *c, struct stmt *s, PGconn *pg)
{
	for (int i = 0;; i++) {
		PGresult *res = next_result(pg);
		if (!res)
			return ST_UNAVAILABLE;
		ExecStatusType status = PQresultStatus(res);
		if (status == PGRES_FATAL_ERROR) {
			if (!is_about_statement(res) || PQstatus(pg) == CONNECTION_BAD) {
				PQclear(res);
				return ST_UNAVAILABLE;
			}
			const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
			broken(c, s->def, text ? text : "cannot be prepared");
		} else if (status == PGRES_COMMAND_OK && i == 1) {
			check_described(c, s, res);
		}
		PQclear(res);
		if (status == PGRES_PIPELINE_SYNC)
			return ST_OK;
	}
}

static enum status verify_all(struct catalog *c, PGconn *pg)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!send_one(c, &c->stmts[i], pg))
			return ST_UNAVAILABLE;
	}
	for (size_t i = 0; i < c->n; i++) {
		size_t length = c->broken ? strlen(c->broken) : 0;
		TRY(read_one(c, &c->stmts[i], pg));
		if (length > BROKEN_MAX)
			break; /* enough to work on; the connection is given up */
	}
	return ST_OK;
}

enum status catalog_verify(struct catalog *c, PGconn *pg)
{
	if (c->broken)
		return ST_FAILED_PRECONDITION; /* the messages alone show it */
	TRY(load_extra_types(c, pg));
	if (!PQenterPipelineMode(pg))
		return ST_UNAVAILABLE;
	enum status s = verify_all(c, pg);
	if (c->broken)
		return ST_FAILED_PRECONDITION;
	TRY(s);
	c->is_verified = true;
	return PQexitPipelineMode(pg) ? ST_OK : ST_UNAVAILABLE;
}

const struct columns *catalog_columns(
	struct catalog *c, struct stmt *s, const PGresult *res, const char **ret_why)
{
	for (struct columns *cols = s->columns; cols; cols = cols->next) {
		if (columns_fit(cols, res))
			return cols;
	}
	struct columns *made;
	if (!columns_make(c->arena, s->output, res, c->extra, c->n_extra, &made, ret_why))
		return NULL;
	made->next = s->columns;
	s->columns = made;
	return made;
}
