/*
 * Binary values of PostgreSQL to text and numbers, and dates back.
 */
#include "adapters/db/value_private.h"

int64_t value_int(enum value_type t, const char *v)
{
	switch (t) {
	case VALUE_BOOL:
		return *v != 0;
	case VALUE_INT2:
		return (int16_t)read_be16(v);
	case VALUE_INT4:
	case VALUE_DATE:
		return (int32_t)read_be32(v);
	default:
		return (int64_t)read_be64(v);
	}
}

double value_double(enum value_type t, const char *v)
{
	if (t == VALUE_FLOAT4) {
		uint32_t bits = read_be32(v);
		float f;
		memcpy(&f, &bits, sizeof(f));
		return (double)f;
	}
	uint64_t bits = read_be64(v);
	double d;
	memcpy(&d, &bits, sizeof(d));
	return d;
}

/* ---- uuid ---- */

/* Two hexadecimal digits for each byte value. */
#define HEX1(h, l)                                                                                 \
	{                                                                                          \
		h, l                                                                               \
	}
#define HEX16(h)                                                                                   \
	HEX1(h, '0'), HEX1(h, '1'), HEX1(h, '2'), HEX1(h, '3'), HEX1(h, '4'), HEX1(h, '5'),        \
		HEX1(h, '6'), HEX1(h, '7'), HEX1(h, '8'), HEX1(h, '9'), HEX1(h, 'a'),              \
		HEX1(h, 'b'), HEX1(h, 'c'), HEX1(h, 'd'), HEX1(h, 'e'), HEX1(h, 'f')
static const char hex[256][2] = { HEX16('0'), HEX16('1'), HEX16('2'), HEX16('3'), HEX16('4'),
	HEX16('5'), HEX16('6'), HEX16('7'), HEX16('8'), HEX16('9'), HEX16('a'), HEX16('b'),
	HEX16('c'), HEX16('d'), HEX16('e'), HEX16('f') };

static inline void put_hex(char *p, const char *v, int n)
{
	for (int i = 0; i < n; i++)
		memcpy(p + 2 * i, hex[(unsigned char)v[i]], 2);
}

char *value_put_uuid(char *p, const char *v)
{
	p[8] = p[13] = p[18] = p[23] = '-';
	put_hex(p, v, 4);
	put_hex(p + 9, v + 4, 2);
	put_hex(p + 14, v + 6, 2);
	put_hex(p + 19, v + 8, 2);
	put_hex(p + 24, v + 10, 6);
	return p + 36;
}

/* ---- date ---- */

/* Days since 1970-01-01 of a proleptic Gregorian date, and back: years counted from March, in eras
 * of 400 years (the method of Howard Hinnant's "chrono-compatible low-level date algorithms"). */
static int64_t days_from_civil(int64_t y, int64_t m, int64_t d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t doe = days - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = yoe + era * 400 + (*m <= 2);
}

static char *put_digits(char *p, int64_t v, int width)
{
	char digits[20];
	int n = 0;
	for (; v > 0 || n < width; v /= 10)
		digits[n++] = (char)('0' + v % 10);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

static char *put_two(char *p, unsigned v)
{
	p[0] = (char)('0' + v / 10);
	p[1] = (char)('0' + v % 10);
	return p + 2;
}

char *value_put_date(char *p, int32_t pg_days)
{
	int64_t y, m, d;
	civil_from_days((int64_t)pg_days + PG_EPOCH_DAYS, &y, &m, &d);
	if (y < 0) {
		*p++ = '-';
		y = -y;
	}
	p = y > 9999 ? put_digits(p, y, 4)
		     : put_two(put_two(p, (unsigned)y / 100), (unsigned)y % 100);
	*p++ = '-';
	p = put_two(p, (unsigned)m);
	*p++ = '-';
	return put_two(p, (unsigned)d);
}

static bool read_digits(const char *s, int n, int64_t *ret)
{
	*ret = 0;
	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*ret = *ret * 10 + (s[i] - '0');
	}
	return true;
}

bool value_parse_date(const char *s, int32_t *ret_pg_days)
{
	int64_t y, m, d, y2, m2, d2;
	if (strlen(s) != 10 || s[4] != '-' || s[7] != '-' || !read_digits(s, 4, &y) ||
		!read_digits(s + 5, 2, &m) || !read_digits(s + 8, 2, &d) || y < 1 || m < 1 ||
		m > 12 || d < 1)
		return false;
	int64_t days = days_from_civil(y, m, d);
	civil_from_days(days, &y2, &m2, &d2);
	if (y2 != y || m2 != m || d2 != d)
		return false; /* the 30th of February */
	*ret_pg_days = (int32_t)(days - PG_EPOCH_DAYS);
	return true;
}

/* ---- numeric ---- */

/* Groups of four decimal digits; the first has the weight 10000^weight. */
struct numeric {
	int n_groups, weight, sign, scale;
	const char *groups;
};

enum {
	NUMERIC_POSITIVE = 0x0000,
	NUMERIC_NEGATIVE = 0x4000,
	NUMERIC_NAN = 0xC000,
	NUMERIC_PINF = 0xD000,
	NUMERIC_NINF = 0xF000
};

static struct numeric numeric_open(const char *v, int len)
{
	if (len < 8)
		return (struct numeric){ .sign = NUMERIC_NAN };
	struct numeric x = { .n_groups = (int16_t)read_be16(v),
		.weight = (int16_t)read_be16(v + 2),
		.sign = read_be16(v + 4),
		.scale = read_be16(v + 6) & 0x3fff,
		.groups = v + 8 };
	if (x.n_groups < 0 || x.n_groups > (len - 8) / 2)
		x.n_groups = (len - 8) / 2;
	return x;
}

size_t value_numeric_room(const char *v, int len)
{
	struct numeric x = numeric_open(v, len);
	return (size_t)(x.weight > 0 ? x.weight : 0) * 4 + (size_t)x.scale + NUMERIC_TEXT_EXTRA;
}

static int numeric_group(const struct numeric *x, int i)
{
	return i >= 0 && i < x->n_groups ? read_be16(x->groups + 2 * i) : 0;
}

char *value_put_numeric(char *p, const char *v, int len)
{
	struct numeric x = numeric_open(v, len);
	if (x.sign != NUMERIC_POSITIVE && x.sign != NUMERIC_NEGATIVE) {
		const char *name = x.sign == NUMERIC_PINF   ? "Infinity"
				   : x.sign == NUMERIC_NINF ? "-Infinity"
							    : "NaN";
		size_t n = strlen(name);
		memcpy(p, name, n);
		return p + n;
	}
	if (x.sign == NUMERIC_NEGATIVE)
		*p++ = '-';
	if (x.weight < 0)
		*p++ = '0';
	for (int i = 0; i <= x.weight; i++)
		p = put_digits(p, numeric_group(&x, i), i == 0 ? 1 : 4);
	if (x.scale == 0)
		return p;
	*p++ = '.';
	char *end = p + x.scale;
	for (int i = x.weight + 1; p < end; i++) {
		char group[4];
		put_digits(group, numeric_group(&x, i), 4);
		for (int k = 0; k < 4 && p < end; k++)
			*p++ = group[k];
	}
	return p;
}

/* ---- arrays ---- */

struct array_reader array_open(const char *v, int len)
{
	if (len < 12)
		return (struct array_reader){ 0 };
	struct array_reader r = { .p = v, .end = v + len };
	uint32_t dims = read_be32(v);
	if (dims == 0 || dims > 6 || (size_t)len < 12 + dims * 8)
		return r;
	uint64_t n = 1;
	for (uint32_t i = 0; i < dims; i++)
		n *= read_be32(v + 12 + i * 8);
	r.p = v + 12 + dims * 8;
	r.left = n <= (size_t)(r.end - r.p) / 4 ? (uint32_t)n : 0;
	return r;
}

bool array_next(struct array_reader *r, const char **ret_v, int *ret_len)
{
	if (r->left == 0 || r->end - r->p < 4) /* an array that was NULL has none left */
		return false;
	int32_t n = (int32_t)read_be32(r->p);
	r->p += 4;
	r->left--;
	if (n > r->end - r->p)
		return false;
	*ret_v = r->p;
	*ret_len = n;
	if (n > 0)
		r->p += n;
	return true;
}
