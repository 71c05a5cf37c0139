/*
 * One comparison of a filter as SQL. A comparison may yield NULL, which counts as false; whoever
 * negates one writes IS NOT TRUE, so that NOT and != also find what is not set.
 */
#include <assert.h>
#include "base/uuid.h"
#include "kit/filter_private.h"

static const char *const OP_SQL[] = { [OP_EQ] = "=",
	[OP_NE] = "<>",
	[OP_LT] = "<",
	[OP_LE] = "<=",
	[OP_GT] = ">",
	[OP_GE] = ">=",
	[OP_HAS] = "=" };

/* Binds a value: "$7". */
static const char *param(struct filter_state *s, const char *value)
{
	assert(s->n_values < sizeof(s->values) / sizeof(s->values[0]));
	s->values[s->n_values++] = value;
	return arena_printf(s->arena, "$%zu", s->first_param + s->n_values - 1);
}

static const char *not_true(struct filter_state *s, const char *sql)
{
	return arena_printf(s->arena, "(%s) IS NOT TRUE", sql);
}

static bool has_wildcard(const struct word *w)
{
	return w->open_front || w->open_back;
}

/* The word as a LIKE pattern. contains: stars at both ends if it has none of its own. */
static const char *pattern(struct filter_state *s, const struct word *w, bool contains)
{
	struct buf b = buf_new(s->arena, 0);
	bool add = contains && !has_wildcard(w);
	if (w->open_front || add)
		buf_put_c(&b, '%');
	for (size_t i = 0; i < w->text.n; i++) {
		if (strchr("%_\\", w->text.p[i]))
			buf_put_c(&b, '\\');
		buf_put_c(&b, w->text.p[i]);
	}
	if (w->open_back || add)
		buf_put_c(&b, '%');
	return buf_cstr(&b);
}

static const char *literal(struct filter_state *s, const struct word *w)
{
	return str_dup(s->arena, w->text);
}

/* ---- text ---- */

/* An SQL expression of type text, compared as is or without case. */
struct text_side {
	const char *sql;
	bool fold;
};

static const char *text_like(struct filter_state *s, struct text_side t, const char *like)
{
	const char *p = param(s, like);
	if (t.fold)
		return arena_printf(s->arena, "lower(%s) LIKE lower(%s::text)", t.sql, p);
	return arena_printf(s->arena, "%s LIKE %s", t.sql, p);
}

/* bound: the parameter that holds the pattern. */
static const char *text_contains(struct filter_state *s, struct text_side t, const char *bound)
{
	return arena_printf(s->arena,
		t.fold ? "lower(%s) LIKE lower(%s::text)" : "%s ILIKE %s::text", t.sql, bound);
}

static enum status text_compare(struct filter_state *s, struct text_side t, enum filter_op op,
	const struct word *w, const char **ret)
{
	bool is_equality = op == OP_EQ || op == OP_NE;
	if (!is_equality && w->text.n == 0)
		return filter_fail(s, w->at, "an empty value can only be compared with = and !=");
	if (op == OP_HAS) {
		*ret = text_contains(s, t, param(s, pattern(s, w, true)));
		return ST_OK;
	}
	if (has_wildcard(w)) {
		if (!is_equality)
			return filter_fail(s, w->at, "'*' can only be used with =, != and ':'");
		const char *like = text_like(s, t, pattern(s, w, false));
		*ret = op == OP_EQ ? like : not_true(s, like);
		return ST_OK;
	}
	if (is_equality && w->text.n == 0) { /* not set and empty are the same to a client */
		*ret = arena_printf(
			s->arena, op == OP_EQ ? "coalesce(%s, '') = ''" : "%s <> ''", t.sql);
		return ST_OK;
	}
	const char *how = op == OP_NE ? "IS DISTINCT FROM" : OP_SQL[op];
	const char *p = param(s, literal(s, w));
	*ret = t.fold ? arena_printf(s->arena, "lower(%s) %s lower(%s::text)", t.sql, how, p)
		      : arena_printf(s->arena, "%s %s %s", t.sql, how, p);
	return ST_OK;
}

/* ---- values of one type ---- */

static enum status refuse_op(
	struct filter_state *s, const struct filter_field *f, const struct word *w)
{
	return filter_fail(s, w->at, "'%s' can only be compared with = and !=", f->path);
}

/* column op $n::type; != also finds NULL. */
static const char *scalar(struct filter_state *s, const struct filter_field *f, enum filter_op op,
	const char *value, const char *type)
{
	const char *how = op == OP_NE ? "IS DISTINCT FROM" : OP_SQL[op];
	return arena_printf(s->arena, "%s %s %s::%s", f->column, how, param(s, value), type);
}

/* An empty value means: not set. */
static const char *unset(struct filter_state *s, const struct filter_field *f, enum filter_op op)
{
	return arena_printf(s->arena, "%s IS %sNULL", f->column, op == OP_NE ? "NOT " : "");
}

static bool is_ordering(enum filter_op op)
{
	return op == OP_LT || op == OP_LE || op == OP_GT || op == OP_GE;
}

static enum status uuid_compare(struct filter_state *s, const struct filter_field *f,
	enum filter_op op, const struct word *w, const char **ret)
{
	struct uuid id;
	if (is_ordering(op))
		return refuse_op(s, f, w);
	if (w->text.n == 0 && !has_wildcard(w)) {
		*ret = unset(s, f, op);
		return ST_OK;
	}
	if (has_wildcard(w) || !uuid_parse(w->text, &id))
		return filter_fail(s, w->at,
			"'%s' takes an id such as \"0198c5a2-7a4e-7cc1-b0f6-6d3a0a4be1a7\"",
			f->path);
	*ret = scalar(s, f, op, uuid_text(s->arena, id), "uuid");
	return ST_OK;
}

static enum status int_compare(struct filter_state *s, const struct filter_field *f,
	enum filter_op op, const struct word *w, const char **ret)
{
	int64_t v;
	if (has_wildcard(w) || !str_to_i64(w->text, &v))
		return filter_fail(s, w->at, "'%s' takes a whole number", f->path);
	*ret = scalar(s, f, op, arena_printf(s->arena, "%lld", (long long)v), "bigint");
	return ST_OK;
}

static enum status bool_compare(struct filter_state *s, const struct filter_field *f,
	enum filter_op op, const struct word *w, const char **ret)
{
	if (is_ordering(op))
		return refuse_op(s, f, w);
	bool is_true = str_is(w->text, "true");
	if (has_wildcard(w) || (!is_true && !str_is(w->text, "false")))
		return filter_fail(s, w->at, "'%s' takes true or false", f->path);
	*ret = arena_printf(
		s->arena, "%s IS %sTRUE", f->column, is_true == (op != OP_NE) ? "" : "NOT ");
	return ST_OK;
}

static enum status time_compare(struct filter_state *s, const struct filter_field *f,
	enum filter_op op, const struct word *w, const char **ret)
{
	const char *value;
	if (has_wildcard(w) || !filter_time(s->arena, w->text, &value))
		return filter_fail(
			s, w->at, "'%s' takes a time such as \"2026-03-29T01:30:00Z\"", f->path);
	*ret = scalar(s, f, op, value, "timestamptz");
	return ST_OK;
}

static enum status date_compare(struct filter_state *s, const struct filter_field *f,
	enum filter_op op, const struct word *w, const char **ret)
{
	if (w->text.n == 0 && !has_wildcard(w) && !is_ordering(op)) {
		*ret = unset(s, f, op);
		return ST_OK;
	}
	if (has_wildcard(w) || !filter_date(w->text))
		return filter_fail(s, w->at, "'%s' takes a date such as \"2026-03-29\"", f->path);
	*ret = scalar(s, f, op, literal(s, w), "date");
	return ST_OK;
}

/* ---- enumerations ---- */

static const struct pb_enum *enum_of(const struct pb_message *m, const char *path)
{
	struct str rest = str_c(path);
	while (m && rest.p) {
		const struct pb_field *f = pb_message_field(m, str_cut(&rest, '.'));
		if (!f)
			return NULL;
		if (!rest.p)
			return f->enumeration;
		m = f->message;
	}
	return NULL;
}

static const char *enum_names(struct filter_state *s, const struct pb_enum *e)
{
	struct buf b = buf_new(s->arena, 2000);
	for (size_t i = 0; i < e->n_values; i++)
		buf_printf(&b, "%s%s", i ? ", " : "", e->values[i].name);
	return buf_cstr(&b);
}

static enum status enum_compare(struct filter_state *s, const struct filter_field *f,
	enum filter_op op, const struct word *w, const char **ret)
{
	const struct pb_enum *e = enum_of(s->message, f->path);
	assert(e); /* the table of fields names it */
	if (is_ordering(op))
		return refuse_op(s, f, w);
	for (size_t i = 0; i < e->n_values && !has_wildcard(w); i++) {
		if (!str_is(w->text, e->values[i].name))
			continue;
		*ret = scalar(
			s, f, op, arena_printf(s->arena, "%d", (int)e->values[i].number), "int");
		return ST_OK;
	}
	return filter_fail(s, w->at, "'%s' takes one of: %s", f->path, enum_names(s, e));
}

/* ---- lists and maps ---- */

static const char *any_element(
	struct filter_state *s, const struct filter_field *f, const char *how, const char *bound)
{
	return arena_printf(s->arena,
		"EXISTS (SELECT 1 FROM unnest(%s) AS item_ WHERE item_ %s %s::text)", f->column,
		how, bound);
}

static enum status list_compare(struct filter_state *s, const struct filter_field *f,
	enum filter_op op, const struct word *w, const char **ret)
{
	if (is_ordering(op))
		return filter_fail(s, w->at, "'%s' is a list; it takes ':', = and !=", f->path);
	const char *sql = has_wildcard(w)
				  ? any_element(s, f, "LIKE", param(s, pattern(s, w, false)))
				  : arena_printf(s->arena, "%s @> ARRAY[%s]::text[]", f->column,
					    param(s, literal(s, w)));
	*ret = op == OP_NE ? not_true(s, sql) : sql;
	return ST_OK;
}

static const char *map_has_key(
	struct filter_state *s, const struct filter_field *f, const char *key)
{
	return arena_printf(s->arena, "%s ? %s", f->column, param(s, key));
}

/* labels:"key" asks for a key; labels.key = "x" for a value. */
static enum status map_compare(struct filter_state *s, const struct filter_field *f,
	const char *key, enum filter_op op, const struct word *w, const char **ret)
{
	if (!key) {
		if (op != OP_HAS || has_wildcard(w))
			return filter_fail(s, w->at,
				"'%s' is a map; write %s:key or %s.key = \"value\"", f->path,
				f->path, f->path);
		*ret = map_has_key(s, f, literal(s, w));
		return ST_OK;
	}
	bool is_exact = !has_wildcard(w) && w->text.n > 0;
	if (op == OP_EQ && is_exact) { /* in the form that a GIN index answers */
		const char *k = param(s, key);
		*ret = arena_printf(s->arena, "%s @> jsonb_build_object(%s::text, %s::text)",
			f->column, k, param(s, literal(s, w)));
		return ST_OK;
	}
	struct text_side side = { .sql = arena_printf(
					  s->arena, "(%s ->> %s)", f->column, param(s, key)) };
	return text_compare(s, side, op, w, ret);
}

/* ---- presence ---- */

static const char *present(struct filter_state *s, const struct filter_field *f, const char *key)
{
	switch (f->type) {
	case FILTER_TEXT:
	case FILTER_FOLD:
		return arena_printf(s->arena, "%s <> ''", f->column);
	case FILTER_INT:
	case FILTER_ENUM:
		return arena_printf(s->arena, "%s <> 0", f->column);
	case FILTER_BOOL:
		return arena_printf(s->arena, "%s IS TRUE", f->column);
	case FILTER_LIST:
		return arena_printf(s->arena, "cardinality(%s) > 0", f->column);
	case FILTER_MAP:
		return key ? map_has_key(s, f, key)
			   : arena_printf(s->arena, "%s <> '{}'::jsonb", f->column);
	case FILTER_UUID:
	case FILTER_TIME:
	case FILTER_DATE:
		break;
	}
	return arena_printf(s->arena, "%s IS NOT NULL", f->column);
}

static enum status star_compare(struct filter_state *s, const struct filter_field *f,
	const char *key, enum filter_op op, const struct word *w, const char **ret)
{
	if (is_ordering(op))
		return filter_fail(s, w->at, "'*' can only be used with =, != and ':'");
	const char *sql = present(s, f, key);
	*ret = op == OP_NE ? not_true(s, sql) : sql;
	return ST_OK;
}

/* ---- */

enum status term_compare(struct filter_state *s, const struct filter_field *f, const char *key,
	enum filter_op op, const struct word *w, const char **ret)
{
	if (w->is_star)
		return star_compare(s, f, key, op, w, ret);
	switch (f->type) {
	case FILTER_TEXT:
	case FILTER_FOLD:
		return text_compare(
			s, (struct text_side){ f->column, f->type == FILTER_FOLD }, op, w, ret);
	case FILTER_UUID:
		return uuid_compare(s, f, op, w, ret);
	case FILTER_INT:
		return int_compare(s, f, op, w, ret);
	case FILTER_BOOL:
		return bool_compare(s, f, op, w, ret);
	case FILTER_TIME:
		return time_compare(s, f, op, w, ret);
	case FILTER_DATE:
		return date_compare(s, f, op, w, ret);
	case FILTER_ENUM:
		return enum_compare(s, f, op, w, ret);
	case FILTER_LIST:
		return list_compare(s, f, op, w, ret);
	case FILTER_MAP:
		return map_compare(s, f, key, op, w, ret);
	}
	return filter_fail(s, w->at, "'%s' cannot be compared", f->path);
}

enum status term_bare(struct filter_state *s, const struct word *w, const char **ret)
{
	struct buf b = buf_new(s->arena, 0);
	if (w->text.n == 0)
		return filter_fail(s, w->at,
			"an empty word finds nothing; compare a field, such as field = \"\"");
	const char *bound = param(s, pattern(s, w, true));
	for (const struct filter_field *f = s->fields; f->path; f++) {
		if (!f->is_text)
			continue;
		buf_puts(&b, b.n ? " OR " : "(");
		if (f->type == FILTER_LIST)
			buf_puts(&b, any_element(s, f, "ILIKE", bound));
		else
			buf_puts(
				&b, text_contains(s,
					    (struct text_side){ f->column, f->type == FILTER_FOLD },
					    bound));
	}
	if (b.n == 0)
		return filter_fail(s, w->at,
			"a word alone finds nothing here; write field = \"%s\"",
			filter_quote(s->arena, w->text));
	buf_put_c(&b, ')');
	*ret = buf_cstr(&b);
	return ST_OK;
}
