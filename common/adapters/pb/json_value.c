/*
 * JSON in: the texts of values: exact numbers, base64, timestamps, durations, masks.
 */
#include <math.h>
#include <stdlib.h>
#include "adapters/pb/json_private.h"

enum { MAX_NUMBER_TEXT = 1000, MAX_EXPONENT = 100000 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- numbers ---- */

/* A decimal number as its digits and where the point stands among them, counted from the first. */
struct decimal {
	struct str whole, fraction;
	int64_t point;
};

static struct decimal decimal_split(struct str s)
{
	struct decimal d = { 0 };
	size_t i = 0;
	while (i < s.n && is_digit(s.p[i]))
		i++;
	d.whole = str_n(s.p, i);
	if (i < s.n && s.p[i] == '.') {
		size_t from = ++i;
		while (i < s.n && is_digit(s.p[i]))
			i++;
		d.fraction = str_n(s.p + from, i - from);
	}
	int64_t exponent = 0;
	bool negative = false;
	for (i++; i < s.n; i++) { /* after the 'e', if there is one */
		if (is_digit(s.p[i]) && exponent < MAX_EXPONENT)
			exponent = exponent * 10 + (s.p[i] - '0');
		negative |= s.p[i] == '-';
	}
	d.point = (int64_t)d.whole.n + (negative ? -exponent : exponent);
	return d;
}

static char digit_at(const struct decimal *d, size_t i)
{
	return i < d->whole.n ? d->whole.p[i] : d->fraction.p[i - d->whole.n];
}

static bool digit_append(uint64_t *v, unsigned digit)
{
	return !__builtin_mul_overflow(*v, 10, v) && !__builtin_add_overflow(*v, digit, v);
}

bool json_to_integer(struct str number, bool *ret_negative, uint64_t *ret_size)
{
	if (!json_is_number(number))
		return false;
	bool negative = number.p[0] == '-';
	struct decimal d = decimal_split(str_n(number.p + negative, number.n - negative));
	size_t n = d.whole.n + d.fraction.n;
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)(digit_at(&d, i) - '0');
		if ((int64_t)i >= d.point ? digit != 0 : !digit_append(&v, digit))
			return false;
	}
	for (int64_t i = (int64_t)n; v != 0 && i < d.point; i++) {
		if (!digit_append(&v, 0))
			return false;
	}
	*ret_negative = negative && v != 0;
	*ret_size = v;
	return true;
}

bool json_to_double(struct arena *a, struct str number, bool is_float, double *ret)
{
	if (!json_is_number(number) || number.n > MAX_NUMBER_TEXT)
		return false;
	const char *text = str_dup(a, number);
	double d = is_float ? (double)strtof(text, NULL) : strtod(text, NULL);
	if (!isfinite(d))
		return false;
	*ret = d;
	return true;
}

/* ---- bytes ---- */

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

bool json_to_bytes(struct arena *a, struct str base64, struct str *ret)
{
	size_t n = base64.n;
	while (n > 0 && base64.n - n < 2 && base64.p[n - 1] == '=')
		n--;
	if (n % 4 == 1 || (n != base64.n && base64.n % 4 != 0))
		return false;
	uint8_t *out = arena_alloc(a, n / 4 * 3 + 3);
	size_t length = 0;
	uint32_t bits = 0;
	for (size_t i = 0; i < n; i++) {
		int v = base64_value(base64.p[i]);
		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 != 0)
			out[length++] = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	*ret = str_n(out, length);
	return true;
}

/* ---- times ---- */

/* Two digits at an offset, at most max. */
static bool two_digits(struct str s, size_t at, unsigned max, unsigned *ret)
{
	if (at + 2 > s.n || !is_digit(s.p[at]) || !is_digit(s.p[at + 1]))
		return false;
	*ret = (unsigned)(s.p[at] - '0') * 10 + (unsigned)(s.p[at + 1] - '0');
	return *ret <= max;
}

/* ".5" at the front of *s, up to nine digits; none is zero. */
static bool fraction_take(struct str *s, int32_t *ret_nanos)
{
	*ret_nanos = 0;
	if (s->n == 0 || s->p[0] != '.')
		return true;
	size_t i = 1;
	int32_t scale = 100000000;
	for (; i < s->n && is_digit(s->p[i]); i++) {
		if (i > 9)
			return false;
		*ret_nanos += (s->p[i] - '0') * scale;
		scale /= 10;
	}
	*s = str_n(s->p + i, s->n - i);
	return i > 1;
}

/* "Z" or "+01:00", the whole of s; how far local time is ahead */
static bool offset_read(struct str s, int64_t *ret_seconds)
{
	unsigned hours, minutes;
	if (s.n == 1 && s.p[0] == 'Z') {
		*ret_seconds = 0;
		return true;
	}
	if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' ||
		!two_digits(s, 1, 23, &hours) || !two_digits(s, 4, 59, &minutes))
		return false;
	int64_t seconds = (int64_t)hours * 3600 + minutes * 60;
	*ret_seconds = s.p[0] == '-' ? -seconds : seconds;
	return true;
}

bool json_to_timestamp(struct str s, struct pb_moment *ret)
{
	int64_t year, offset;
	unsigned month, day, hour, minute, second;
	if (s.n < 20 || !pb_date_parse(str_n(s.p, 10), &year, &month, &day) || s.p[10] != 'T' ||
		s.p[13] != ':' || s.p[16] != ':')
		return false;
	if (!two_digits(s, 11, 23, &hour) || !two_digits(s, 14, 59, &minute) ||
		!two_digits(s, 17, 59, &second))
		return false;
	struct pb_moment t = { 0 };
	struct str rest = str_n(s.p + 19, s.n - 19);
	if (!fraction_take(&rest, &t.nanos) || !offset_read(rest, &offset))
		return false;
	t.seconds = json_days_of_civil(year, month, day) * 86400 + (int64_t)hour * 3600 +
		    (int64_t)minute * 60 + second - offset;
	if (pb_timestamp_fault(t))
		return false;
	*ret = t;
	return true;
}

bool json_to_duration(struct str s, struct pb_moment *ret)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	if (s.n < 2u + negative || s.p[s.n - 1] != 's')
		return false;
	s = str_n(s.p + negative, s.n - negative - 1);
	size_t n = 0;
	while (n < s.n && is_digit(s.p[n]))
		n++;
	struct pb_moment t = { 0 };
	struct str rest = str_n(s.p + n, s.n - n);
	if (n == 0 || !str_to_i64(str_n(s.p, n), &t.seconds) || !fraction_take(&rest, &t.nanos) ||
		rest.n > 0)
		return false;
	if (negative) {
		t.seconds = -t.seconds;
		t.nanos = -t.nanos;
	}
	if (pb_duration_fault(t))
		return false;
	*ret = t;
	return true;
}

/* ---- masks ---- */

void json_snake_put(struct buf *b, struct str camel)
{
	for (size_t i = 0; i < camel.n; i++) {
		char c = camel.p[i];
		if (c >= 'A' && c <= 'Z') {
			buf_put_c(b, '_');
			c = (char)(c - 'A' + 'a');
		}
		buf_put_c(b, c);
	}
}
