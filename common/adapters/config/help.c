/* Help: every item with its flag, variable, what is allowed, default and help, in columns. */
#include "adapters/config/config_private.h"

struct widths {
	size_t flag, variable, allowed;
};

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static struct widths measure(struct arena *a, const struct config_table *tables, size_t n_tables)
{
	struct widths w = { 0 };

	for (size_t t = 0; t < n_tables; t++) {
		for (size_t i = 0; i < tables[t].n; i++) {
			const struct config_item *item = &tables[t].items[i];

			w.flag = max_size(w.flag, strlen(config_flag(a, item)));
			w.variable = max_size(w.variable, strlen(config_variable(a, item)));
			w.allowed = max_size(w.allowed, strlen(config_allowed(a, item)));
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

void config_print_help(struct arena *a, const struct config_table *tables, size_t n_tables,
	const char *program, FILE *out)
{
	struct widths w = measure(a, tables, n_tables);

	(void)fprintf(out,
		"usage: %s [--NAME=VALUE ...]\n\n"
		"Each setting is a flag or an environment variable; the flag wins.\n\n",
		program);
	for (size_t t = 0; t < n_tables; t++) {
		for (size_t i = 0; i < tables[t].n; i++) {
			const struct config_item *item = &tables[t].items[i];

			(void)fprintf(out, "  %-*s  %-*s  %-*s  %s\n      %s\n", (int)w.flag,
				config_flag(a, item), (int)w.variable, config_variable(a, item),
				(int)w.allowed, config_allowed(a, item), default_text(a, item),
				item->help);
		}
	}
	(void)fprintf(out, "  %-*s  prints this\n", (int)w.flag, "--help");
}
