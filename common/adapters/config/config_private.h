/* What the files of config share. */
#pragma once
#include "adapters/config/config.h"

/* value.c: names and values of one item */
const char *config_flag(struct arena *a, const struct config_item *item);     /* "--in-flight" */
const char *config_variable(struct arena *a, const struct config_item *item); /* "CRM_IN_FLIGHT" */
const char *config_allowed(struct arena *a, const struct config_item *item);  /* in words */
/* False: s is not of the item's type or range; nothing is stored. */
bool config_store(struct arena *a, const struct config_table *t, const struct config_item *item,
	struct str s);

/* help.c */
void config_print_help(struct arena *a, const struct config_table *tables, size_t n_tables,
	const char *program, FILE *out);
