/*
 * The parser of filters: recursive descent over the grammar of AIP-160, yielding SQL bottom-up.
 *
 *   expression = factor { [AND] factor }      side by side means AND
 *   factor     = term { OR term }             OR binds tighter than AND
 *   term       = [NOT | -] ( "(" expression ")" | restriction )
 */
#include <stdarg.h>
#include <stdio.h>
#include "kit/filter_private.h"

enum { QUOTE_MAX = 40 };

const char *filter_quote(struct arena *a, struct str text)
{
	if (text.n <= QUOTE_MAX)
		return str_dup(a, text);
	size_t n = QUOTE_MAX;
	while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	return arena_printf(a, "%.*s…", (int)n, text.p);
}

enum status filter_fail(struct filter_state *s, size_t at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *what = arena_vprintf(s->arena, fmt, ap);
	va_end(ap);
	if (!s->why)
		s->why = arena_printf(
			s->arena, "at %zu: %s", utf8_count(str_n(s->text.p, at)) + 1, what);
	return ST_INVALID_ARGUMENT;
}

/* ---- restrictions ---- */

/* The left side: parts separated by dots. */
struct member {
	size_t n, at;
	struct word part[FILTER_MAX_STEPS];
};

static enum status read_member(struct filter_state *s, struct member *ret)
{
	struct member m = { .at = s->at };
	for (;;) {
		if (m.n == FILTER_MAX_STEPS)
			return filter_fail(s, m.at, "too many parts separated by '.'");
		TRY(scan_word(s, false, &m.part[m.n++]));
		if (scan_peek(s) != '.')
			break;
		s->at++;
	}
	*ret = m;
	return ST_OK;
}

/* Parts from..n as they were written, with their dots. */
static struct str join(struct filter_state *s, const struct member *m, size_t from, size_t n)
{
	struct buf b = buf_new(s->arena, 0);
	for (size_t i = from; i < n; i++) {
		if (i > from)
			buf_put_c(&b, '.');
		buf_put_str(&b, m->part[i].text);
	}
	return str_n(buf_cstr(&b), b.n);
}

static bool has_stars(const struct member *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->part[i].open_front || m->part[i].open_back)
			return true;
	return false;
}

static enum status unknown_field(struct filter_state *s, const struct member *m)
{
	struct buf b = buf_new(s->arena, 4000);
	for (const struct filter_field *f = s->fields; f->path; f++)
		buf_printf(&b, "%s%s", b.n ? ", " : "", f->path);
	return filter_fail(s, m->at, "unknown field '%s'; fields are: %s",
		filter_quote(s->arena, join(s, m, 0, m->n)), buf_cstr(&b));
}

/* The field that the member names, and for an entry of a map its key. */
static enum status find_field(struct filter_state *s, const struct member *m,
	const struct filter_field **ret, const char **ret_key)
{
	if (has_stars(m))
		return unknown_field(s, m);
	for (const struct filter_field *f = s->fields; f->path; f++) {
		for (size_t n = m->n; n > 0; n--) {
			if (n < m->n && f->type != FILTER_MAP)
				break;
			if (!str_is(join(s, m, 0, n), f->path))
				continue;
			*ret = f;
			*ret_key = n < m->n ? join(s, m, n, m->n).p : NULL;
			return ST_OK;
		}
	}
	return unknown_field(s, m);
}

static enum status bare(struct filter_state *s, const struct member *m, const char **ret)
{
	struct word w = m->part[0];
	w.text = join(s, m, 0, m->n);
	for (size_t i = 0; i < m->n; i++) {
		const struct word *p = &m->part[i];
		if ((p->open_front && i > 0) || (p->open_back && i + 1 < m->n))
			return filter_fail(
				s, p->at, "'*' can stand only at the beginning or end of a value");
	}
	w.open_back = m->part[m->n - 1].open_back;
	return term_bare(s, &w, ret);
}

static enum status restriction(struct filter_state *s, const char **ret)
{
	struct member m;
	struct word value;
	const struct filter_field *f = NULL;
	const char *key = NULL;
	if (++s->terms > FILTER_MAX_TERMS)
		return filter_fail(s, s->at, "more than %d terms", FILTER_MAX_TERMS);
	TRY(read_member(s, &m));
	if (scan_peek(s) == '(')
		return filter_fail(s, m.at, "functions are not supported");
	size_t after = s->at;
	scan_space(s);
	enum filter_op op = scan_op(s);
	if (op == OP_NONE) {
		s->at = after;
		return bare(s, &m, ret);
	}
	TRY(find_field(s, &m, &f, &key));
	scan_space(s);
	if (scan_peek(s) == '(')
		return filter_fail(
			s, s->at, "a value is expected; write out each comparison: a = 1 OR a = 2");
	TRY(scan_word(s, true, &value));
	if (scan_peek(s) == '(')
		return filter_fail(s, value.at, "functions are not supported");
	return term_compare(s, f, key, op, &value, ret);
}

/* ---- expressions ---- */

static enum status expression(struct filter_state *s, const char **ret);

static enum status composite(struct filter_state *s, const char **ret)
{
	size_t start = s->at++;
	TRY(expression(s, ret));
	if (scan_peek(s) != ')')
		return filter_fail(s, start, "the '(' here has no ')'");
	s->at++;
	return ST_OK;
}

static enum status term(struct filter_state *s, const char **ret)
{
	bool is_negated = false;
	if (scan_keyword(s, "NOT")) {
		is_negated = true;
		scan_space(s);
	} else if (scan_peek(s) == '-') {
		is_negated = true;
		s->at++;
	}
	if (scan_is_keyword(s, "AND") || scan_is_keyword(s, "OR") || scan_is_keyword(s, "NOT"))
		return filter_fail(s, s->at,
			"expected a comparison; put a word that is AND, OR or NOT in quotes");
	TRY(scan_peek(s) == '(' ? composite(s, ret) : restriction(s, ret));
	if (is_negated)
		*ret = arena_printf(s->arena, "(%s) IS NOT TRUE", *ret);
	return ST_OK;
}

static enum status factor(struct filter_state *s, const char **ret)
{
	const char *sql = NULL, *next = NULL;
	bool has_more = false;
	TRY(term(s, &sql));
	for (scan_space(s); scan_keyword(s, "OR"); scan_space(s)) {
		scan_space(s);
		TRY(term(s, &next));
		sql = arena_printf(s->arena, "%s OR %s", sql, next);
		has_more = true;
	}
	*ret = has_more ? arena_printf(s->arena, "(%s)", sql) : sql;
	return ST_OK;
}

static bool is_done(const struct filter_state *s)
{
	return scan_at_end(s) || scan_peek(s) == ')';
}

static enum status expression(struct filter_state *s, const char **ret)
{
	const char *sql = NULL, *next = NULL;
	bool has_more = false;
	if (++s->depth > FILTER_MAX_DEPTH)
		return filter_fail(
			s, s->at, "more than %d levels of parentheses", FILTER_MAX_DEPTH);
	scan_space(s);
	TRY(factor(s, &sql));
	for (scan_space(s); !is_done(s); scan_space(s)) {
		(void)scan_keyword(s, "AND"); /* may be left out */
		scan_space(s);
		TRY(factor(s, &next));
		sql = arena_printf(s->arena, "%s AND %s", sql, next);
		has_more = true;
	}
	s->depth--;
	*ret = has_more ? arena_printf(s->arena, "(%s)", sql) : sql;
	return ST_OK;
}

static enum status parse(struct filter_state *s, const char **ret)
{
	if (s->text.n > FILTER_MAX_TEXT)
		return filter_fail(s, 0, "longer than %d bytes", FILTER_MAX_TEXT);
	if (!utf8_is_valid(s->text) || memchr(s->text.p, '\0', s->text.n))
		return filter_fail(s, 0, "not valid UTF-8 text");
	TRY(expression(s, ret));
	if (!scan_at_end(s))
		return filter_fail(s, s->at, "')' without '('");
	return ST_OK;
}

enum status filter_parse(struct arena *a, struct str text, const struct filter_field *fields,
	const struct pb_message *m, size_t first_param, struct filter *ret, const char **ret_why)
{
	struct filter f = { .sql = NULL };
	if (str_trim(text).n == 0) {
		*ret = f;
		return ST_OK;
	}
	struct filter_state *s = arena_zalloc(a, sizeof(*s));
	*s = (struct filter_state){
		.arena = a, .text = text, .fields = fields, .message = m, .first_param = first_param
	};
	enum status st = parse(s, &f.sql);
	if (st != ST_OK) {
		*ret_why = s->why;
		return st;
	}
	f.n_values = s->n_values;
	f.values = s->values;
	*ret = f;
	return ST_OK;
}
