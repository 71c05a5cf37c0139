/* The names, types and ranges of single items. */
#include "adapters/config/config_private.h"

static char *transform(
	struct arena *a, const char *prefix, const char *name, char from, char to, bool is_upper)
{
	char *text = arena_printf(a, "%s%s", prefix, name);

	for (char *p = text + strlen(prefix); *p; p++) {
		if (*p == from)
			*p = to;
		else if (is_upper && *p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	}
	return text;
}

const char *config_flag(struct arena *a, const struct config_item *item)
{
	return transform(a, "--", item->name, '_', '-', false);
}

const char *config_variable(struct arena *a, const struct config_item *item)
{
	return transform(a, "CRM_", item->name, '-', '_', true);
}

/* --- units --- */

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit DURATIONS[] = {
	{ "d", 86400000 },
	{ "h", 3600000 },
	{ "m", 60000 },
	{ "s", 1000 },
	{ "ms", 1 },
};
static const struct unit SIZES[] = {
	{ "G", 1 << 30 },
	{ "M", 1 << 20 },
	{ "k", 1 << 10 },
	{ "", 1 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* "10s" -> 10 * 1000. "0" needs no unit. */
static bool parse_with_unit(struct str s, const struct unit *units, size_t n, int64_t *ret)
{
	size_t digits = 0;
	struct str unit;
	int64_t v;

	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	if (!str_to_i64(str_n(s.p, digits), &v))
		return false;
	unit = str_n(s.p + digits, s.n - digits);
	for (size_t i = 0; i < n; i++) {
		if (str_is(unit, units[i].name))
			return !__builtin_mul_overflow(v, units[i].factor, ret);
	}
	*ret = 0;
	return v == 0 && unit.n == 0;
}

static const char *format_with_unit(struct arena *a, int64_t v, const struct unit *units, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (v != 0 && v % units[i].factor == 0)
			return arena_printf(
				a, "%lld%s", (long long)(v / units[i].factor), units[i].name);
	}
	return arena_printf(a, "%lld", (long long)v);
}

static bool parse_bool(struct str s, bool *ret)
{
	static const struct {
		const char *word;
		bool value;
	} WORDS[] = {
		{ "true", true },
		{ "yes", true },
		{ "on", true },
		{ "1", true },
		{ "false", false },
		{ "no", false },
		{ "off", false },
		{ "0", false },
	};

	for (size_t i = 0; i < COUNT(WORDS); i++) {
		if (str_is(s, WORDS[i].word)) {
			*ret = WORDS[i].value;
			return true;
		}
	}
	return false;
}

static bool is_choice(const char *choices, struct str s)
{
	struct str rest = str_c(choices);

	while (rest.p) {
		if (str_eq(str_cut(&rest, '|'), s))
			return true;
	}
	return false;
}

/* --- what an item allows, in words --- */

static bool has_range(const struct config_item *item)
{
	return item->min != 0 || item->max != 0;
}

static const char *bound(struct arena *a, const struct config_item *item, int64_t v)
{
	switch (item->type) {
	case CONFIG_DURATION:
		return format_with_unit(a, v, DURATIONS, COUNT(DURATIONS));
	case CONFIG_SIZE:
		return format_with_unit(a, v, SIZES, COUNT(SIZES));
	default:
		return arena_printf(a, "%lld", (long long)v);
	}
}

const char *config_allowed(struct arena *a, const struct config_item *item)
{
	static const char *const WORDS[] = {
		[CONFIG_STR] = "text",
		[CONFIG_INT] = "number",
		[CONFIG_BOOL] = "true|false",
		[CONFIG_DURATION] = "duration such as 250ms, 10s, 5m, 2h, 1d",
		[CONFIG_SIZE] = "size such as 512, 64k, 4M, 1G",
		[CONFIG_SECRET] = "secret, or @file",
	};
	bool is_text = item->type == CONFIG_STR || item->type == CONFIG_SECRET;

	if (item->type == CONFIG_CHOICE)
		return item->choices;
	if (!has_range(item))
		return WORDS[item->type];
	return arena_printf(a, "%s, %s..%s%s", WORDS[item->type], bound(a, item, item->min),
		bound(a, item, item->max), is_text ? " bytes" : "");
}

/* --- storing --- */

static void *target(const struct config_table *t, const struct config_item *item)
{
	return (char *)t->target + item->offset;
}

static bool in_range(const struct config_item *item, int64_t v)
{
	return !has_range(item) || (v >= item->min && v <= item->max);
}

static bool store_int(int64_t *to, const struct config_item *item, struct str s)
{
	int64_t v;
	bool ok;

	switch (item->type) {
	case CONFIG_DURATION:
		ok = parse_with_unit(s, DURATIONS, COUNT(DURATIONS), &v);
		break;
	case CONFIG_SIZE:
		ok = parse_with_unit(s, SIZES, COUNT(SIZES), &v);
		break;
	default:
		ok = str_to_i64(s, &v);
	}
	if (ok && in_range(item, v))
		*to = v;
	return ok && in_range(item, v);
}

/* An empty default means "not set": it is not held to the range of what is given. */
static bool store_text(
	struct arena *a, const char **to, const struct config_item *item, struct str s)
{
	bool is_default = item->fallback && str_is(s, item->fallback);

	if (!is_default && !in_range(item, (int64_t)s.n))
		return false;
	*to = str_dup(a, s);
	return true;
}

bool config_store(
	struct arena *a, const struct config_table *t, const struct config_item *item, struct str s)
{
	switch (item->type) {
	case CONFIG_BOOL:
		return parse_bool(s, target(t, item));
	case CONFIG_CHOICE:
		return is_choice(item->choices, s) && store_text(a, target(t, item), item, s);
	case CONFIG_STR:
	case CONFIG_SECRET:
		return store_text(a, target(t, item), item, s);
	default:
		return store_int(target(t, item), item, s);
	}
}
