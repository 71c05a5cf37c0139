/*
 * args: the command line, by one table of flags. Flags may stand before and after the command, as
 * "--name value" and
 * "--name=value"; "--" ends them. Strings are those of argv.
 */
#pragma once
#include <stdio.h>
#include "adapters/rpc/rpc.h"

struct ctl;

enum { MAX_ARGS = 4, MAX_HEADERS = 32 };

struct options {
	const char *target, *tls_ca, *token_file;
	int64_t timeout_ms; /* 0: not given */
	size_t n_headers;
	struct rpc_header headers[MAX_HEADERS];
	bool pretty, watch, help;
	const char *tenant, *email, *name, *admin_name;
	const char *password_file, *secret_file, *api_key_file;
	size_t n_args;
	const char *args[MAX_ARGS]; /* after the command */
};

struct command {
	const char *name;
	const char *flags; /* names of the flags that it takes beside the common ones, with a blank
			      around each */
	const char *arguments; /* as shown in its help */
	size_t min_args, max_args;
	const char *help;
	enum status (*run)(struct ctl *c);
};

/* What ret_command points at is an element of the table; NULL if only help was asked for. */
enum status args_parse(struct ctl *c, int argc, char **argv, const struct command *table, size_t n,
	const struct command **ret_command) MUST_CHECK;
void args_help(FILE *out, const struct command *table, size_t n);
void args_command_help(FILE *out, const struct command *command);
