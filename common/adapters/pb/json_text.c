/*
 * JSON: the texts of values, out of wire: numbers, strings, base64, timestamps, durations, masks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "adapters/pb/json_private.h"

/* ---- strings ---- */

static void escape_put(struct buf *b, uint8_t c)
{
	static const char shorts[] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
	};
	if (c == '"' || c == '\\') {
		buf_put_c(b, '\\');
		buf_put_c(b, (char)c);
	} else if (c < sizeof(shorts) && shorts[c]) {
		buf_put_c(b, '\\');
		buf_put_c(b, shorts[c]);
	} else {
		buf_printf(b, "\\u%04x", c);
	}
}

void json_string_put(struct buf *b, struct str s)
{
	buf_put_c(b, '"');
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];
		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		buf_put(b, s.p + from, i - from);
		escape_put(b, c);
		from = i + 1;
	}
	if (s.n > from)
		buf_put(b, s.p + from, s.n - from);
	buf_put_c(b, '"');
}

void json_base64_put(struct buf *b, struct str s)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = (const uint8_t *)s.p;
	buf_put_c(b, '"');
	for (size_t i = 0; i < s.n && !b->overflow; i += 3) {
		size_t have = s.n - i < 3 ? s.n - i : 3;
		uint32_t w = (uint32_t)p[i] << 16 | (have > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (have > 2 ? p[i + 2] : 0);
		char out[4] = { set[w >> 18], set[w >> 12 & 63], have > 1 ? set[w >> 6 & 63] : '=',
			have > 2 ? set[w & 63] : '=' };
		buf_put(b, out, sizeof(out));
	}
	buf_put_c(b, '"');
}

/* ---- numbers ---- */

void json_double_put(struct buf *b, double d, bool is_float)
{
	char text[40];
	if (isnan(d)) {
		buf_puts(b, "\"NaN\"");
		return;
	}
	if (isinf(d)) {
		buf_puts(b, d > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	/* the shortest text that reads back as the same number */
	for (int digits = is_float ? 6 : 15; digits <= (is_float ? 9 : 17); digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, d);
		if (is_float ? strtof(text, NULL) == (float)d : strtod(text, NULL) == d)
			break;
	}
	buf_puts(b, text);
}

/* ---- times ---- */

/* Howard Hinnant's days_from_civil, run backwards: years begin in March, eras are of 400 years. */
static void civil_of_days(int64_t days, int64_t *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned of_era = (unsigned)(days - era * 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;
	*ret_day = of_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = (int64_t)year + era * 400 + (*ret_month <= 2);
}

int64_t json_days_of_civil(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	unsigned of_era = (unsigned)(year - era * 400);
	unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* ".5" as ".500": no, three, six or nine digits */
static void fraction_put(struct buf *b, int32_t nanos)
{
	if (nanos == 0)
		return;
	if (nanos % 1000000 == 0)
		buf_printf(b, ".%03d", nanos / 1000000);
	else if (nanos % 1000 == 0)
		buf_printf(b, ".%06d", nanos / 1000);
	else
		buf_printf(b, ".%09d", nanos);
}

void json_timestamp_put(struct buf *b, struct pb_moment t)
{
	enum { DAY = 86400 };
	int64_t days = t.seconds / DAY, rest = t.seconds % DAY, year;
	unsigned month, day;
	if (rest < 0) {
		rest += DAY;
		days--;
	}
	civil_of_days(days, &year, &month, &day);
	buf_printf(b, "\"%04lld-%02u-%02uT%02lld:%02lld:%02lld", (long long)year, month, day,
		(long long)rest / 3600, (long long)rest / 60 % 60, (long long)rest % 60);
	fraction_put(b, t.nanos);
	buf_puts(b, "Z\"");
}

void json_duration_put(struct buf *b, struct pb_moment t)
{
	bool negative = t.seconds < 0 || t.nanos < 0;
	buf_printf(b, "\"%s%lld", negative ? "-" : "",
		(long long)(t.seconds < 0 ? -t.seconds : t.seconds));
	fraction_put(b, t.nanos < 0 ? -t.nanos : t.nanos);
	buf_puts(b, "s\"");
}

/* ---- masks ---- */

/* Whether snake to camel case and back gives the path again. */
static bool is_snake(struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		char c = path.p[i];
		bool lower_follows = i + 1 < path.n && path.p[i + 1] >= 'a' && path.p[i + 1] <= 'z';
		if ((c >= 'A' && c <= 'Z') || (c == '_' && !lower_follows))
			return false;
	}
	return true;
}

void json_camel_put(struct buf *b, struct str path)
{
	if (!is_snake(path)) {
		buf_put_str(b, path);
		return;
	}
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '_')
			buf_put_c(b, (char)(path.p[++i] - 'a' + 'A'));
		else
			buf_put_c(b, path.p[i]);
	}
}
