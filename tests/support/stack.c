/* See stack.h. */
#include "tests/support/stack.h"
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "adapters/config/config.h"
#include "base/str.h"

enum { MAX_FILE = 64 * 1024, MAX_WORDS = 8, SIGNAL_BASE = 128 };

/* Its input ends with us. What hangs is not waited for as long as in production. */
static const char KEEPER[] =
	"cat; CRM_STOP_TIMEOUT=10 tools/stack reset; rm -rf -- \"$CRM_RUN_DIR\"";

struct stack {
	struct arena *arena;
	const char *dir, *log; /* the run folder; what tools/stack said */
	int keeper_fd;         /* open as long as we live */
	pid_t keeper;
};

static _Noreturn void die(const char *what, const char *detail)
{
	(void)fprintf(stderr, "the stack for tests: %s: %s\n", what, detail);
	exit(1);
}

static struct str read_file(struct stack *s, const char *path)
{
	struct str text;

	if (config_read_file(s->arena, path, MAX_FILE, &text) != ST_OK)
		die("cannot read", path);
	return text;
}

/* ---- processes ---- */

/* With the signals as a shell expects them: gRPC ignores SIGPIPE. */
static pid_t spawn(char *const *argv, int input, const char *output, short flags)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	pid_t pid;
	int error;

	(void)sigemptyset(&none), (void)sigemptyset(&defaults),
		(void)sigaddset(&defaults, SIGPIPE); /* these do not fail */
	if (posix_spawn_file_actions_init(&files) != 0 || posix_spawnattr_init(&attributes) != 0 ||
		posix_spawn_file_actions_addopen(
			&files, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0600) != 0 ||
		posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO) != 0 ||
		posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO) != 0 ||
		posix_spawnattr_setsigmask(&attributes, &none) != 0 ||
		posix_spawnattr_setsigdefault(&attributes, &defaults) != 0 ||
		posix_spawnattr_setflags(&attributes,
			(short)(flags | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)) != 0)
		die("cannot prepare", argv[0]);
	error = posix_spawn(&pid, argv[0], &files, &attributes, argv, environ);
	if (error != 0)
		die(argv[0], strerror(error));
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attributes);
	return pid;
}

/* As a shell would give it. */
static int exit_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid", "it is no child of ours");
	return WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_BASE + WTERMSIG(status);
}

static void keeper_start(struct stack *s)
{
	char *argv[] = { "/bin/bash", "-c", arena_strdup(s->arena, KEEPER), NULL };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		die("pipe", "failed");
	/* in a session of its own: who kills our group does not kill it */
	s->keeper = spawn(argv, ends[0], "/dev/null", POSIX_SPAWN_SETSID);
	s->keeper_fd = ends[1];
	(void)close(ends[0]);
}

/* ---- life ---- */

/* Where this program was built: build/tests/e2e/test_x -> build. */
static const char *build_folder(struct arena *a)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *tests;

	exe[n > 0 ? n : 0] = '\0';
	tests = strstr(exe, "/tests/");
	return tests ? arena_strndup(a, exe, (size_t)(tests - exe)) : "build";
}

struct stack *stack_up(void)
{
	struct stack *s = mem_zalloc(sizeof(*s));

	s->arena = arena_new();
	char *dir = arena_strdup(s->arena, "/tmp/crm-e2e.XXXXXX");
	if (!mkdtemp(dir))
		die("cannot make a folder like", dir);
	s->dir = dir;
	s->log = arena_printf(s->arena, "%s/log-of-stack", dir);
	if (setenv("CRM_RUN_DIR", dir, 1) != 0 || setenv("CRM_PORT_BASE", "auto", 1) != 0 ||
		setenv("CRM_BIN_DIR", arena_printf(s->arena, "%s/bin", build_folder(s->arena)),
			1) != 0 ||
		prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		die("the environment", "cannot be set");
	keeper_start(s);
	stack_run(s, "up");
	return s;
}

void stack_down(struct stack *s)
{
	if (!s)
		return;
	(void)close(s->keeper_fd);
	(void)exit_status(s->keeper); /* what it cannot remove harms nobody */
	arena_free(s->arena);
	mem_free(s);
}

/* ---- questions ---- */

const char *stack_value(struct stack *s, const char *name)
{
	struct str rest = read_file(s, arena_printf(s->arena, "%s/env", s->dir));

	while (rest.p) {
		struct str value = str_cut(&rest, '\n'), key = str_cut(&value, '=');

		if (str_is(key, name) && value.n >= 2)
			return arena_strndup(
				s->arena, value.p + 1, value.n - 2); /* without the quotes */
	}
	die("it does not tell", name);
}

int stack_port(struct stack *s, const char *name)
{
	const char *address = stack_value(s, arena_printf(s->arena, "%s_ADDR", name));

	return (int)strtol(strrchr(address, ':') + 1, NULL, 10);
}

/* ---- commands ---- */

void stack_run(struct stack *s, const char *command)
{
	char *argv[MAX_WORDS + 2] = { "tools/stack" };
	struct str rest = str_c(command);

	for (size_t i = 1; rest.p && i <= MAX_WORDS; i++)
		argv[i] = str_dup(s->arena, str_cut(&rest, ' '));
	int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (exit_status(spawn(argv, input, s->log, 0)) != 0)
		die(command, str_dup(s->arena, read_file(s, s->log)));
	(void)close(input);
}

static pid_t pid_of(struct stack *s, const char *component)
{
	struct str text = read_file(s, arena_printf(s->arena, "%s/pid/%s", s->dir, component));
	int64_t pid;

	if (!str_to_i64(str_cut(&text, ' '), &pid) || pid <= 0)
		die("no process id of", component);
	return (pid_t)pid;
}

int stack_stop(struct stack *s, const char *component)
{
	pid_t pid = pid_of(s, component);

	stack_run(s, arena_printf(s->arena, "stop %s", component));
	return exit_status(pid);
}

void stack_kill(struct stack *s, const char *component)
{
	pid_t pid = pid_of(s, component);

	stack_run(s, arena_printf(s->arena, "kill %s", component));
	(void)exit_status(pid); /* until it is reaped its lock files count as held */
}
