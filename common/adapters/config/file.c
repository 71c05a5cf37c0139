/* Small files, read whole. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "adapters/config/config.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* only read from */
}

/* Bytes read until the end of the file, at most n. */
static bool read_all(int fd, char *p, size_t n, size_t *ret_n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, p + done, n - done);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	*ret_n = done;
	return true;
}

enum status config_read_file(struct arena *a, const char *path, size_t max, struct str *ret)
{
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *p;
	size_t n;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ST_NOT_FOUND : ST_FAILED_PRECONDITION;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
		(uint64_t)st.st_size > max)
		return ST_FAILED_PRECONDITION;
	p = arena_alloc(a, (size_t)st.st_size + 1);
	if (!read_all(fd, p, (size_t)st.st_size, &n))
		return ST_FAILED_PRECONDITION;
	p[n] = '\0';
	*ret = str_n(p, n);
	return ST_OK;
}
