/* See args.h. */
#include "tools/crmctl/args.h"
#include <stdlib.h>
#include "tools/crmctl/crmctl.h"

enum flag_type { FLAG_TEXT, FLAG_BOOL, FLAG_DURATION, FLAG_HEADER };

struct flag {
	const char *name;
	enum flag_type type;
	size_t offset;
	bool is_common; /* every command takes it */
	const char *value, *help;
};

#define AT(field) offsetof(struct options, field)

static const struct flag FLAGS[] = {
	{ "target", FLAG_TEXT, AT(target), true, "HOST:PORT",
		"server; default $CRM_TARGET or 127.0.0.1:7400" },
	{ "tls-ca", FLAG_TEXT, AT(tls_ca), true, "FILE",
		"speak TLS and trust these certificates (PEM)" },
	{ "token-file", FLAG_TEXT, AT(token_file), true, "FILE",
		"where the sign-in is kept; default $CRM_TOKEN_FILE or "
		"~/.local/state/crmctl/token.json" },
	{ "timeout", FLAG_DURATION, AT(timeout_ms), true, "10s",
		"deadline of a call; default 30s, none for streams" },
	{ "header", FLAG_HEADER, 0, true, "KEY=VALUE", "metadata to send; may be repeated" },
	{ "help", FLAG_BOOL, AT(help), true, NULL, "this text" },
	{ "pretty", FLAG_BOOL, AT(pretty), false, NULL, "answers on several lines" },
	{ "watch", FLAG_BOOL, AT(watch), false, NULL, "print every change until interrupted" },
	{ "tenant", FLAG_TEXT, AT(tenant), false, "KEY", "key of the tenant" },
	{ "email", FLAG_TEXT, AT(email), false, "ADDRESS", "e-mail address of the user" },
	{ "name", FLAG_TEXT, AT(name), false, "NAME", "name of the tenant as shown" },
	{ "admin-name", FLAG_TEXT, AT(admin_name), false, "NAME",
		"name of the first administrator" },
	{ "password-file", FLAG_TEXT, AT(password_file), false, "FILE",
		"holds the password; else $CRM_PASSWORD, else it is asked for" },
	{ "secret-file", FLAG_TEXT, AT(secret_file), false, "FILE",
		"its first line is the bootstrap secret" },
	{ "api-key-file", FLAG_TEXT, AT(api_key_file), false, "FILE",
		"holds the API key of a machine" },
};

enum { N_FLAGS = sizeof(FLAGS) / sizeof(FLAGS[0]) };

static const struct flag *flag_find(struct str name)
{
	for (size_t i = 0; i < N_FLAGS; i++) {
		if (str_is(name, FLAGS[i].name))
			return &FLAGS[i];
	}
	return NULL;
}

static bool flag_is_of(const struct flag *f, const struct command *command)
{
	size_t n = strlen(f->name);

	for (const char *at = command->flags; (at = strstr(at, f->name)) != NULL; at++) {
		if (at[-1] == ' ' && at[n] == ' ')
			return true;
	}
	return f->is_common;
}

/* ---- values ---- */

static bool duration_parse(struct str s, int64_t *ret_ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} UNITS[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 } };
	int64_t n;

	for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
		if (!str_ends(s, UNITS[i].unit) ||
			!str_to_i64(str_n(s.p, s.n - strlen(UNITS[i].unit)), &n))
			continue;
		*ret_ms = n * UNITS[i].ms;
		return n > 0 && n <= 1000 * 1000;
	}
	return false;
}

static bool header_key_is_valid(struct str key)
{
	for (size_t i = 0; i < key.n; i++) {
		char ch = key.p[i];

		if (!(ch >= 'a' && ch <= 'z') && !(ch >= '0' && ch <= '9') && !strchr("-_.", ch))
			return false;
	}
	return key.n > 0 && !str_starts(key, "grpc-");
}

static bool header_value_is_valid(struct str key, struct str value)
{
	if (str_ends(key, "-bin"))
		return true;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < 0x20 || value.p[i] > 0x7e)
			return false;
	}
	return true;
}

static enum status header_set(struct ctl *c, struct str text)
{
	struct options *o = &c->options;
	struct str value = text;
	struct str key = str_cut(&value, '=');

	if (!value.p || !header_key_is_valid(key) || !header_value_is_valid(key, value))
		return ctl_fail_usage(
			c, "--header wants KEY=VALUE, a key of a-z 0-9 - _ . and printable ASCII");
	if (o->n_headers == MAX_HEADERS)
		return ctl_fail_usage(c, "at most %d headers", MAX_HEADERS);
	o->headers[o->n_headers++] = (struct rpc_header){ str_dup(c->arena, key), value };
	return ST_OK;
}

static enum status flag_set(struct ctl *c, const struct flag *f, const char *value)
{
	char *field = (char *)&c->options + f->offset;

	switch (f->type) {
	case FLAG_BOOL:
		*(bool *)(void *)field = true;
		return ST_OK;
	case FLAG_HEADER:
		return header_set(c, str_c(value));
	case FLAG_DURATION:
		if (!duration_parse(str_c(value), (int64_t *)(void *)field))
			return ctl_fail_usage(
				c, "--%s wants a time such as 500ms, 10s or 2m", f->name);
		return ST_OK;
	case FLAG_TEXT:
		break;
	}
	if (!*value)
		return ctl_fail_usage(c, "--%s is empty", f->name);
	*(const char **)(void *)field = value;
	return ST_OK;
}

/* ---- the line ---- */

struct line {
	struct ctl *ctl;
	char **at, **end;
	const struct flag *given[64];
	size_t n_given;
	const char *command;
};

static enum status flag_read(struct line *l, const char *text)
{
	struct str value = str_c(text);
	struct str name = str_cut(&value, '=');
	const struct flag *f = flag_find(name);

	if (!f)
		return ctl_fail_usage(l->ctl, "there is no flag --%.*s", (int)name.n, name.p);
	if (f->type == FLAG_BOOL && value.p)
		return ctl_fail_usage(l->ctl, "--%s takes no value", f->name);
	if (f->type != FLAG_BOOL && !value.p) {
		if (l->at == l->end)
			return ctl_fail_usage(l->ctl, "--%s wants a value: %s", f->name, f->value);
		value = str_c(*l->at++);
	}
	if (l->n_given == sizeof(l->given) / sizeof(l->given[0]))
		return ctl_fail_usage(l->ctl, "too many flags");
	l->given[l->n_given++] = f;
	return flag_set(l->ctl, f, value.p);
}

static enum status argument_read(struct line *l, const char *text)
{
	struct options *o = &l->ctl->options;

	if (!l->command) {
		l->command = text;
		return ST_OK;
	}
	if (o->n_args == MAX_ARGS)
		return ctl_fail_usage(l->ctl, "'%s' is one argument too many", text);
	o->args[o->n_args++] = text;
	return ST_OK;
}

static enum status line_read(struct line *l)
{
	bool has_flags = true;

	while (l->at < l->end) {
		const char *text = *l->at++;

		if (has_flags && strcmp(text, "--") == 0)
			has_flags = false;
		else if (has_flags && strcmp(text, "-h") == 0)
			l->ctl->options.help = true;
		else if (has_flags && strncmp(text, "--", 2) == 0)
			TRY(flag_read(l, text + 2));
		else if (has_flags && text[0] == '-' && text[1])
			return ctl_fail_usage(l->ctl, "there is no flag %s", text);
		else
			TRY(argument_read(l, text));
	}
	return ST_OK;
}

static const struct command *command_find(const struct command *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	}
	return NULL;
}

static enum status command_check(struct line *l, const struct command *command)
{
	size_t n = l->ctl->options.n_args;

	for (size_t i = 0; i < l->n_given; i++) {
		if (!flag_is_of(l->given[i], command))
			return ctl_fail_usage(
				l->ctl, "%s takes no --%s", command->name, l->given[i]->name);
	}
	if (l->ctl->options.help || (n >= command->min_args && n <= command->max_args))
		return ST_OK;
	return ctl_fail_usage(l->ctl, "usage: crmctl %s %s", command->name, command->arguments);
}

static void defaults_set(struct options *o)
{
	const char *target = getenv("CRM_TARGET");

	o->target = target && *target ? target : "127.0.0.1:7400";
}

enum status args_parse(struct ctl *c, int argc, char **argv, const struct command *table, size_t n,
	const struct command **ret_command)
{
	struct line l = { .ctl = c, .at = argv + (argc > 0), .end = argv + argc };
	const struct command *command;

	defaults_set(&c->options);
	TRY(line_read(&l));
	if (l.command && strcmp(l.command, "help") == 0) {
		c->options.help = true;
		l.command = c->options.n_args > 0 ? c->options.args[0] : NULL;
	}
	if (!l.command && c->options.help) {
		*ret_command = NULL;
		return ST_OK;
	}
	if (!l.command)
		return ctl_fail_usage(c, "a command is missing");
	command = command_find(table, n, l.command);
	if (!command)
		return ctl_fail_usage(c, "there is no command '%s'", l.command);
	TRY(command_check(&l, command));
	*ret_command = command;
	return ST_OK;
}

/* ---- help ---- */

static void flag_help(FILE *out, const struct flag *f)
{
	fprintf(out, "  --%s%s%-*s  %s\n", f->name, f->value ? " " : "",
		(int)(24 - strlen(f->name) - (f->value != NULL)), f->value ? f->value : "",
		f->help);
}

void args_help(FILE *out, const struct command *table, size_t n)
{
	fputs("crmctl calls the methods of a gRPC server, which it knows by server reflection.\n\n"
	      "usage: crmctl COMMAND [ARGUMENT | FLAG]...\n\ncommands:\n",
		out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "  %-10s %s\n", table[i].name, table[i].help);
	fputs("\nflags of every command:\n", out);
	for (size_t i = 0; i < N_FLAGS; i++) {
		if (FLAGS[i].is_common)
			flag_help(out, &FLAGS[i]);
	}
	fputs("\ncrmctl COMMAND --help tells more. Exit status: 0 done, 1 failed, 2 wrong usage.\n",
		out);
}

void args_command_help(FILE *out, const struct command *command)
{
	fprintf(out, "usage: crmctl %s %s\n%s\n\n", command->name, command->arguments,
		command->help);
	for (size_t i = 0; i < N_FLAGS; i++) {
		if (flag_is_of(&FLAGS[i], command))
			flag_help(out, &FLAGS[i]);
	}
}
