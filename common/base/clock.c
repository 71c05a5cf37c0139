/* Clock: the kernel's clocks, plus an offset on the wall clock for tests. */
#include "base/clock.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/str.h"

enum { US_PER_SECOND = 1000000, SECONDS_PER_DAY = 86400 };

/* The range of RFC 3339 and of google.protobuf.Timestamp: years 0001 to 9999. */
#define MIN_WALL_US (-62135596800 * US_PER_SECOND)
#define MAX_WALL_US (253402300800 * US_PER_SECOND - 1)

static pthread_once_t offset_once = PTHREAD_ONCE_INIT;
static _Atomic int64_t wall_offset_us;

static void read_offset(void)
{
	int64_t offset_us;

	if (str_to_i64(str_c(getenv("CRM_CLOCK_OFFSET_US")), &offset_us))
		atomic_store(&wall_offset_us, offset_us);
}

static int64_t read_us(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t) != 0)
		abort(); /* the kernel has both clocks */
	return (int64_t)t.tv_sec * US_PER_SECOND + t.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
	(void)pthread_once(&offset_once, read_offset);
	return read_us(CLOCK_REALTIME) +
	       atomic_load_explicit(&wall_offset_us, memory_order_relaxed);
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

void clock_set_offset_us(int64_t offset_us)
{
	(void)pthread_once(&offset_once, read_offset);
	atomic_store(&wall_offset_us, offset_us);
}

struct date {
	int64_t year;
	int month, day;
};

/* Proleptic Gregorian date of a day counted from 1970-01-01. Years begin in March, so that the leap
 * day comes last. */
static struct date date_of(int64_t day)
{
	int64_t since = day + 719468; /* from 0000-03-01 */
	int64_t era = (since >= 0 ? since : since - 146096) / 146097;
	int64_t of_era = since - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* 0 is March */

	return (struct date){
		.year = year + era * 400 + (month >= 10),
		.month = (int)(month < 10 ? month + 3 : month - 9),
		.day = (int)(of_year - (153 * month + 2) / 5 + 1),
	};
}

static int64_t clamp(int64_t us)
{
	if (us < MIN_WALL_US)
		return MIN_WALL_US;
	return us > MAX_WALL_US ? MAX_WALL_US : us;
}

char *clock_format(struct arena *a, int64_t wall_us)
{
	int64_t us = clamp(wall_us) - MIN_WALL_US; /* not negative: division truncates as wanted */
	int fraction = (int)(us % US_PER_SECOND);
	int64_t seconds = us / US_PER_SECOND;
	int of_day = (int)(seconds % SECONDS_PER_DAY);
	struct date d =
		date_of(seconds / SECONDS_PER_DAY + MIN_WALL_US / US_PER_SECOND / SECONDS_PER_DAY);
	char tail[16] = "";

	if (fraction)
		(void)snprintf(tail, sizeof(tail), ".%06d", fraction);
	return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", (int)d.year, d.month, d.day,
		of_day / 3600, of_day / 60 % 60, of_day % 60, tail);
}
