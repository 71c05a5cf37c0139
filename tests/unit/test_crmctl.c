/* crmctl, the program, against a server that others wrote: tests/clients/ctl_server.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/str.h"

extern char **environ;

enum { WATCHDOG_S = 120, MAX_ARGV = 32, MAX_OUTPUT = 64 << 20 };

struct fixture {
	struct arena *arena;
	const char *dir; /* for the files of a test; HOME of crmctl */
	const char *crmctl;
	const char *target;
	pid_t server;
	int server_input; /* the server ends when it is closed */
};

struct result {
	int status;
	const char *out, *err;
};

/* ---- programs ---- */

static const char *path(struct fixture *f, const char *name)
{
	return arena_printf(f->arena, "%s/%s", f->dir, name);
}

static const char *read_file(struct arena *a, const char *name)
{
	struct buf b = buf_new(a, MAX_OUTPUT);
	FILE *in = fopen(name, "re");
	size_t n;

	assert_non_null(in);
	do {
		n = fread(buf_room(&b, 65536), 1, 65536, in);
		b.n += n;
	} while (n > 0);
	(void)fclose(in);
	return buf_cstr(&b);
}

static const char *write_file(struct fixture *f, const char *name, const char *text)
{
	FILE *out = fopen(path(f, name), "we");

	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
	return path(f, name);
}

static pid_t spawn(const char *const argv[], int in, const char *out, const char *err)
{
	posix_spawn_file_actions_t files;
	pid_t pid;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, 0);
	posix_spawn_file_actions_addopen(&files, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_addopen(&files, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(
		posix_spawn(&pid, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, environ),
		0);
	posix_spawn_file_actions_destroy(&files);
	return pid;
}

static int wait_for(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static struct result run_with(struct fixture *f, int in, const char *const args[])
{
	const char *argv[MAX_ARGV] = { f->crmctl, "--target", f->target };
	size_t n = 3;

	for (size_t i = 0; args[i]; i++)
		argv[n++] = args[i];
	int status = wait_for(spawn(argv, in, path(f, "out"), path(f, "err")));

	return (struct result){ status, read_file(f->arena, path(f, "out")),
		read_file(f->arena, path(f, "err")) };
}

/* stdin: NULL for one that is empty */
static struct result run_input(struct fixture *f, const char *input, const char *const args[])
{
	int in = open(input ? write_file(f, "in", input) : "/dev/null", O_RDONLY | O_CLOEXEC);
	struct result r = run_with(f, in, args);

	close(in);
	return r;
}

#define ARGS(...)   ((const char *const[]){ __VA_ARGS__, NULL })
#define RUN(f, ...) run_input((f), NULL, ARGS(__VA_ARGS__))

static void assert_contains(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in '%s'", part, text);
}

/* ---- the server ---- */

static void server_start(struct fixture *f, const char *mode)
{
	const char *build = arena_strdup(f->arena, f->crmctl);
	int in[2];

	*strstr(build, "/bin/crmctl") = '\0';
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	f->server_input = in[1];
	f->server = spawn(ARGS("/usr/bin/python3", "tests/clients/ctl_server.py",
				  arena_printf(f->arena, "%s/gen/all.pb", build), mode),
		in[0], path(f, "port"), path(f, "server.err"));
	close(in[0]);
	/* bounded by the watchdog */
	for (;;) {
		const char *port = read_file(f->arena, path(f, "port"));

		if (strchr(port, '\n')) {
			f->target =
				arena_printf(f->arena, "127.0.0.1:%d", (int)strtol(port, NULL, 10));
			return;
		}
		if (waitpid(f->server, NULL, WNOHANG) != 0)
			fail_msg(
				"the server ended: %s", read_file(f->arena, path(f, "server.err")));
		usleep(10000);
	}
}

static void server_stop(struct fixture *f)
{
	close(f->server_input);
	assert_int_equal(wait_for(f->server), 0);
}

/* BUILD/tests/unit/test_crmctl -> BUILD/bin/crmctl */
static const char *crmctl_path(struct arena *a)
{
	char *self = realpath("/proc/self/exe", NULL);
	char *path_here = arena_strdup(a, self);

	mem_free(self);
	*strstr(path_here, "/tests/") = '\0';
	return arena_printf(a, "%s/bin/crmctl", path_here);
}

static int set_up(void **state)
{
	struct arena *a = arena_new();
	struct fixture *f = arena_zalloc(a, sizeof(*f));
	char *dir = arena_strdup(a, "/tmp/crmctl-test-XXXXXX");

	f->arena = a;
	f->dir = mkdtemp(dir);
	f->crmctl = crmctl_path(a);
	f->target = "127.0.0.1:1"; /* nobody */
	setenv("HOME", dir, 1);
	unsetenv("CRM_TARGET");
	unsetenv("CRM_TOKEN_FILE");
	unsetenv("CRM_PASSWORD");
	unsetenv("XDG_STATE_HOME");
	alarm(WATCHDOG_S);
	*state = f;
	return 0;
}

static int set_up_server(void **state)
{
	(void)set_up(state);
	server_start(*state, "v1");
	return 0;
}

static int tear_down(void **state)
{
	static const char *const FILES[] = { "out", "err", "in", "port", "server.err", "password",
		"secret", "key", "out2", "err2", ".local/state/crmctl/token.json",
		".local/state/crmctl/token.json.lock", ".local/state/crmctl", ".local/state",
		".local" };
	struct fixture *f = *state;

	if (f->server)
		server_stop(f);
	for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++)
		(void)remove(path(f, FILES[i])); /* not every test makes each */
	assert_int_equal(rmdir(f->dir), 0);      /* no draft of a token file is left behind */
	arena_free(f->arena);
	return 0;
}

/* ---- calls ---- */

static void a_unary_call_prints_its_answer_on_one_line(void **state)
{
	struct result r = RUN(*state, "call", "ContactsService/GetContact", "{\"id\": \"7\"}");

	assert_int_equal(r.status, 0);
	assert_string_equal(r.out, "{\"id\":\"7\",\"displayName\":\"Jana Nováková\"}\n");
	assert_string_equal(r.err, "");
}

static void a_service_goes_by_its_full_and_its_short_names(void **state)
{
	static const char *const NAMES[] = { "crm.contacts.v1.ContactsService/GetContact",
		"/crm.contacts.v1.ContactsService/GetContact", "contacts/GetContact",
		"Contacts/GetContact" };

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		assert_int_equal(RUN(*state, "call", NAMES[i]).status, 0);
}

static void a_unary_request_may_span_lines_of_standard_input(void **state)
{
	struct result r = run_input(
		*state, "{\n  \"id\": \"8\"\n}\n", ARGS("call", "contacts/GetContact", "-"));

	assert_int_equal(r.status, 0);
	assert_contains(r.out, "\"id\":\"8\"");
}

static void headers_travel(void **state)
{
	struct result r = RUN(*state, "call", "--header", "x-name=Petr", "contacts/GetContact");

	assert_contains(r.out, "Petr");
}

static void a_failure_shows_its_details(void **state)
{
	struct result r = RUN(*state, "call", "contacts/GetContact", "{\"id\":\"odd\"}");

	assert_int_equal(r.status, 1);
	assert_string_equal(r.out, "");
	assert_string_equal(r.err, "INVALID_ARGUMENT: id: is not good\n"
				   "  reason: ID_ODD (contacts.crm)\n"
				   "  id: is not good?[2J\n"
				   "  etag: is too old\n"
				   "  retry after: 1.500 s\n");
}

static void a_request_that_does_not_fit_is_not_sent(void **state)
{
	static const struct {
		const char *json, *says;
	} CASES[] = {
		{ "{\"ident\":\"7\"}", "ident" },
		{ "{\"id\":7}", "id: " },
		{ "{", "the request is no crm.contacts.v1.GetContactRequest" },
		{ "", "the request is no crm.contacts.v1.GetContactRequest" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct result r = RUN(*state, "call", "contacts/GetContact", CASES[i].json);

		assert_int_equal(r.status, 1);
		assert_contains(r.err, "INVALID_ARGUMENT: ");
		assert_contains(r.err, CASES[i].says);
	}
}

static void the_deadline_ends_a_call(void **state)
{
	struct result r =
		RUN(*state, "call", "contacts/GetContact", "{\"id\":\"slow\"}", "--timeout=300ms");

	assert_int_equal(r.status, 1);
	assert_contains(r.err, "DEADLINE_EXCEEDED: ");
}

static void a_stream_of_answers_is_printed_whole(void **state)
{
	struct result r = RUN(*state, "call", "contacts/ExportContacts", "{\"filter\":\"5000\"}");
	size_t lines = 0;

	assert_int_equal(r.status, 0);
	for (const char *p = r.out; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 5000);
	assert_contains(r.out, "{\"id\":\"4999\",");
}

static void a_stream_of_requests_is_a_message_a_line(void **state)
{
	struct result r =
		run_input(*state, "{\"key\":\"a\"}\n\n  \n{\"key\":\"b\"}\n{\"key\":\"c\"}",
			ARGS("call", "contacts/ImportContacts"));

	assert_int_equal(r.status, 0);
	assert_contains(r.out, "\"createdCount\":\"3\"");
}

static void a_line_that_does_not_fit_is_named(void **state)
{
	struct result r = run_input(*state, "{\"key\":\"a\"}\n{\"key\":7}\n",
		ARGS("call", "contacts/ImportContacts", "-"));

	assert_int_equal(r.status, 1);
	assert_string_equal(r.out, "");
	assert_contains(r.err, "key: ");
	assert_contains(r.err, "line 2 ");
}

static void a_server_that_ends_the_call_is_not_sent_the_rest(void **state)
{
	struct fixture *f = *state;
	int in[2];
	struct result r;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "{\"key\":\"stop\"}\n", 15), 15);
	/* the pipe stays open: only the server's answer can end it */
	r = run_with(f, in[0], ARGS("call", "contacts/ImportContacts"));
	close(in[0]);
	close(in[1]);
	assert_int_equal(r.status, 1);
	assert_string_equal(r.err, "RESOURCE_EXHAUSTED: enough\n");
}

static void both_sides_may_stream(void **state)
{
	struct result r =
		run_input(*state, "{\"list_services\":\"\"}\n{\"fileByFilename\":\"none\"}\n",
			ARGS("call", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"));

	assert_int_equal(r.status, 0);
	assert_contains(r.out, "{\"name\":\"crm.contacts.v1.ContactsService\"}");
	assert_contains(r.out, "\n{\"errorResponse\":{\"errorCode\":5}}\n");
}

static void what_the_server_lacks_is_named(void **state)
{
	static const struct {
		const char *method, *says;
	} CASES[] = {
		{ "contacts/Nothing",
			"NOT_FOUND: crm.contacts.v1.ContactsService has no method Nothing" },
		{ "nobody/GetContact", "NOT_FOUND: the server has no service nobody" },
		{ "no.body/GetContact", "NOT_FOUND: the server has no service no.body" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct result r = RUN(*state, "call", CASES[i].method);

		assert_int_equal(r.status, 1);
		assert_contains(r.err, CASES[i].says);
	}
}

static void the_older_reflection_will_do(void **state)
{
	struct fixture *f = *state;

	server_start(f, "v1alpha");
	assert_string_equal(RUN(f, "call", "contacts/GetContact", "{\"id\":\"7\"}").out,
		"{\"id\":\"7\",\"displayName\":\"Jana Nováková\"}\n");
	assert_contains(RUN(f, "list").out, "crm.contacts.v1.ContactsService\n");
}

static void a_server_that_is_not_there_is_unavailable(void **state)
{
	struct result r = RUN(*state, "--target", "127.0.0.1:1", "call", "contacts/GetContact");

	assert_int_equal(r.status, 1);
	assert_contains(r.err, "UNAVAILABLE: ");
}

/* ---- looking around ---- */

static void list_shows_services_and_methods(void **state)
{
	assert_string_equal(RUN(*state, "list").out,
		"crm.identity.v1.IdentityService\ncrm.contacts.v1.ContactsService\n"
		"grpc.health.v1.Health\ngrpc.reflection.v1.ServerReflection\n");
	assert_string_equal(RUN(*state, "list", "grpc.health.v1.Health").out,
		"grpc.health.v1.Health/Check\ngrpc.health.v1.Health/Watch\n");
}

static void describe_shows_what_a_name_means(void **state)
{
	static const struct {
		const char *name, *says;
	} CASES[] = {
		{ "crm.contacts.v1.ContactsService",
			"rpc ImportContacts(stream crm.contacts.v1.ImportContactsRequest) "
			"returns" },
		{ "ContactsService", "// permission: contacts.contacts.export\n" },
		{ "contacts/ExportContacts", "returns (stream crm.contacts.v1.Contact);\n" },
		{ "ContactsService.ExportContacts",
			"message crm.contacts.v1.ExportContactsRequest {\n" },
		{ "Contact", "  map<string, string> labels = 19; // at most 50 elements\n" },
		{ "crm.identity.v1.RefreshSessionRequest",
			"refresh_token = 1; // required, at most 400 long, secret\n" },
		{ "Interaction.Kind", "  KIND_COMPLAINT = 7;\n" },
		{ "AuthenticateRequest",
			"  string api_key = 2; // one of credential; at most 200 long, secret\n" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++)
		assert_contains(RUN(*state, "describe", CASES[i].name).out, CASES[i].says);
	assert_contains(RUN(*state, "describe", "Nothing").err, "NOT_FOUND: ");
}

static void health_is_the_exit_status(void **state)
{
	struct fixture *f = *state;
	struct result r = RUN(f, "health", f->target);

	assert_int_equal(r.status, 0);
	assert_string_equal(r.out, "SERVING\n");
	r = RUN(f, "health", "sick");
	assert_int_equal(r.status, 1);
	assert_string_equal(r.out, "NOT_SERVING\n");
	assert_int_equal(RUN(f, "health", f->target, "unknown").status, 1);
	assert_int_equal(RUN(f, "health", "127.0.0.1:1").status, 1);
	assert_string_equal(RUN(f, "health", "--watch").out, "NOT_SERVING\nSERVING\n");
}

/* ---- signing in ---- */

static struct result login(struct fixture *f)
{
	return RUN(f, "login", "--tenant", "acme", "--email", "a@acme.example", "--password-file",
		write_file(f, "password", "pass \"word\" ž\\\n"));
}

static void a_sign_in_is_kept_renewed_and_ended(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_string_equal(login(f).out, "signed in as a@acme.example\n");
	assert_int_equal(stat(path(f, ".local/state/crmctl/token.json"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* what the server gave had ended already */
	assert_contains(
		RUN(f, "call", "contacts/GetContact").out, "\"creatorId\":\"Bearer access-600-1\"");
	assert_contains(
		RUN(f, "call", "contacts/GetContact").out, "\"creatorId\":\"Bearer access-600-1\"");
	assert_contains(
		RUN(f, "whoami").out, "tenant   acme (Acme s.r.o.)\nuser     a@acme.example u-1\n");
	assert_string_equal(RUN(f, "logout").out, "signed out\n");
	assert_int_not_equal(stat(path(f, ".local/state/crmctl/token.json"), &st), 0);
	assert_contains(RUN(f, "whoami").err, "UNAUTHENTICATED: nobody is signed in");
}

static void runs_side_by_side_renew_once(void **state)
{
	struct fixture *f = *state;
	const char *argv[] = { f->crmctl, "--target", f->target, "call", "contacts/GetContact",
		NULL };
	pid_t pids[2];

	assert_int_equal(login(f).status, 0);
	pids[0] = spawn(argv, 0, path(f, "out"), path(f, "err"));
	pids[1] = spawn(argv, 0, path(f, "out2"), path(f, "err2"));
	assert_int_equal(wait_for(pids[0]), 0);
	assert_int_equal(wait_for(pids[1]), 0);
	/* a refresh token that is used twice ends the session */
	assert_contains(read_file(f->arena, path(f, "out")), "access-600-1");
	assert_contains(read_file(f->arena, path(f, "out2")), "access-600-1");
}

static void a_wrong_password_is_refused(void **state)
{
	struct fixture *f = *state;

	setenv("CRM_PASSWORD", "wrong", 1);
	struct result r = RUN(f, "login", "--tenant", "acme", "--email", "a@acme.example");

	unsetenv("CRM_PASSWORD");
	assert_int_equal(r.status, 1);
	assert_string_equal(r.err, "UNAUTHENTICATED: the credential is not good\n");
}

static void a_machine_signs_in_by_key(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(RUN(f, "login", "--api-key-file", write_file(f, "key", "good\n")).out,
		"signed in as u-1\n");
	assert_contains(RUN(f, "whoami").out, "user     by API key u-1\n");
}

static void a_public_method_needs_no_good_sign_in(void **state)
{
	struct fixture *f = *state;
	struct result r;

	assert_int_equal(login(f).status, 0);
	server_stop(f);
	server_start(f, "v1");
	/* the sign-in is at a server that is gone, and has ended */
	r = RUN(f, "call", "identity/Authenticate", "{\"apiKey\":\"good\"}");
	assert_int_equal(r.status, 0);
	assert_int_equal(RUN(f, "call", "contacts/GetContact").status, 1);
}

static void a_tenant_is_made_with_the_bootstrap_secret(void **state)
{
	struct fixture *f = *state;
	const char *password = write_file(f, "password", "pass \"word\" ž\\\n");
	const char *secret = write_file(f, "secret", "secret-1\nsecret-2\n");
	struct result r = RUN(f, "bootstrap", "--tenant", "acme", "--name", "Acme", "--email",
		"a@acme.example", "--admin-name", "Jana \"J\"", "--password-file", password,
		"--secret-file", secret);

	assert_int_equal(r.status, 0);
	assert_string_equal(r.out,
		"{\"tenant\":{\"key\":\"acme\"},\"administrator\":{\"email\":\"a@acme.example\","
		"\"displayName\":\"Jana \\\"J\\\"\"}}\n");
}

/* ---- usage ---- */

static void wrong_usage_is_told_from_failure(void **state)
{
	static const char *const CASES[][6] = {
		{ "fly" },
		{ "call" },
		{ "call", "a/b", "{}", "more" },
		{ "call", "GetContact" },
		{ "call", "a/b", "--tenant", "x" },
		{ "call", "a/b", "--frobnicate" },
		{ "call", "a/b", "-x" },
		{ "call", "a/b", "--timeout", "fast" },
		{ "call", "a/b", "--timeout", "0s" },
		{ "call", "a/b", "--timeout" },
		{ "call", "a/b", "--pretty=yes" },
		{ "call", "a/b", "--header", "x" },
		{ "call", "a/b", "--header", "X=1" },
		{ "call", "a/b", "--header", "grpc-x=1" },
		{ "call", "contacts/GetContact", "@/does/not/exist" },
		{ "list", "--tls-ca", "/does/not/exist" },
		{ "health", "a", "b" },
		{ "login", "--tenant", "x" },
		{ "login", "--email", "x", "--api-key-file", "x" },
		{ "bootstrap" },
	};

	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct result r = run_input(*state, NULL, CASES[i]);

		if (r.status != 2)
			fail_msg("case %zu: exit status %d, %s", i, r.status, r.err);
		assert_string_equal(r.out, "");
		assert_contains(r.err, "crmctl: ");
	}
}

static void help_is_no_failure(void **state)
{
	assert_contains(RUN(*state, "--help").out, "bootstrap");
	assert_int_equal(RUN(*state, "--help").status, 0);
	assert_contains(RUN(*state, "call", "--help").out, "--pretty");
	assert_contains(RUN(*state, "help", "login").out, "--api-key-file FILE");
	assert_int_equal(RUN(*state, "login", "-h").status, 0);
}

#define ALONE(t)  cmocka_unit_test_setup_teardown(t, set_up, tear_down)
#define SERVED(t) cmocka_unit_test_setup_teardown(t, set_up_server, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(a_unary_call_prints_its_answer_on_one_line),
		SERVED(a_service_goes_by_its_full_and_its_short_names),
		SERVED(a_unary_request_may_span_lines_of_standard_input),
		SERVED(headers_travel),
		SERVED(a_failure_shows_its_details),
		SERVED(a_request_that_does_not_fit_is_not_sent),
		SERVED(the_deadline_ends_a_call),
		SERVED(a_stream_of_answers_is_printed_whole),
		SERVED(a_stream_of_requests_is_a_message_a_line),
		SERVED(a_line_that_does_not_fit_is_named),
		SERVED(a_server_that_ends_the_call_is_not_sent_the_rest),
		SERVED(both_sides_may_stream),
		SERVED(what_the_server_lacks_is_named),
		ALONE(the_older_reflection_will_do),
		SERVED(a_server_that_is_not_there_is_unavailable),
		SERVED(list_shows_services_and_methods),
		SERVED(describe_shows_what_a_name_means),
		SERVED(health_is_the_exit_status),
		SERVED(a_sign_in_is_kept_renewed_and_ended),
		SERVED(runs_side_by_side_renew_once),
		SERVED(a_wrong_password_is_refused),
		SERVED(a_machine_signs_in_by_key),
		SERVED(a_public_method_needs_no_good_sign_in),
		SERVED(a_tenant_is_made_with_the_bootstrap_secret),
		SERVED(wrong_usage_is_told_from_failure),
		ALONE(help_is_no_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
