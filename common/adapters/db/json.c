/*
 * Flat JSON objects: how a map<string, string> is kept in jsonb. Reads only what PostgreSQL
 * printed, so it need not judge the text, yet no input makes it read beyond the end.
 */
#include "adapters/db/value_private.h"

struct json_reader json_open(const char *text, size_t n)
{
	struct json_reader r = { text, text + n };
	while (r.p < r.end && *r.p != '{')
		r.p++;
	if (r.p < r.end)
		r.p++;
	return r;
}

static void skip_blanks(struct json_reader *r)
{
	while (r->p < r->end &&
		(*r->p == ' ' || *r->p == ',' || *r->p == ':' || *r->p == '\n' || *r->p == '\t'))
		r->p++;
}

/* At an opening quote: the text between the quotes, still escaped. */
static struct str read_quoted(struct json_reader *r)
{
	const char *start = ++r->p;
	while (r->p < r->end && *r->p != '"')
		r->p += *r->p == '\\' && r->p + 1 < r->end ? 2 : 1;
	struct str s = str_n(start, (size_t)(r->p - start));
	if (r->p < r->end)
		r->p++;
	return s;
}

/* A number, true, false, null, or a nested array or object as it stands. */
static struct str read_other(struct json_reader *r)
{
	const char *start = r->p;
	int depth = 0;
	while (r->p < r->end) {
		char c = *r->p;
		if (c == '"') {
			(void)read_quoted(r);
			continue;
		}
		if (depth == 0 && (c == ',' || c == '}'))
			break;
		depth += (c == '{' || c == '[') - (c == '}' || c == ']');
		r->p++;
	}
	return str_n(start, (size_t)(r->p - start));
}

bool json_next(struct json_reader *r, struct json_member *ret)
{
	skip_blanks(r);
	if (r->p >= r->end || *r->p != '"')
		return false;
	ret->key = read_quoted(r);
	skip_blanks(r);
	ret->is_string = r->p < r->end && *r->p == '"';
	ret->value = ret->is_string ? read_quoted(r) : read_other(r);
	if (!ret->is_string && str_is(ret->value, "null"))
		ret->value = STR("");
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 0;
}

static char *put_utf8(char *p, unsigned c)
{
	if (c < 0x80) {
		*p++ = (char)c;
	} else if (c < 0x800) {
		*p++ = (char)(0xc0 | c >> 6);
		*p++ = (char)(0x80 | (c & 0x3f));
	} else {
		*p++ = (char)(0xe0 | c >> 12);
		*p++ = (char)(0x80 | (c >> 6 & 0x3f));
		*p++ = (char)(0x80 | (c & 0x3f));
	}
	return p;
}

/* What stands after a backslash. PostgreSQL prints \u only for control characters. */
static char *put_escape(char *p, struct str s, size_t *i)
{
	char c = s.p[*i];
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *at = strchr(from, c);
	if (c == 'u' && *i + 4 < s.n) {
		unsigned v = 0;
		for (int k = 1; k <= 4; k++)
			v = v << 4 | (unsigned)hex_digit(s.p[*i + (size_t)k]);
		*i += 4;
		return put_utf8(p, v);
	}
	*p++ = at && c ? to[at - from] : c;
	return p;
}

char *json_put_unescaped(char *p, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '\\' || i + 1 >= s.n) {
			*p++ = s.p[i];
			continue;
		}
		i++;
		p = put_escape(p, s, &i);
	}
	return p;
}

void json_put_escaped(struct buf *b, const char *s)
{
	buf_put_c(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\') {
			buf_put_c(b, '\\');
			buf_put_c(b, *s);
		} else if ((unsigned char)*s < 0x20) {
			buf_printf(b, "\\u%04x", (unsigned)*s);
		} else {
			buf_put_c(b, *s);
		}
	}
	buf_put_c(b, '"');
}
