/* Reading from descriptors, interrupted or not. */
#include "base/file.h"
#include <errno.h>
#include <unistd.h>

void file_closep(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing was written */
}

bool file_read(int fd, void *p, size_t n, size_t *ret_n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, (char *)p + done, n - done);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return false;
		done += got > 0 ? (size_t)got : 0;
	}
	*ret_n = done;
	return true;
}
