/*
 * The private PostgreSQL of a test program: initdb once, copy, start, kill, start again.
 */
#include "tests/support/postgres.h"
#include "tests/support/folder.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <postgresql/libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"

#define BIN "/usr/lib/postgresql/15/bin/"

enum { START_TIMEOUT_US = 30 * 1000 * 1000, POLL_US = 5000 };

struct postgres {
	struct arena *arena;
	const char *dir; /* /tmp/crm-pg-<pid>-<random>, with data/ and log */
	const char *url, *admin_url;
	int port;
	pid_t pid; /* 0 when it does not run */
};

__attribute__((noreturn)) static void die(const char *what, const char *detail)
{
	fprintf(stderr, "postgres for tests: %s: %s\n", what, detail);
	exit(1);
}

/* ---- processes ---- */

static void become_postgres(void)
{
	if (geteuid() != 0)
		return;
	const struct passwd *pw = getpwnam("postgres");
	if (!pw || setgroups(0, NULL) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0)
		_exit(126);
}

/* In the child; output goes to log (appended) or nowhere. */
static void exec_quietly(char *const *argv, const char *log, bool as_postgres)
{
	if (as_postgres)
		become_postgres();
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)
		      : open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (in < 0 || out < 0 || chdir("/") != 0)
		_exit(125);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	execv(argv[0], argv);
	_exit(127);
}

static int run(char *const *argv, const char *log, bool as_postgres)
{
	pid_t pid = fork();
	if (pid < 0)
		die("fork", argv[0]);
	if (pid == 0)
		exec_quietly(argv, log, as_postgres);
	int status = 0;
	while (waitpid(pid, &status, 0) < 0)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* ---- the template ---- */

/* The build folder this program lies in (.../build/tests/db/test_x -> .../build), else /tmp. */
static const char *build_folder(struct arena *a)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n > 0) {
		exe[n] = '\0';
		char *tests = strstr(exe, "/tests/");
		if (tests)
			return arena_strndup(a, exe, (size_t)(tests - exe));
	}
	return "/tmp";
}

static void init_cluster(struct arena *a, const char *data, const char *log)
{
	char *argv[] = { BIN "initdb", "-D", arena_strdup(a, data), "-U", "postgres", "-A", "trust",
		"-E", "UTF8", "--locale=C.UTF-8", "--wal-segsize=1", "--no-sync", NULL };
	if (run(argv, log, true) != 0)
		die("initdb failed; see", log);
}

static bool copy_tree(struct arena *a, const char *from, const char *to)
{
	char *argv[] = { "/bin/cp", "-a", "--reflink=auto", arena_strdup(a, from),
		arena_strdup(a, to), NULL };
	return run(argv, NULL, false) == 0;
}

static void give_to_postgres(struct arena *a, const char *path)
{
	if (geteuid() != 0)
		return;
	char *argv[] = { "/bin/chown", "-R", "postgres:postgres", arena_strdup(a, path), NULL };
	if (run(argv, NULL, false) != 0)
		die("chown", path);
}

/* Fills pg->dir/data from the template, making the template first if there is none. */
static void make_data(struct postgres *pg)
{
	struct arena *a = pg->arena;
	const char *data = arena_printf(a, "%s/data", pg->dir);
	const char *template = arena_printf(a, "%s/pg-template", build_folder(a));
	struct stat st;
	if (stat(template, &st) != 0 || !copy_tree(a, template, data)) {
		init_cluster(a, data, arena_printf(a, "%s/log", pg->dir));
		const char *draft = arena_printf(a, "%s.%d", template, (int)getpid());
		if (copy_tree(a, data, draft) && rename(draft, template) != 0)
			folder_remove(draft); /* another program was first */
	}
	give_to_postgres(a, pg->dir);
}

/* ---- start and stop ---- */

static int free_port(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) != 0 ||
		getsockname(fd, (struct sockaddr *)&addr, &len) != 0)
		die("no free port on", "127.0.0.1");
	close(fd);
	return ntohs(addr.sin_port);
}

static void exec_server(struct postgres *pg)
{
	struct arena *a = pg->arena;
	char *argv[] = { BIN "postgres", "-D", arena_printf(a, "%s/data", pg->dir), "-p",
		arena_printf(a, "%d", pg->port), "-k", arena_strdup(a, pg->dir), "-c",
		"listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c",
		"shared_buffers=32MB", "-c", "max_connections=100", "-c", "jit=off", "-c",
		"max_wal_size=256MB", "-c", "autovacuum=off", NULL };
	become_postgres();
	prctl(PR_SET_PDEATHSIG, SIGQUIT); /* immediate shutdown when the test program dies; after
					     setuid, which clears it */
	if (getppid() == 1)
		_exit(0);
	exec_quietly(argv, arena_printf(a, "%s/log", pg->dir), false);
}

static bool has_exited(struct postgres *pg)
{
	if (waitpid(pg->pid, NULL, WNOHANG) != pg->pid)
		return false;
	pg->pid = 0;
	return true;
}

static bool wait_until_up(struct postgres *pg)
{
	for (int64_t end = clock_mono_us() + START_TIMEOUT_US; clock_mono_us() < end;
		usleep(POLL_US)) {
		if (PQping(pg->admin_url) == PQPING_OK)
			return true;
		if (has_exited(pg))
			return false;
	}
	return false;
}

static bool start_once(struct postgres *pg)
{
	pg->pid = fork();
	if (pg->pid < 0)
		die("fork", "postgres");
	if (pg->pid == 0)
		exec_server(pg);
	return wait_until_up(pg);
}

void postgres_start(struct postgres *pg)
{
	if (pg->pid)
		die("is already running in", pg->dir);
	/* after kill -9 the old backends need a moment to notice and release the shared memory */
	for (int attempt = 0; attempt < 100; attempt++) {
		if (start_once(pg))
			return;
		usleep(50 * 1000);
	}
	die("does not start; see log in", pg->dir);
}

/* The first start; a port that was free a moment ago may be taken. */
static void start_on_free_port(struct postgres *pg)
{
	for (int attempt = 0; attempt < 5; attempt++) {
		pg->port = free_port();
		pg->admin_url = arena_printf(pg->arena,
			"postgresql://postgres@127.0.0.1:%d/postgres?connect_timeout=5", pg->port);
		if (start_once(pg))
			return;
	}
	die("does not start; see log in", pg->dir);
}

static void end_server(struct postgres *pg, int signo)
{
	if (!pg->pid)
		return;
	kill(pg->pid, signo);
	while (waitpid(pg->pid, NULL, 0) < 0)
		continue;
	pg->pid = 0;
}

void postgres_stop(struct postgres *pg)
{
	end_server(pg, SIGQUIT);
}

/* Children of the postmaster, from /proc. */
static size_t child_pids(pid_t parent, pid_t *ret, size_t max)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	FILE *f = fopen(path, "re");
	size_t n = 0;
	for (int pid; f && n < max && fscanf(f, "%d", &pid) == 1;)
		ret[n++] = pid;
	if (f)
		fclose(f);
	return n;
}

void postgres_kill(struct postgres *pg)
{
	pid_t children[256];
	size_t n = pg->pid ? child_pids(pg->pid, children, 256) : 0;
	end_server(pg, SIGKILL);
	for (size_t i = 0; i < n; i++)
		kill(children[i], SIGKILL);
}

static void signal_all(const struct postgres *pg, int signo)
{
	pid_t children[256];
	kill(pg->pid, signo); /* the postmaster first: it makes no children while it is frozen */
	size_t n = child_pids(pg->pid, children, 256);
	for (size_t i = 0; i < n; i++)
		kill(children[i], signo);
}

void postgres_freeze(struct postgres *pg)
{
	signal_all(pg, SIGSTOP);
}

void postgres_thaw(struct postgres *pg)
{
	signal_all(pg, SIGCONT);
}

bool postgres_is_running(const struct postgres *pg)
{
	return pg->pid != 0;
}

/* ---- SQL ---- */

static PGresult *query(const char *url, const char *sql, PGconn **ret_conn)
{
	PGconn *c = PQconnectdb(url);
	if (PQstatus(c) != CONNECTION_OK)
		die("cannot connect", PQerrorMessage(c));
	PGresult *res = PQexec(c, sql);
	if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
		die(sql, PQerrorMessage(c));
	*ret_conn = c;
	return res;
}

static void exec(const char *url, const char *sql)
{
	PGconn *c;
	PQclear(query(url, sql, &c));
	PQfinish(c);
}

void postgres_exec(struct postgres *pg, const char *sql)
{
	exec(pg->url, sql);
}

void postgres_admin(struct postgres *pg, const char *sql)
{
	exec(pg->admin_url, sql);
}

const char *postgres_value(struct postgres *pg, struct arena *a, const char *sql)
{
	PGconn *c;
	PGresult *res = query(pg->url, sql, &c);
	const char *v = PQntuples(res) > 0 && PQnfields(res) > 0
				? arena_strdup(a, PQgetvalue(res, 0, 0))
				: "";
	PQclear(res);
	PQfinish(c);
	return v;
}

const char *postgres_database(struct postgres *pg, const char *name)
{
	struct arena *a = pg->arena;
	postgres_admin(pg, arena_printf(a, "CREATE ROLE %s LOGIN", name));
	postgres_admin(pg, arena_printf(a, "CREATE DATABASE %s OWNER %s", name, name));
	const char *url = arena_printf(a, "postgresql://%s@127.0.0.1:%d/%s", name, pg->port, name);
	exec(url, arena_printf(a, "CREATE SCHEMA %s", name));
	return url;
}

/* ---- life ---- */

/* The program may end without postgres_free (a failed assertion outside a test): the server goes by
 * its death signal, the folder in the next sweep. */
struct postgres *postgres_new(const char *name)
{
	folder_sweep("crm-pg-");
	struct postgres *pg = mem_zalloc(sizeof(*pg));
	pg->arena = arena_new();
	char *dir = arena_printf(pg->arena, "/tmp/crm-pg-%d-XXXXXX", (int)getpid());
	if (!mkdtemp(dir))
		die("cannot make folder", dir);
	pg->dir = dir;
	give_to_postgres(pg->arena, pg->dir);
	make_data(pg);
	start_on_free_port(pg);
	pg->url = postgres_database(pg, name);
	return pg;
}

void postgres_free(struct postgres *pg)
{
	if (!pg)
		return;
	postgres_stop(pg);
	folder_remove(pg->dir);
	arena_free(pg->arena);
	mem_free(pg);
}

const char *postgres_url(const struct postgres *pg)
{
	return pg->url;
}

const char *postgres_admin_url(const struct postgres *pg)
{
	return pg->admin_url;
}

int postgres_port(const struct postgres *pg)
{
	return pg->port;
}
