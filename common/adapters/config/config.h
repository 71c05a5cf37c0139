/*
 * config: settings from the environment and the command line through one table of name, type,
 * range, default and help.
 * Item "in_flight" is CRM_IN_FLIGHT in the environment and --in-flight=VALUE on the command line;
 * the command line wins. A value that is wrong, out of range or unknown stops the start with its
 * name and what is allowed.
 * Owner: strings live in the arena. Threads: at start only.
 */
#pragma once
#include <stdio.h>
#include "base/str.h"

enum config_type {
	CONFIG_STR,      /* const char *; min/max are lengths if not both 0 */
	CONFIG_INT,      /* int64_t */
	CONFIG_BOOL,     /* bool: true false yes no on off 1 0; the bare flag means true */
	CONFIG_DURATION, /* int64_t in milliseconds: "250ms" "10s" "5m" "2h" "1d" */
	CONFIG_SIZE,     /* int64_t in bytes: "512" "64k" "4M" "1G" (powers of 1024) */
	CONFIG_CHOICE,   /* const char *, one of the words in `choices` ("debug|info|warn|error") */
	CONFIG_SECRET,   /* const char *; never printed. "@path" reads it from a file */
};

struct config_item {
	const char *name;
	enum config_type type;
	size_t offset;        /* into the target struct */
	const char *fallback; /* as text; NULL: required */
	int64_t min, max;     /* range in the stored unit; both 0: none */
	const char *choices;
	const char *help;
};

struct config_table {
	const struct config_item *items;
	size_t n;
	void *target;
};

enum config_outcome { CONFIG_OK, CONFIG_WRONG, CONFIG_HELP };
/* Several tables (the kit's and the service's). Errors and --help go to the streams. Exit with 2 on
 * CONFIG_WRONG and 0 on CONFIG_HELP. `environ` style env. */
enum config_outcome config_load(struct arena *a, const struct config_table *tables, size_t n_tables,
	int argc, char **argv, char **env, FILE *out, FILE *err) MUST_CHECK;
/* Reads a small file (at most max bytes) whole; trailing newline kept. ST_NOT_FOUND /
 * ST_FAILED_PRECONDITION. */
enum status config_read_file(struct arena *a, const char *path, size_t max, struct str *ret)
	MUST_CHECK;
