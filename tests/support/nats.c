/* The private nats-server of a test program: start, kill, start again, and a bare client to ask it.
 */
#include "tests/support/nats.h"
#include "tests/support/folder.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/str.h"
#include "base/uuid.h"

enum {
	START_TIMEOUT_US = 30 * 1000 * 1000,
	POLL_US = 5000,
	ANSWER_TIMEOUT_S = 5,
	MAX_ANSWER = 1024 * 1024
};

struct nats_server {
	struct arena *arena;
	const char *dir; /* /tmp/crm-nats-<pid>-<random>, with config, log and data/ */
	const char *password, *url;
	int port;
	pid_t pid; /* 0 when it does not run */
};

__attribute__((noreturn)) static void die(const char *what, const char *detail)
{
	(void)fprintf(stderr, "nats-server for tests: %s: %s\n", what, detail);
	exit(1);
}

static void write_config(const struct nats_server *s)
{
	FILE *f = fopen(arena_printf(s->arena, "%s/config", s->dir), "w");

	if (!f)
		die("cannot write to", s->dir);
	(void)fprintf(f,
		"listen: \"127.0.0.1:%d\"\n"
		"jetstream { store_dir: \"%s/data\", max_mem: 64MB, max_file: 2GB }\n"
		"authorization { user: crm, password: \"%s\" }\n",
		s->port, s->dir, s->password);
	if (fclose(f) != 0)
		die("cannot write to", s->dir);
}

/* --- sockets --- */

static struct sockaddr_in address(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int free_port(void)
{
	struct sockaddr_in at = address(0);
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
		getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		die("no free port", strerror(errno));
	(void)close(fd);
	return ntohs(at.sin_port);
}

/* -1 if nobody listens. */
static int open_socket(const struct nats_server *s)
{
	struct sockaddr_in at = address(s->port);
	struct timeval patience = { .tv_sec = ANSWER_TIMEOUT_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket", strerror(errno));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* --- a bare client --- */

/* Reads what is there; false at the end of patience. */
static bool receive(int fd, struct buf *b)
{
	char *room = buf_room(b, 4096);
	ssize_t n = room ? read(fd, room, 4096) : 0;

	b->n += n > 0 ? (size_t)n : 0;
	return n > 0;
}

/* The payload of "MSG answer 1 <size>\r\n<payload>\r\n"; "HMSG ..." means that nobody is there. */
static const char *payload_in(struct arena *a, struct buf *b, bool *ret_is_whole)
{
	const char *at = strstr(buf_cstr(b), "MSG answer 1 ");
	const char *end = at ? strstr(at, "\r\n") : NULL;
	size_t size, head;

	*ret_is_whole = end && at > b->p && at[-1] == 'H';
	if (!end || *ret_is_whole)
		return "";
	size = strtoul(at + strlen("MSG answer 1 "), NULL, 10);
	head = (size_t)(end + 2 - b->p);
	*ret_is_whole = b->n >= head + size;
	return *ret_is_whole ? arena_strndup(a, b->p + head, size) : "";
}

static const char *await_payload(struct arena *a, int fd, struct buf *b)
{
	bool is_whole;
	const char *payload;

	do {
		payload = payload_in(a, b, &is_whole);
	} while (!is_whole && receive(fd, b));
	return payload;
}

const char *nats_server_ask(
	const struct nats_server *s, struct arena *a, const char *subject, const char *payload)
{
	struct buf b = buf_new(a, MAX_ANSWER);
	const char *request = arena_printf(a,
		"CONNECT {\"verbose\":false,\"user\":\"crm\",\"pass\":\"%s\",\"headers\":true,"
		"\"no_responders\":true}\r\n"
		"SUB answer 1\r\nPUB %s answer %zu\r\n%s\r\n",
		s->password, subject, strlen(payload), payload);
	int fd = open_socket(s);
	const char *answer;

	if (fd < 0)
		return "";
	if (!receive(fd, &b) ||
		send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
		answer = "";
	else
		answer = await_payload(a, fd, &b);
	(void)close(fd);
	return answer;
}

/* --- the process --- */

static void exec_server(const struct nats_server *s, pid_t parent)
{
	char *argv[] = { "nats-server", "-c", arena_printf(s->arena, "%s/config", s->dir), NULL };
	const char *log = arena_printf(s->arena, "%s/log", s->dir);
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || in < 0 || out < 0)
		_exit(125);
	(void)dup2(in, 0);
	(void)dup2(out, 1);
	(void)dup2(out, 2);
	(void)execvp(argv[0], argv);
	(void)execv("/usr/sbin/nats-server", argv);
	_exit(127);
}

static bool is_alive(struct nats_server *s)
{
	if (s->pid && waitpid(s->pid, NULL, WNOHANG) == 0)
		return true;
	s->pid = 0;
	return false;
}

/* It answers once JetStream has recovered what it has on disk. */
static bool is_ready(const struct nats_server *s)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	int fd = open_socket(s);

	if (fd < 0)
		return false;
	(void)close(fd);
	return strstr(nats_server_ask(s, a, "$JS.API.INFO", ""), "\"streams\"");
}

void nats_server_start(struct nats_server *s)
{
	int64_t until_us = clock_mono_us() + START_TIMEOUT_US;
	pid_t parent = getpid();

	if (is_alive(s))
		return;
	s->pid = fork();
	if (s->pid < 0)
		die("fork", strerror(errno));
	if (s->pid == 0)
		exec_server(s, parent);
	while (!is_ready(s)) {
		if (!is_alive(s))
			die("ended at once; is it installed? see",
				arena_printf(s->arena, "%s/log", s->dir));
		if (clock_mono_us() > until_us)
			die("does not answer; see", arena_printf(s->arena, "%s/log", s->dir));
		(void)usleep(POLL_US);
	}
}

static void end(struct nats_server *s, int signo)
{
	if (!is_alive(s))
		return;
	(void)kill(s->pid, signo);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	s->pid = 0;
}

void nats_server_kill(struct nats_server *s)
{
	end(s, SIGKILL);
}

void nats_server_stop(struct nats_server *s)
{
	end(s, SIGTERM);
}

void nats_server_wipe(struct nats_server *s)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();

	folder_remove(arena_printf(a, "%s/data", s->dir));
}

void nats_server_set_password(struct nats_server *s, const char *password)
{
	s->password = arena_strdup(s->arena, password);
	s->url = arena_printf(s->arena, "nats://crm:%s@127.0.0.1:%d", password, s->port);
	write_config(s);
}

struct nats_server *nats_server_new_stopped(void)
{
	struct arena *a = arena_new();
	struct nats_server *s = arena_zalloc(a, sizeof(*s));
	char *dir = arena_printf(a, "/tmp/crm-nats-%d-XXXXXX", (int)getpid());

	folder_sweep("crm-nats-");
	if (!mkdtemp(dir))
		die("cannot make", dir);
	s->arena = a;
	s->dir = dir;
	s->port = free_port();
	nats_server_set_password(s, uuid_text(a, uuid_v4()));
	return s;
}

struct nats_server *nats_server_new(void)
{
	struct nats_server *s = nats_server_new_stopped();

	nats_server_start(s);
	return s;
}

void nats_server_free(struct nats_server *s)
{
	if (!s)
		return;
	end(s, SIGKILL); /* nothing of it is kept */
	folder_remove(s->dir);
	arena_free(s->arena);
}

const char *nats_server_url(const struct nats_server *s)
{
	return s->url;
}

int nats_server_port(const struct nats_server *s)
{
	return s->port;
}
