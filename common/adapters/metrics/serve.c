/*
 * The HTTP side: one thread of libmicrohttpd that sleeps in epoll until somebody asks.
 *
 * The listening socket is made here, so that a taken port is seen at once and port 0 tells what it
 * became.
 */
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include "adapters/metrics/metrics_private.h"
#include "base/file.h"

enum { MAX_CONNECTIONS = 32, IDLE_TIMEOUT_S = 10, MAX_REQUEST = 16 * 1024, BACKLOG = 32 };

/* --- answers --- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status,
	struct MHD_Response *response, const char *header, const char *value)
{
	enum MHD_Result result;

	if (!response)
		return MHD_NO; /* closes the connection */
	result = MHD_add_response_header(response, header, value);
	if (result == MHD_YES)
		result = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT); /* only read */

	return answer(c, status, response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
}

static void free_arena(void *arena)
{
	arena_free(arena);
}

static enum MHD_Result answer_metrics(struct MHD_Connection *c, struct metrics *m)
{
	struct arena *a = arena_new();
	struct str text = metrics_render(m, a);
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		text.n, (void *)(uintptr_t)text.p, free_arena, a);

	if (!response)
		arena_free(a);
	return answer(c, MHD_HTTP_OK, response, MHD_HTTP_HEADER_CONTENT_TYPE,
		"text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result answer_wrong_method(struct MHD_Connection *c)
{
	static const char TEXT[] = "only GET and HEAD\n";
	struct MHD_Response *response = MHD_create_response_from_buffer(
		sizeof(TEXT) - 1, (void *)(uintptr_t)TEXT, MHD_RESPMEM_PERSISTENT);

	return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
	const char *method, const char *version, const char *body, size_t *body_n, void **state)
{
	struct metrics *m = arg;
	bool is_ready = atomic_load(&m->is_ready);

	(void)version;
	(void)body;
	(void)body_n;
	(void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_wrong_method(c);
	if (strcmp(path, "/metrics") == 0)
		return answer_metrics(c, m);
	if (strcmp(path, "/healthz") == 0)
		return answer_text(c, MHD_HTTP_OK, "alive\n");
	if (strcmp(path, "/readyz") == 0)
		return answer_text(c, is_ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			is_ready ? "ready\n" : "not ready\n");
	return answer_text(c, MHD_HTTP_NOT_FOUND, "/metrics, /healthz or /readyz\n");
}

/* --- listening --- */

static void free_addresses(struct addrinfo **list)
{
	if (*list)
		freeaddrinfo(*list);
}

/* "127.0.0.1:9101", "[::1]:9101", ":9101" (all addresses) -> host and port; host NULL for all. */
static bool split(
	struct arena *a, const char *listen_at, const char **ret_host, const char **ret_port)
{
	const char *colon = strrchr(listen_at, ':');
	struct str host;

	if (!colon || !colon[1])
		return false;
	host = str_n(listen_at, (size_t)(colon - listen_at));
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = str_n(host.p + 1, host.n - 2);
	*ret_host = host.n > 0 ? str_dup(a, host) : NULL;
	*ret_port = colon + 1;
	return true;
}

static enum status open_socket(const char *listen_at, int *ret_fd)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	_cleanup_(free_addresses) struct addrinfo *to = NULL;
	_cleanup_(file_closep) int fd = -1;
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM };
	const char *host, *port;

	if (!split(a, listen_at, &host, &port) || getaddrinfo(host, port, &hints, &to) != 0)
		return ST_INVALID_ARGUMENT;
	fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) != 0 ||
		bind(fd, to->ai_addr, to->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
		return ST_UNAVAILABLE;
	*ret_fd = fd;
	fd = -1; /* the caller's now */
	return ST_OK;
}

static int port_of(int fd)
{
	struct sockaddr_storage at;
	socklen_t n = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &n) != 0)
		return 0;
	if (at.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&at)->sin6_port);
	return ntohs(((struct sockaddr_in *)&at)->sin_port);
}

enum status metrics_serve(struct metrics *m, const char *listen_at, int *ret_port)
{
	int fd, port;

	TRY(open_socket(listen_at, &fd));
	port = port_of(fd);
	m->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL,
		on_request, m, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MAX_REQUEST, MHD_OPTION_END);
	if (!m->daemon) {
		(void)close(fd); /* libmicrohttpd takes it only when it starts */
		return ST_UNAVAILABLE;
	}
	*ret_port = port;
	return ST_OK;
}

void metrics_stop(struct metrics *m)
{
	if (m->daemon)
		MHD_stop_daemon(m->daemon); /* closes the socket, joins the thread */
	m->daemon = NULL;
}
