/*
 * Random bytes: the kernel's, fetched in blocks per thread. Bytes handed out are wiped from the
 * block, and a forked child throws away what it inherited.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include "base/uuid.h"

enum { BLOCK = 1024 };

struct block {
	unsigned forks; /* when it was filled */
	size_t left;    /* unused bytes, at the end */
	uint8_t bytes[BLOCK];
};

static _Thread_local struct block thread_block;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static atomic_uint fork_count;

static void on_fork(void)
{
	atomic_fetch_add(&fork_count, 1);
}

static void watch_forks(void)
{
	if (pthread_atfork(NULL, NULL, on_fork) != 0)
		abort();
}

static void fetch(uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno != EINTR)
			abort(); /* a kernel without getrandom: nothing we make would be safe */
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
}

static void refill(struct block *b)
{
	(void)pthread_once(&fork_once, watch_forks);
	b->forks = atomic_load_explicit(&fork_count, memory_order_relaxed);
	fetch(b->bytes, BLOCK);
	b->left = BLOCK;
}

void random_bytes(void *p, size_t n)
{
	struct block *b = &thread_block;
	uint8_t *from;

	if (n > BLOCK / 4) {
		fetch(p, n);
		return;
	}
	if (b->left < n || b->forks != atomic_load_explicit(&fork_count, memory_order_relaxed))
		refill(b);
	from = b->bytes + BLOCK - b->left;
	memcpy(p, from, n);
	explicit_bzero(from, n);
	b->left -= n;
}
