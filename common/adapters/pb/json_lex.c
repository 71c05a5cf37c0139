/*
 * JSON in: tokens, by RFC 8259.
 */
#include "adapters/pb/json_private.h"

static bool fault(struct json *j, const char *what)
{
	j->fault = what;
	return false;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

char json_peek(struct json *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
		j->p++;
	return j->p < j->end ? *j->p : '\0';
}

bool json_take(struct json *j, char c)
{
	if (json_peek(j) != c || j->p == j->end)
		return false;
	j->p++;
	return true;
}

bool json_expect(struct json *j, char c)
{
	if (json_take(j, c))
		return true;
	switch (c) {
	case '{':
		return fault(j, "an object is expected");
	case '[':
		return fault(j, "a list is expected");
	case '"':
		return fault(j, "a string is expected");
	case ':':
		return fault(j, "':' is expected");
	case ',':
	case '}':
		return fault(j, "',' or '}' is expected");
	default:
		return fault(j, "',' or ']' is expected");
	}
}

bool json_word(struct json *j, const char *word)
{
	size_t n = strlen(word);
	(void)json_peek(j);
	if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
		return false;
	j->p += n;
	return true;
}

/* ---- strings ---- */

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex4(struct json *j, uint32_t *ret)
{
	uint32_t v = 0;
	if (j->end - j->p < 4)
		return fault(j, "\\u needs four hexadecimal digits");
	for (int i = 0; i < 4; i++) {
		int h = hex_value(j->p[i]);
		if (h < 0)
			return fault(j, "\\u needs four hexadecimal digits");
		v = v << 4 | (uint32_t)h;
	}
	j->p += 4;
	*ret = v;
	return true;
}

static void utf8_put(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_put_c(b, (char)c);
	} else if (c < 0x800) {
		buf_put_c(b, (char)(0xc0 | c >> 6));
		buf_put_c(b, (char)(0x80 | (c & 63)));
	} else if (c < 0x10000) {
		buf_put_c(b, (char)(0xe0 | c >> 12));
		buf_put_c(b, (char)(0x80 | (c >> 6 & 63)));
		buf_put_c(b, (char)(0x80 | (c & 63)));
	} else {
		buf_put_c(b, (char)(0xf0 | c >> 18));
		buf_put_c(b, (char)(0x80 | (c >> 12 & 63)));
		buf_put_c(b, (char)(0x80 | (c >> 6 & 63)));
		buf_put_c(b, (char)(0x80 | (c & 63)));
	}
}

/* After "\u": one code point, of one escape or a pair of surrogates. */
static bool unicode_read(struct json *j, struct buf *b)
{
	uint32_t c, low;
	if (!hex4(j, &c))
		return false;
	if (c >= 0xdc00 && c <= 0xdfff)
		return fault(j, "half a surrogate pair");
	if (c >= 0xd800 && c <= 0xdbff) {
		if (j->end - j->p < 2 || j->p[0] != '\\' || j->p[1] != 'u')
			return fault(j, "half a surrogate pair");
		j->p += 2;
		if (!hex4(j, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return fault(j, "half a surrogate pair");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	utf8_put(b, c);
	return true;
}

static bool escape_read(struct json *j, struct buf *b)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = j->p < j->end ? *j->p++ : '\0';
	if (c == 'u')
		return unicode_read(j, b);
	const char *at = c ? strchr(from, c) : NULL;
	if (!at)
		return fault(j, "an unknown escape");
	buf_put_c(b, to[at - from]);
	return true;
}

/* Up to the next quote, backslash or control character. */
static struct str run_read(struct json *j)
{
	const char *from = j->p;
	while (j->p < j->end && *j->p != '"' && *j->p != '\\' && (uint8_t)*j->p >= 0x20)
		j->p++;
	return str_n(from, (size_t)(j->p - from));
}

bool json_string(struct json *j, struct str *ret)
{
	if (!json_expect(j, '"'))
		return false;
	struct str run = run_read(j);
	if (j->p < j->end && *j->p == '"') {
		j->p++;
		*ret = run;
		return true;
	}
	struct buf b = buf_new(j->arena, 0);
	for (;;) {
		buf_put_str(&b, run);
		char c = j->p < j->end ? *j->p++ : '\0';
		if (c == '"')
			break;
		if (c != '\\')
			return fault(
				j, "a string that does not end, or has a bare control character");
		if (!escape_read(j, &b))
			return false;
		run = run_read(j);
	}
	if (b.overflow)
		return fault(j, "a string that is too long");
	*ret = buf_str(&b);
	return true;
}

/* ---- numbers ---- */

static size_t digits_skip(struct str s, size_t i)
{
	while (i < s.n && is_digit(s.p[i]))
		i++;
	return i;
}

/* How many bytes at the front are a number; 0 if none are. */
static size_t number_length(struct str s)
{
	size_t i = s.n > 0 && s.p[0] == '-', from = i;
	i = digits_skip(s, i);
	if (i == from || (s.p[from] == '0' && i - from > 1))
		return 0;
	if (i < s.n && s.p[i] == '.') {
		from = ++i;
		i = digits_skip(s, i);
		if (i == from)
			return 0;
	}
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i++;
		i += i < s.n && (s.p[i] == '+' || s.p[i] == '-');
		from = i;
		i = digits_skip(s, i);
		if (i == from)
			return 0;
	}
	return i;
}

bool json_is_number(struct str s)
{
	return s.n > 0 && number_length(s) == s.n;
}

bool json_number(struct json *j, struct str *ret)
{
	(void)json_peek(j);
	size_t n = number_length(str_n(j->p, (size_t)(j->end - j->p)));
	if (n == 0)
		return fault(j, "a value is expected");
	*ret = str_n(j->p, n);
	j->p += n;
	return true;
}

/* ---- values that nobody asked for ---- */

static bool members_skip(struct json *j, char close, unsigned depth)
{
	if (json_take(j, close))
		return true;
	for (;;) {
		struct str name;
		if (close == '}' && (!json_string(j, &name) || !json_expect(j, ':')))
			return false;
		if (!json_skip(j, depth + 1))
			return false;
		if (!json_take(j, ','))
			return json_expect(j, close);
	}
}

bool json_skip(struct json *j, unsigned depth)
{
	struct str ignored;
	if (depth > PB_MAX_DEPTH)
		return fault(j, "nested too deep");
	switch (json_peek(j)) {
	case '{':
		j->p++;
		return members_skip(j, '}', depth);
	case '[':
		j->p++;
		return members_skip(j, ']', depth);
	case '"':
		return json_string(j, &ignored);
	default:
		return json_word(j, "null") || json_word(j, "true") || json_word(j, "false") ||
		       json_number(j, &ignored);
	}
}
