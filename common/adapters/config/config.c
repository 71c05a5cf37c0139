/*
 * Config: every item is looked up on the command line, then in the environment, then in its own
 * default, and stored where the table says. All that is wrong is reported, not only the first.
 */
#include "adapters/config/config.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_SECRET = 64 * 1024, MAX_FLAG = 64 };

struct loader {
	struct arena *arena;
	const struct config_table *tables;
	size_t n_tables;
	char **args; /* without the program's name */
	size_t n_args;
	char **env;
	FILE *err;
	bool is_wrong;
};

/* Where a value came from, as the user knows it: "--port", "CRM_PORT" or "the default of port". */
struct given {
	const char *source;
	const char *value; /* NULL: nowhere */
};

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

static const char *flag_of(struct arena *a, const struct config_item *item)
{
	return transform(a, "--", item->name, '_', '-', false);
}

static const char *variable_of(struct arena *a, const struct config_item *item)
{
	return transform(a, "CRM_", item->name, '-', '_', true);
}

/* "NAME=value" -> value */
static const char *value_in(const char *pair, const char *name)
{
	size_t n = strlen(name);

	return strncmp(pair, name, n) == 0 && pair[n] == '=' ? pair + n + 1 : NULL;
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

static const char *allowed(struct arena *a, const struct config_item *item)
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

static bool store(
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

/* --- loading one item --- */

PRINTF_LIKE(2, 3)
static void complain(struct loader *l, const char *fmt, ...)
{
	va_list ap;

	l->is_wrong = true;
	va_start(ap, fmt);
	(void)vfprintf(l->err, fmt, ap); /* a stream that fails leaves nobody to tell */
	va_end(ap);
	(void)fputc('\n', l->err);
}

static struct given find(struct loader *l, const struct config_item *item)
{
	const char *flag = flag_of(l->arena, item);
	const char *variable = variable_of(l->arena, item);
	const char *value;

	for (size_t i = l->n_args; i-- > 0;) {
		value = value_in(l->args[i], flag);
		if (!value && item->type == CONFIG_BOOL && strcmp(l->args[i], flag) == 0)
			value = "true"; /* "--fast" alone */
		if (value)
			return (struct given){ flag, value };
	}
	for (char **pair = l->env; *pair; pair++) {
		value = value_in(*pair, variable);
		if (value)
			return (struct given){ variable, value };
	}
	return (struct given){ arena_printf(l->arena, "the default of %s", flag), item->fallback };
}

static const char *why_unreadable(enum status s)
{
	return s == ST_NOT_FOUND ? "does not exist" : "cannot be read or is larger than 64k";
}

/* "@path" -> the file's text without the newline at its end. False if it was reported. */
static bool resolve_secret(struct loader *l, const struct given *g, struct str *ret)
{
	enum status s;

	*ret = str_c(g->value);
	if (g->value[0] != '@')
		return true;
	s = config_read_file(l->arena, g->value + 1, MAX_SECRET, ret);
	if (s != ST_OK) {
		complain(l, "%s: the file %s %s", g->source, g->value + 1, why_unreadable(s));
		return false;
	}
	while (ret->n > 0 && (ret->p[ret->n - 1] == '\n' || ret->p[ret->n - 1] == '\r'))
		ret->n--;
	if (memchr(ret->p, '\0', ret->n)) {
		complain(l, "%s: the file %s is not text", g->source, g->value + 1);
		return false;
	}
	return true;
}

static void load_item(
	struct loader *l, const struct config_table *t, const struct config_item *item)
{
	struct given g = find(l, item);
	struct str text = str_c(g.value);

	if (!g.value) {
		complain(l, "%s is required: set it or %s (%s)", flag_of(l->arena, item),
			variable_of(l->arena, item), allowed(l->arena, item));
		return;
	}
	if (item->type == CONFIG_SECRET && !resolve_secret(l, &g, &text))
		return;
	if (store(l->arena, t, item, text))
		return;
	if (item->type == CONFIG_SECRET)
		complain(l, "%s: wrong value; allowed: %s", g.source, allowed(l->arena, item));
	else
		complain(l, "%s: wrong value '%s'; allowed: %s", g.source, g.value,
			allowed(l->arena, item));
}

/* --- arguments that no item knows --- */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein distance; both are at most MAX_FLAG long. */
static size_t distance(struct str a, struct str b)
{
	size_t row[MAX_FLAG + 1];

	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t above = row[j];

			row[j] = min3(
				above + 1, row[j - 1] + 1, diagonal + (a.p[i - 1] != b.p[j - 1]));
			diagonal = above;
		}
	}
	return row[b.n];
}

/* The flag most like s, or NULL if none is near. */
static const char *nearest(struct loader *l, struct str s)
{
	size_t best = s.n / 2;
	const char *found = NULL;

	for (size_t t = 0; t < l->n_tables; t++) {
		for (size_t i = 0; i < l->tables[t].n; i++) {
			struct str flag = str_c(flag_of(l->arena, &l->tables[t].items[i]));

			if (s.n <= MAX_FLAG && flag.n <= MAX_FLAG && distance(s, flag) < best) {
				best = distance(s, flag);
				found = flag.p;
			}
		}
	}
	return found;
}

/* The item of a flag, or NULL. */
static const struct config_item *item_of(struct loader *l, struct str name)
{
	for (size_t t = 0; t < l->n_tables; t++) {
		for (size_t i = 0; i < l->tables[t].n; i++) {
			if (str_is(name, flag_of(l->arena, &l->tables[t].items[i])))
				return &l->tables[t].items[i];
		}
	}
	return NULL;
}

static void check_argument(struct loader *l, const char *arg)
{
	struct str value = str_c(arg);
	struct str name = str_cut(&value, '=');
	const struct config_item *item = item_of(l, name);
	const char *near;

	if (item) {
		if (!value.p && item->type != CONFIG_BOOL)
			complain(l, "%s: the value is missing; write %s=VALUE", arg, arg);
		return;
	}
	/* what follows '=' may be a secret under a misspelt name */
	near = nearest(l, name);
	complain(l, "%.*s is unknown%s%s; --help lists what there is", (int)name.n, name.p,
		near ? "; did you mean " : "", near ? near : "");
}

/* --- help --- */

struct widths {
	size_t flag, variable, allowed;
};

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static struct widths measure(struct loader *l)
{
	struct widths w = { 0 };

	for (size_t t = 0; t < l->n_tables; t++) {
		for (size_t i = 0; i < l->tables[t].n; i++) {
			const struct config_item *item = &l->tables[t].items[i];

			w.flag = max_size(w.flag, strlen(flag_of(l->arena, item)));
			w.variable = max_size(w.variable, strlen(variable_of(l->arena, item)));
			w.allowed = max_size(w.allowed, strlen(allowed(l->arena, item)));
		}
	}
	return w;
}

static const char *default_text(struct arena *a, const struct config_item *item)
{
	if (!item->fallback)
		return "required";
	if (!item->fallback[0])
		return "not set by default";
	if (item->type == CONFIG_SECRET)
		return "has a default";
	return arena_printf(a, "default %s", item->fallback);
}

static void print_help(struct loader *l, const char *program, FILE *out)
{
	struct widths w = measure(l);

	(void)fprintf(out,
		"usage: %s [--NAME=VALUE ...]\n\n"
		"Each setting is a flag or an environment variable; the flag wins.\n\n",
		program);
	for (size_t t = 0; t < l->n_tables; t++) {
		for (size_t i = 0; i < l->tables[t].n; i++) {
			const struct config_item *item = &l->tables[t].items[i];

			(void)fprintf(out, "  %-*s  %-*s  %-*s  %s\n      %s\n", (int)w.flag,
				flag_of(l->arena, item), (int)w.variable,
				variable_of(l->arena, item), (int)w.allowed,
				allowed(l->arena, item), default_text(l->arena, item), item->help);
		}
	}
	(void)fprintf(out, "  %-*s  prints this\n", (int)w.flag, "--help");
}

static bool wants_help(const struct loader *l)
{
	for (size_t i = 0; i < l->n_args; i++) {
		if (strcmp(l->args[i], "--help") == 0 || strcmp(l->args[i], "-h") == 0)
			return true;
	}
	return false;
}

enum config_outcome config_load(struct arena *a, const struct config_table *tables, size_t n_tables,
	int argc, char **argv, char **env, FILE *out, FILE *err)
{
	struct loader l = {
		.arena = a,
		.tables = tables,
		.n_tables = n_tables,
		.args = argc > 0 ? argv + 1 : argv,
		.n_args = argc > 0 ? (size_t)argc - 1 : 0,
		.env = env,
		.err = err,
	};

	if (wants_help(&l)) {
		print_help(&l, argv[0], out);
		return CONFIG_HELP;
	}
	for (size_t i = 0; i < l.n_args; i++)
		check_argument(&l, l.args[i]);
	for (size_t t = 0; t < n_tables; t++) {
		for (size_t i = 0; i < tables[t].n; i++)
			load_item(&l, &tables[t], &tables[t].items[i]);
	}
	return l.is_wrong ? CONFIG_WRONG : CONFIG_OK;
}

/* --- files --- */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* only read from */
}

/* Bytes read until the end of the file, at most n. */
static bool read_all(int fd, char *p, size_t n, size_t *ret_n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, p + done, n - done);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	*ret_n = done;
	return true;
}

enum status config_read_file(struct arena *a, const char *path, size_t max, struct str *ret)
{
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *p;
	size_t n;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ST_NOT_FOUND : ST_FAILED_PRECONDITION;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
		(uint64_t)st.st_size > max)
		return ST_FAILED_PRECONDITION;
	p = arena_alloc(a, (size_t)st.st_size + 1);
	if (!read_all(fd, p, (size_t)st.st_size, &n))
		return ST_FAILED_PRECONDITION;
	p[n] = '\0';
	*ret = str_n(p, n);
	return ST_OK;
}
