/*
 * Clock: wall time and monotonic time in microseconds. Tests can shift the wall clock. Threads:
 * any.
 */
#pragma once
#include <stdint.h>
#include "base/arena.h"

#define CLOCK_NEVER INT64_MAX

int64_t clock_now_us(void);  /* wall clock, since 1970-01-01T00:00:00Z */
int64_t clock_mono_us(void); /* never goes back; what deadlines are counted in */

/* For tests: added to the wall clock from now on. Also read once at start from the environment
 * variable CRM_CLOCK_OFFSET_US. */
void clock_set_offset_us(int64_t offset_us);

/* RFC 3339 in UTC, "2026-03-29T01:30:00.000001Z"; fraction dropped when it is zero. */
char *clock_format(struct arena *a, int64_t wall_us);
