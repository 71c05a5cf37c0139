/* Strings: slices, numbers and UTF-8. The buffer is in buf.c, the hash in hash.c. */
#include "base/str.h"

bool str_starts(struct str s, const char *prefix)
{
	size_t n = strlen(prefix);

	return n == 0 || (s.n >= n && memcmp(s.p, prefix, n) == 0);
}

bool str_ends(struct str s, const char *suffix)
{
	size_t n = strlen(suffix);

	return n == 0 || (s.n >= n && memcmp(s.p + s.n - n, suffix, n) == 0);
}

struct str str_cut(struct str *s, char c)
{
	struct str head = *s;
	const char *at = s->n > 0 ? memchr(s->p, c, s->n) : NULL;

	if (!at) {
		*s = (struct str){ NULL, 0 };
		return head;
	}
	head.n = (size_t)(at - s->p);
	*s = str_n(at + 1, s->n - head.n - 1);
	return head;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.n > 0 && is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

char *str_dup(struct arena *a, struct str s)
{
	char *copy = arena_alloc(a, s.n + 1);

	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

bool str_to_u64(struct str s, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
			return false;
	}
	*ret = value;
	return true;
}

bool str_to_i64(struct str s, int64_t *ret)
{
	bool is_negative = s.n > 0 && s.p[0] == '-';
	uint64_t value;

	if (!str_to_u64(is_negative ? str_n(s.p + 1, s.n - 1) : s, &value))
		return false;
	if (value > (uint64_t)INT64_MAX + is_negative)
		return false;
	*ret = (int64_t)(is_negative ? -value : value);
	return true;
}

/* What may follow a lead byte (RFC 3629, section 4): only the second byte's range depends on the
 * lead. */
struct utf8_form {
	uint8_t length;      /* 0: no lead byte */
	uint8_t second_from; /* the second byte lies in [from, to] */
	uint8_t second_to;
};

static struct utf8_form utf8_form(uint8_t lead)
{
	if (lead < 0x80)
		return (struct utf8_form){ 1, 0, 0 };
	if (lead >= 0xc2 && lead <= 0xdf)
		return (struct utf8_form){ 2, 0x80, 0xbf };
	if (lead >= 0xe0 && lead <= 0xef)
		return (struct utf8_form){ 3, lead == 0xe0 ? 0xa0 : 0x80,
			lead == 0xed ? 0x9f : 0xbf };
	if (lead >= 0xf0 && lead <= 0xf4)
		return (struct utf8_form){ 4, lead == 0xf0 ? 0x90 : 0x80,
			lead == 0xf4 ? 0x8f : 0xbf };
	return (struct utf8_form){ 0, 0, 0 };
}

/* Length of the well-formed sequence at p, 0 if there is none. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
	struct utf8_form form = utf8_form(p[0]);

	if (form.length == 0 || form.length > n)
		return 0;
	if (form.length > 1 && (p[1] < form.second_from || p[1] > form.second_to))
		return 0;
	for (size_t i = 2; i < form.length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return form.length;
}

static bool is_ascii8(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_is_valid(struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;

	for (size_t i = 0; i < s.n;) {
		size_t length;

		if (s.n - i >= 8 && is_ascii8(p + i)) {
			i += 8;
			continue;
		}
		length = utf8_sequence(p + i, s.n - i);
		if (length == 0)
			return false;
		i += length;
	}
	return true;
}

size_t utf8_count(struct str s)
{
	size_t count = 0;

	for (size_t i = 0; i < s.n; i++)
		count += (s.p[i] & 0xc0) != 0x80;
	return count;
}
