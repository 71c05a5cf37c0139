/* The scanner of filters: white space, keywords, comparators and values. */
#include "kit/filter_private.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_word(char c, bool is_right)
{
	if (is_space(c) || strchr("(),\"'=<>!", c))
		return true;
	return !is_right && (c == '.' || c == ':');
}

void scan_space(struct filter_state *s)
{
	while (s->at < s->text.n && is_space(s->text.p[s->at]))
		s->at++;
}

bool scan_at_end(const struct filter_state *s)
{
	return s->at >= s->text.n;
}

char scan_peek(const struct filter_state *s)
{
	return scan_at_end(s) ? '\0' : s->text.p[s->at];
}

bool scan_is_keyword(const struct filter_state *s, const char *keyword)
{
	struct str rest = str_n(s->text.p + s->at, s->text.n - s->at);
	size_t n = strlen(keyword);
	if (!str_starts(rest, keyword))
		return false;
	return rest.n == n || is_space(rest.p[n]) || rest.p[n] == '(' || rest.p[n] == ')';
}

bool scan_keyword(struct filter_state *s, const char *keyword)
{
	if (!scan_is_keyword(s, keyword))
		return false;
	s->at += strlen(keyword);
	return true;
}

enum filter_op scan_op(struct filter_state *s)
{
	static const struct {
		const char *text;
		enum filter_op op;
	} OPS[] = { { "!=", OP_NE }, { "<=", OP_LE }, { ">=", OP_GE }, { "=", OP_EQ },
		{ "<", OP_LT }, { ">", OP_GT }, { ":", OP_HAS } };
	struct str rest = str_n(s->text.p + s->at, s->text.n - s->at);
	for (size_t i = 0; i < sizeof(OPS) / sizeof(OPS[0]); i++) {
		if (!str_starts(rest, OPS[i].text))
			continue;
		s->at += strlen(OPS[i].text);
		return OPS[i].op;
	}
	return OP_NONE;
}

/* Characters of a value with a mark for stars that stand for anything. */
struct letters {
	struct buf text;
	size_t n_stars, first_star, last_star; /* offsets in text */
};

static void put_star(struct letters *l)
{
	if (l->n_stars++ == 0)
		l->first_star = l->text.n;
	l->last_star = l->text.n;
	buf_put_c(&l->text, '*');
}

static enum status read_quoted(struct filter_state *s, struct letters *l)
{
	size_t start = s->at;
	char quote = s->text.p[s->at++];
	for (; s->at < s->text.n; s->at++) {
		char c = s->text.p[s->at];
		if (c == quote) {
			s->at++;
			return ST_OK;
		}
		if (c == '*') {
			put_star(l);
			continue;
		}
		if (c == '\\') {
			if (++s->at >= s->text.n)
				break;
			c = s->text.p[s->at];
			if (!strchr("\"'\\*", c))
				return filter_fail(
					s, s->at - 1, "unknown escape; use \\\" \\' \\\\ or \\*");
		}
		buf_put_c(&l->text, c);
	}
	return filter_fail(s, start, "the text that begins here has no closing %c", quote);
}

static void read_plain(struct filter_state *s, bool is_right, struct letters *l)
{
	for (; s->at < s->text.n && !ends_word(s->text.p[s->at], is_right); s->at++) {
		if (s->text.p[s->at] == '*')
			put_star(l);
		else
			buf_put_c(&l->text, s->text.p[s->at]);
	}
}

/* Takes the stars at both ends off; one in the middle is refused. */
static enum status trim_stars(struct filter_state *s, struct letters *l, struct word *ret)
{
	struct str text = buf_str(&l->text);
	size_t left = l->n_stars;
	if (left > 0 && l->first_star == 0) {
		ret->open_front = true;
		text = str_n(text.p + 1, text.n - 1);
		left--;
	}
	if (left > 0 && l->last_star == l->text.n - 1) {
		ret->open_back = true;
		text.n--;
		left--;
	}
	if (left > 0)
		return filter_fail(s, ret->at,
			"'*' can stand only at the beginning or end of a value; write \"\\*\" for the character");
	ret->text = text;
	return ST_OK;
}

enum status scan_word(struct filter_state *s, bool is_right, struct word *ret)
{
	struct letters l = { .text = buf_new(s->arena, FILTER_MAX_TEXT) };
	struct word w = { .at = s->at };
	char c = scan_peek(s);
	w.is_quoted = c == '"' || c == '\'';
	if (w.is_quoted)
		TRY(read_quoted(s, &l));
	else
		read_plain(s, is_right, &l);
	if (s->at == w.at)
		return filter_fail(s, s->at,
			scan_at_end(s) ? "a value is missing at the end" : "expected a value");
	w.is_star = !w.is_quoted && l.n_stars == 1 && l.text.n == 1;
	TRY(trim_stars(s, &l, &w));
	*ret = w;
	return ST_OK;
}
