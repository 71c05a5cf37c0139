/*
 * Memory outside arenas: malloc that does not fail. Out of memory ends the process with one line:
 * no caller could do better, and the supervisor starts a fresh one.
 */
#include "base/arena.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *p)
{
	static const char MESSAGE[] = "out of memory\n";

	if (p)
		return p;
	(void)!write(STDERR_FILENO, MESSAGE, sizeof(MESSAGE) - 1); /* we end anyway */
	abort();
}

void *mem_zalloc(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

void *mem_realloc(void *p, size_t size)
{
	return checked(realloc(p, size ? size : 1));
}

void *mem_dup(const void *p, size_t n)
{
	void *copy = checked(malloc(n ? n : 1));

	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

char *mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

void mem_free(void *p)
{
	free(p);
}
