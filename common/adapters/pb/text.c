/*
 * What validation and JSON ask of a text: one look at its bytes, and the bounds of timestamps and
 * durations.
 */
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether one of eight bytes is below 0x20, is 0x7f or above: the common text passes eight bytes a
 * step. */
static inline bool has_odd_byte(uint64_t w)
{
	uint64_t below_space = (w - EACH(0x20)) & ~w;
	uint64_t is_delete = ((w ^ EACH(0x7f)) - EACH(1)) & ~(w ^ EACH(0x7f));
	return ((below_space | is_delete | w) & EACH(0x80)) != 0;
}

static inline void byte_look(uint8_t c, struct pb_text *t)
{
	if (c >= 0x80)
		t->is_ascii = false;
	else if (c == 0)
		t->has_nul = true;
	else if (c == '\n' || c == '\r' || c == '\t')
		t->has_break = true;
	else if (c < 0x20 || c == 0x7f)
		t->has_control = true;
}

/* U+0080..U+009F in well-formed UTF-8 */
static bool has_c1(struct str s)
{
	for (size_t i = 0; i + 1 < s.n; i++) {
		if ((uint8_t)s.p[i] == 0xc2 && (uint8_t)s.p[i + 1] < 0xa0)
			return true;
	}
	return false;
}

bool pb_text_look(struct str s, struct pb_text *ret)
{
	*ret = (struct pb_text){ .is_ascii = true };
	size_t i = 0;
	while (i < s.n) {
		uint64_t w;
		if (s.n - i >= sizeof(w)) {
			memcpy(&w, s.p + i, sizeof(w));
			if (!has_odd_byte(w)) {
				i += sizeof(w);
				continue;
			}
		}
		byte_look((uint8_t)s.p[i++], ret);
	}
	if (ret->is_ascii)
		return true;
	if (!utf8_is_valid(s))
		return false;
	ret->has_control |= has_c1(s);
	return true;
}

bool pb_text_is_clean(struct str s)
{
	struct pb_text look;
	return pb_text_look(s, &look) && !look.has_nul && !look.has_break && !look.has_control;
}

bool pb_moment_read(struct str wire, struct pb_moment *ret)
{
	struct pb_reader r = pb_reader_of(wire);
	struct pb_wire_field f;
	*ret = (struct pb_moment){ 0 };
	while (pb_read(&r, &f)) {
		if (f.number == 1)
			ret->seconds = (int64_t)f.value;
		else if (f.number == 2)
			ret->nanos = (int32_t)f.value;
	}
	return r.p == r.end;
}

const char *pb_timestamp_fault(struct pb_moment t)
{
	if (t.seconds < PB_TIMESTAMP_MIN || t.seconds > PB_TIMESTAMP_MAX)
		return "is not a time from the year 1 to 9999";
	return t.nanos < 0 || t.nanos > 999999999 ? "has nanos outside 0 to 999999999" : NULL;
}

const char *pb_duration_fault(struct pb_moment t)
{
	if (t.seconds < -PB_DURATION_MAX || t.seconds > PB_DURATION_MAX)
		return "is longer than 10000 years";
	if (t.nanos < -999999999 || t.nanos > 999999999)
		return "has nanos outside -999999999 to 999999999";
	bool mixed = (t.seconds > 0 && t.nanos < 0) || (t.seconds < 0 && t.nanos > 0);
	return mixed ? "has seconds and nanos of opposite signs" : NULL;
}
