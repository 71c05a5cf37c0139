/*
 * UUIDs (RFC 9562). Version 7 is 48 bits of milliseconds, a counter of 16 bits and 58 random bits.
 * Clock and counter are one process-wide word that only grows: within a millisecond, or when the
 * clock is set back, it counts on, and an overflowing counter carries into the milliseconds
 * (section 6.2, "counter rollover"). Each new millisecond starts the counter at random in its lower
 * half, which leaves room for 32768 ids.
 */
#include "base/uuid.h"
#include <stdatomic.h>
#include "base/clock.h"

enum { COUNTER_BITS = 16, COUNTER_SEED = 0x7fff };

static _Atomic uint64_t last_tick; /* milliseconds << COUNTER_BITS | counter */

static uint64_t clock_ms(void)
{
	int64_t us = clock_now_us();

	return us > 0 ? (uint64_t)us / 1000 : 0;
}

/* A value never returned before, larger than all of them. */
static uint64_t next_tick(uint16_t seed)
{
	uint64_t fresh = clock_ms() << COUNTER_BITS | (seed & COUNTER_SEED);
	uint64_t last = atomic_load_explicit(&last_tick, memory_order_relaxed);
	uint64_t next;

	do {
		next = last >> COUNTER_BITS >= fresh >> COUNTER_BITS ? last + 1 : fresh;
	} while (!atomic_compare_exchange_weak(&last_tick, &last, next));
	return next;
}

static struct uuid set_version(struct uuid u, uint8_t version)
{
	u.b[6] = (uint8_t)(version << 4 | (u.b[6] & 0x0f));
	u.b[8] = 0x80 | (u.b[8] & 0x3f);
	return u;
}

struct uuid uuid_v7(void)
{
	struct uuid u;
	uint16_t seed;
	uint64_t tick;

	random_bytes(u.b, sizeof(u.b));
	memcpy(&seed, u.b, sizeof(seed));
	tick = next_tick(seed);
	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t)(tick >> (56 - 8 * i));
	/* the counter: 12 bits after the version, 4 after the variant */
	u.b[6] = tick >> 12 & 0x0f;
	u.b[7] = (uint8_t)(tick >> 4);
	u.b[8] = (uint8_t)((tick & 0x0f) << 2 | (u.b[8] & 0x03));
	return set_version(u, 7);
}

struct uuid uuid_v4(void)
{
	struct uuid u;

	random_bytes(u.b, sizeof(u.b));
	return set_version(u, 4);
}

static bool is_dash(size_t at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

void uuid_format(struct uuid u, char out[UUID_TEXT + 1])
{
	static const char DIGITS[] = "0123456789abcdef";
	size_t at = 0;

	for (size_t i = 0; i < sizeof(u.b); i++) {
		if (is_dash(at))
			out[at++] = '-';
		out[at++] = DIGITS[u.b[i] >> 4];
		out[at++] = DIGITS[u.b[i] & 0x0f];
	}
	out[at] = '\0';
}

char *uuid_text(struct arena *a, struct uuid u)
{
	char *text = arena_alloc(a, UUID_TEXT + 1);

	uuid_format(u, text);
	return text;
}

char *uuid_v7_text(struct arena *a)
{
	return uuid_text(a, uuid_v7());
}

/* -1 if c is no hexadecimal digit. */
static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool uuid_parse(struct str s, struct uuid *ret)
{
	struct uuid u = { { 0 } };
	size_t at = 0;

	if (s.n != UUID_TEXT)
		return false;
	for (size_t i = 0; i < sizeof(u.b); i++) {
		int high, low;

		if (is_dash(at) && s.p[at++] != '-')
			return false;
		high = digit_value(s.p[at++]);
		low = digit_value(s.p[at++]);
		if (high < 0 || low < 0)
			return false;
		u.b[i] = (uint8_t)(high << 4 | low);
	}
	*ret = u;
	return true;
}
