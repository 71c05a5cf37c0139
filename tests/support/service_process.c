/* See service_process.h. */
#include "tests/support/service_process.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"

enum { MAX_ARGS = 32, MAX_LOG = 4 * 1024 * 1024, POLL_US = 2000 };
static const int64_t PATIENCE_US = 10000000;

struct service_process {
	struct arena *arena;
	pid_t pid;
	int log_fd;
	bool has_ended;
	int code;
};

static _Noreturn void run(struct service_process *p, const char *const *args, pid_t parent)
{
	char *argv[MAX_ARGS + 2] = { "service" };

	for (size_t i = 0; args[i] && i < MAX_ARGS; i++)
		argv[i + 1] = (char *)(uintptr_t)args[i];
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it exists since Linux 2.1 */
	if (getppid() == parent && dup2(p->log_fd, STDERR_FILENO) >= 0)
		(void)execv("/proc/self/exe", argv);
	_exit(127);
}

struct service_process *service_process_new(const char *const *args)
{
	struct service_process *p = mem_zalloc(sizeof(*p));
	pid_t parent = getpid();

	p->arena = arena_new();
	p->log_fd = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	p->pid = p->log_fd >= 0 ? fork() : -1;
	if (p->pid < 0) {
		perror("service_process");
		exit(1);
	}
	if (p->pid == 0)
		run(p, args, parent);
	return p;
}

const char *service_process_log(struct service_process *p)
{
	struct buf b = buf_new(p->arena, MAX_LOG);

	for (;;) {
		char *room = buf_room(&b, 4096);
		ssize_t n = room ? pread(p->log_fd, room, 4096, (off_t)b.n) : 0;

		if (n <= 0)
			return buf_cstr(&b);
		b.n += (size_t)n;
	}
}

static bool has_ended(struct service_process *p)
{
	int status;

	if (!p->has_ended && waitpid(p->pid, &status, WNOHANG) == p->pid) {
		p->has_ended = true;
		p->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	return p->has_ended;
}

static const char *find_event(struct service_process *p, const char *event)
{
	const char *name = arena_printf(p->arena, "\"event\":\"%s\"", event);

	return strstr(service_process_log(p), name);
}

bool service_process_wait_log(struct service_process *p, const char *text)
{
	int64_t until = clock_mono_us() + PATIENCE_US;

	for (;;) {
		bool is_over = has_ended(p) || clock_mono_us() >= until;

		if (strstr(service_process_log(p), text))
			return true;
		if (is_over)
			return false;
		(void)usleep(POLL_US); /* cut short, we look earlier */
	}
}

bool service_process_wait_event(struct service_process *p, const char *event)
{
	return service_process_wait_log(p, arena_printf(p->arena, "\"event\":\"%s\"", event));
}

static int port_in(struct service_process *p, const char *event)
{
	const char *line, *port;

	if (!service_process_wait_event(p, event))
		return 0;
	line = find_event(p, event);
	port = strstr(line, "\"port\":");
	return port ? (int)strtol(port + strlen("\"port\":"), NULL, 10) : 0;
}

int service_process_port(struct service_process *p)
{
	return port_in(p, "listening");
}

int service_process_metrics_port(struct service_process *p)
{
	return port_in(p, "metrics");
}

void service_process_signal(struct service_process *p, int signo)
{
	if (!has_ended(p))
		(void)kill(p->pid, signo); /* it is ours and not reaped */
}

int service_process_wait(struct service_process *p)
{
	int64_t until = clock_mono_us() + PATIENCE_US;

	while (!has_ended(p) && clock_mono_us() < until)
		(void)usleep(POLL_US);
	if (has_ended(p))
		return p->code;
	(void)kill(p->pid, SIGKILL);
	(void)waitpid(p->pid, NULL, 0);
	p->has_ended = true;
	p->code = -1;
	return p->code;
}

void service_process_free(struct service_process *p)
{
	if (!p)
		return;
	if (!has_ended(p)) {
		(void)kill(p->pid, SIGKILL);
		(void)waitpid(p->pid, NULL, 0);
	}
	(void)close(p->log_fd);
	arena_free(p->arena);
	mem_free(p);
}
