/*
 * crmctl: a small client of the services on the command line. Here: its commands, and one run from
 * its beginning to its exit status.
 */
#include <stdio.h>
#include "tools/crmctl/crmctl.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_WRONG_USAGE = 2 };

static const struct command COMMANDS[] = {
	{ "call", " pretty ", "SERVICE/METHOD [JSON | @FILE | -]", 1, 2,
		"call a method; a stream of requests is read a line each, from stdin if not given",
		call_run },
	{ "list", " ", "[SERVICE]", 0, 1, "list the services, or the methods of one", list_run },
	{ "describe", " ", "NAME", 1, 1, "describe a service, method, message or enum",
		describe_run },
	{ "health", " watch ", "[HOST:PORT] [SERVICE]", 0, 2,
		"ask for the health; 0 only if it is SERVING", health_run },
	{ "login", " tenant email password-file api-key-file ",
		"{--tenant KEY --email ADDRESS [--password-file FILE] | --api-key-file FILE}", 0, 0,
		"sign in; later calls use and renew it", login_run },
	{ "logout", " ", "", 0, 0, "end the session and forget it", logout_run },
	{ "whoami", " ", "", 0, 0, "show who is signed in", whoami_run },
	{ "bootstrap", " tenant name email admin-name password-file secret-file ",
		"--tenant KEY --name NAME --email ADDRESS --admin-name NAME [--password-file FILE] "
		"--secret-file FILE",
		0, 0, "create a tenant and its first administrator with a bootstrap secret",
		bootstrap_run },
};

enum { N_COMMANDS = sizeof(COMMANDS) / sizeof(COMMANDS[0]) };

struct run {
	struct ctl ctl;
	const struct command *command;
};

static void run_main(void *arg)
{
	struct run *r = arg;

	r->ctl.outcome = r->command->run(&r->ctl);
	loop_stop(r->ctl.loop);
}

static enum status run_command(struct run *r)
{
	struct ctl *c = &r->ctl;

	c->loop = loop_new();
	c->rpc = rpc_new(c->loop);
	(void)fiber_spawn(c->loop, run_main, r); /* it stops the loop */
	loop_run(c->loop);
	/* what the run opened is closed with its arena */
	arena_free(c->arena);
	c->arena = NULL;
	rpc_free(c->rpc);
	loop_free(c->loop);
	return c->outcome;
}

static enum status run(struct run *r, int argc, char **argv)
{
	TRY(args_parse(&r->ctl, argc, argv, COMMANDS, N_COMMANDS, &r->command));
	if (!r->ctl.options.help)
		return run_command(r);
	if (r->command)
		args_command_help(stdout, r->command);
	else
		args_help(stdout, COMMANDS, N_COMMANDS);
	return ST_OK;
}

int main(int argc, char **argv)
{
	struct run r = { .ctl.arena = arena_new() };
	enum status st = run(&r, argc, argv);

	arena_free(r.ctl.arena);
	if (fflush(stdout) != 0 && st == ST_OK)
		st = ctl_fail(ST_UNKNOWN, "the output cannot be written");
	if (r.ctl.is_usage_wrong)
		return EXIT_WRONG_USAGE;
	return st == ST_OK ? EXIT_OK : EXIT_FAILED;
}
