/* See input.h. */
#include "tools/crmctl/input.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024, MAX_PENDING = 64 << 20 };

struct input {
	struct loop *loop;
	struct loop_io io; /* io.fd: -1 if the text was given */
	bool can_wait;     /* epoll knows it: a pipe, socket or terminal; a file is always ready */
	bool is_ended;
	struct event readable;
	char *text; /* what was read and not yet given out starts at `at` */
	size_t at, n, cap;
	size_t line_number;
};

static void on_readable(struct loop_io *io, uint32_t events)
{
	struct input *in = CONTAINER_OF(io, struct input, io);

	(void)events; /* an end or error shows when it is read */
	loop_io_set(in->loop, io, 0);
	event_set(&in->readable);
}

static void input_close(void *arg)
{
	struct input *in = arg;

	if (in->io.fd > 0)
		close(in->io.fd);
	mem_free(in->text);
}

static enum status descriptor_open(struct ctl *c, struct input *in, const char *given)
{
	struct stat st;

	in->io.fd = given[0] == '@' ? open(given + 1, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (in->io.fd < 0)
		return ctl_fail_usage(c, "%s cannot be read: %s", given + 1, strerror(errno));
	if (fstat(in->io.fd, &st) == 0)
		in->can_wait = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(in->io.fd);
	return ST_OK;
}

enum status input_open(struct ctl *c, const char *given, struct input **ret)
{
	struct input *in = arena_zalloc(c->arena, sizeof(*in));

	in->loop = c->loop;
	in->io = (struct loop_io){ .fd = -1, .fn = on_readable };
	arena_defer(c->arena, input_close, in);
	if (given[0] == '@' || strcmp(given, "-") == 0) {
		TRY(descriptor_open(c, in, given));
	} else {
		in->text = mem_strdup(given);
		in->n = strlen(given);
	}
	*ret = in;
	return ST_OK;
}

static enum status wait_readable(struct input *in)
{
	enum status st;

	if (!in->can_wait)
		return ST_OK;
	event_reset(&in->readable);
	loop_io_set(in->loop, &in->io, EPOLLIN);
	st = event_wait(&in->readable);
	loop_io_set(in->loop, &in->io, 0);
	return st;
}

static enum status room_make(struct input *in)
{
	if (in->at > 0) {
		memmove(in->text, in->text + in->at, in->n - in->at);
		in->n -= in->at;
		in->at = 0;
	}
	if (in->cap - in->n >= CHUNK)
		return ST_OK;
	if (in->n >= MAX_PENDING)
		return ctl_fail(
			ST_INVALID_ARGUMENT, "a message of more than %d MiB", MAX_PENDING >> 20);
	in->cap = in->cap ? in->cap * 2 : 2 * CHUNK;
	in->text = mem_realloc(in->text, in->cap);
	return ST_OK;
}

static enum status more(struct input *in)
{
	ssize_t n;

	if (in->io.fd < 0) {
		in->is_ended = true;
		return ST_OK;
	}
	TRY(room_make(in));
	TRY(wait_readable(in));
	do
		n = read(in->io.fd, in->text + in->n, in->cap - in->n);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return ctl_fail(ST_UNKNOWN, "the input cannot be read: %s", strerror(errno));
	in->is_ended = n == 0;
	in->n += (size_t)n;
	return ST_OK;
}

enum status input_all(struct input *in, struct str *ret)
{
	while (!in->is_ended)
		TRY(more(in));
	*ret = str_n(in->text ? in->text : "", in->n);
	return ST_OK;
}

/* False if there is no whole line yet. */
static bool line_take(struct input *in, size_t *scanned, struct str *ret)
{
	size_t left = in->n - in->at;
	char *start = in->text + in->at;
	char *end = left > *scanned ? memchr(start + *scanned, '\n', left - *scanned) : NULL;

	if (in->io.fd < 0)
		end = NULL; /* an argument may have several lines */
	if (!end && !(in->is_ended && left > 0)) {
		*scanned = left;
		return false;
	}
	*ret = str_n(start, end ? (size_t)(end - start) : left);
	in->at += ret->n + (end != NULL);
	in->line_number++;
	*scanned = 0;
	return true;
}

enum status input_line(struct input *in, struct str *ret)
{
	size_t scanned = 0;

	for (;;) {
		while (in->text && line_take(in, &scanned, ret)) {
			if (str_trim(*ret).n > 0)
				return ST_OK;
		}
		if (in->is_ended) {
			*ret = (struct str){ 0 };
			return ST_OK;
		}
		TRY(more(in));
	}
}

size_t input_line_number(const struct input *in)
{
	return in->line_number;
}
