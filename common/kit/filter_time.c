/* Times and dates in filters: checked here, so that PostgreSQL never has to refuse one. */
#include "base/clock.h"
#include "kit/filter_private.h"

enum { US = 1000000, DAY_S = 86400 };

struct reader {
	const char *p, *end;
};

/* Exactly n digits, 0..max. */
static bool digits(struct reader *r, int n, int min, int max, int *ret)
{
	int v = 0;
	for (int i = 0; i < n; i++, r->p++) {
		if (r->p == r->end || *r->p < '0' || *r->p > '9')
			return false;
		v = v * 10 + (*r->p - '0');
	}
	*ret = v;
	return v >= min && v <= max;
}

static bool skip(struct reader *r, const char *any_of)
{
	if (r->p == r->end || !strchr(any_of, *r->p) || *r->p == '\0')
		return false;
	r->p++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int DAYS[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return DAYS[month - 1] + (month == 2 && is_leap);
}

/* Days from 1970-01-01, proleptic Gregorian; years counted from March so that the leap day is the
 * last. */
static int64_t day_number(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t months = month > 2 ? month - 3 : month + 9;
	int64_t day_of_year = (153 * months + 2) / 5 + day - 1;
	return 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static bool read_date(struct reader *r, int64_t *ret_day)
{
	int year, month, day;
	if (!digits(r, 4, 1, 9999, &year) || !skip(r, "-") || !digits(r, 2, 1, 12, &month) ||
		!skip(r, "-") || !digits(r, 2, 1, days_in_month(year, month), &day))
		return false;
	*ret_day = day_number(year, month, day);
	return true;
}

/* Microseconds; further digits are dropped. */
static bool read_fraction(struct reader *r, int64_t *ret_us)
{
	int64_t us = 0;
	int n = 0;
	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++, n++)
		if (n < 6)
			us = us * 10 + (*r->p - '0');
	for (int i = n; i < 6; i++)
		us *= 10;
	*ret_us = us;
	return n > 0 && n <= 9;
}

static bool read_offset(struct reader *r, int *ret_s)
{
	int hours, minutes;
	if (skip(r, "Zz")) {
		*ret_s = 0;
		return true;
	}
	int sign = r->p < r->end && *r->p == '-' ? -1 : 1;
	if (!skip(r, "+-") || !digits(r, 2, 0, 23, &hours) || !skip(r, ":") ||
		!digits(r, 2, 0, 59, &minutes))
		return false;
	*ret_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool read_time(struct reader *r, int64_t *ret_us)
{
	int hour, minute, second, offset_s;
	int64_t us = 0;
	if (!skip(r, "Tt") || !digits(r, 2, 0, 23, &hour) || !skip(r, ":") ||
		!digits(r, 2, 0, 59, &minute) || !skip(r, ":") || !digits(r, 2, 0, 60, &second))
		return false;
	if (skip(r, ".") && !read_fraction(r, &us))
		return false;
	if (!read_offset(r, &offset_s))
		return false;
	*ret_us = (int64_t)(hour * 3600 + minute * 60 + second - offset_s) * US + us;
	return true;
}

bool filter_time(struct arena *a, struct str text, const char **ret)
{
	struct reader r = { text.p, text.p + text.n };
	int64_t day, us = 0;
	if (!read_date(&r, &day))
		return false;
	if (r.p < r.end && !read_time(&r, &us))
		return false;
	int64_t total = day * DAY_S * US + us;
	if (r.p != r.end || total < day_number(1, 1, 1) * DAY_S * US ||
		total >= day_number(10000, 1, 1) * DAY_S * US)
		return false;
	*ret = clock_format(a, total);
	return true;
}

bool filter_date(struct str text)
{
	struct reader r = { text.p, text.p + text.n };
	int64_t day;
	return read_date(&r, &day) && r.p == r.end;
}
