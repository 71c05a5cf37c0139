/* Folders of test programs. */
#include "tests/support/folder.h"
#include "base/arena.h"
#include "base/str.h"
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

void folder_remove(const char *path)
{
	/* the next sweep takes what stays */
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The program that a folder is named for, 0 if it is not one of the prefix. */
static pid_t owner_of(const char *name, const char *prefix)
{
	const size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 ? (pid_t)strtol(name + n, NULL, 10) : 0;
}

void folder_sweep(const char *prefix)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	DIR *tmp = opendir("/tmp");

	if (!tmp)
		return;
	for (const struct dirent *e; (e = readdir(tmp));) {
		const pid_t owner = owner_of(e->d_name, prefix);

		if (owner > 0 && kill(owner, 0) != 0 && errno == ESRCH)
			folder_remove(arena_printf(a, "/tmp/%s", e->d_name));
	}
	(void)closedir(tmp);
}
