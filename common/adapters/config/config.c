/*
 * Config: every item is looked up on the command line, then in the environment, then in its own
 * default, and stored where the table says. All that is wrong is reported, not only the first.
 */
#include "adapters/config/config_private.h"

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

/* "NAME=value" -> value */
static const char *value_in(const char *pair, const char *name)
{
	size_t n = strlen(name);

	return strncmp(pair, name, n) == 0 && pair[n] == '=' ? pair + n + 1 : NULL;
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
	const char *flag = config_flag(l->arena, item);
	const char *variable = config_variable(l->arena, item);
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
		complain(l, "%s is required: set it or %s (%s)", config_flag(l->arena, item),
			config_variable(l->arena, item), config_allowed(l->arena, item));
		return;
	}
	if (item->type == CONFIG_SECRET && !resolve_secret(l, &g, &text))
		return;
	if (config_store(l->arena, t, item, text))
		return;
	if (item->type == CONFIG_SECRET)
		complain(l, "%s: wrong value; allowed: %s", g.source,
			config_allowed(l->arena, item));
	else
		complain(l, "%s: wrong value '%s'; allowed: %s", g.source, g.value,
			config_allowed(l->arena, item));
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
			struct str flag = str_c(config_flag(l->arena, &l->tables[t].items[i]));

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
			if (str_is(name, config_flag(l->arena, &l->tables[t].items[i])))
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
		config_print_help(a, tables, n_tables, argv[0], out);
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
