/* Small files, read whole. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "adapters/config/config.h"
#include "base/file.h"

enum status config_read_file(struct arena *a, const char *path, size_t max, struct str *ret)
{
	_cleanup_(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *p;
	size_t n;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ST_NOT_FOUND : ST_FAILED_PRECONDITION;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
		(uint64_t)st.st_size > max)
		return ST_FAILED_PRECONDITION;
	p = arena_alloc(a, (size_t)st.st_size + 1);
	if (!file_read(fd, p, (size_t)st.st_size, &n))
		return ST_FAILED_PRECONDITION;
	p[n] = '\0';
	*ret = str_n(p, n);
	return ST_OK;
}
