/*
 * Arena: a list of chunks, filled from the front. The arena itself stands at the start of its first
 * chunk.
 *
 * First chunks all have one size and are kept in a per-thread cache of at most CACHED_CHUNKS (512
 * KiB), released when the thread ends. Later chunks double up to MAX_CHUNK; what is larger than
 * half a chunk gets one of its own, so that the rest of the current one is not wasted. Under ASan
 * memory that is not handed out is poisoned, allocations are set apart, and nothing is cached.
 */
#include "base/arena.h"
#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/sanitizer_private.h"

enum {
	ALIGN = 16,
	FIRST_CHUNK = 8 * 1024,
	MAX_CHUNK = 1024 * 1024,
	CACHED_CHUNKS = 64,
	REDZONE = UNDER_ASAN ? ALIGN : 0,
};

struct chunk {
	alignas(ALIGN) struct chunk *next;
	size_t size; /* with this header */
};

struct deferred {
	struct deferred *next;
	void (*fn)(void *ptr);
	void *ptr;
};

struct arena {
	char *p, *end;         /* free room in the current chunk */
	struct chunk *chunks;  /* the one being filled first */
	struct deferred *last; /* last in, first out */
	size_t used;
	size_t next_size; /* of the next chunk */
};

struct cache {
	struct chunk *first;
	size_t count;
};

static _Thread_local struct cache thread_cache;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;
static pthread_key_t cache_key;

static void cache_drop(void *cache)
{
	struct cache *c = cache;

	while (c->first) {
		struct chunk *next = c->first->next;

		mem_free(c->first);
		c->first = next;
	}
	/* other destructors of this thread may still use arenas: then nothing more is cached */
	c->count = CACHED_CHUNKS;
}

static void cache_init(void)
{
	if (pthread_key_create(&cache_key, cache_drop) != 0)
		abort();
}

static struct chunk *cache_take(void)
{
	struct cache *c = &thread_cache;
	struct chunk *chunk = c->first;

	if (chunk) {
		c->first = chunk->next;
		c->count--;
	}
	return chunk;
}

static bool cache_put(struct chunk *chunk)
{
	struct cache *c = &thread_cache;

	if (UNDER_ASAN || chunk->size != FIRST_CHUNK || c->count >= CACHED_CHUNKS)
		return false;
	if (!c->first) {
		(void)pthread_once(&cache_once, cache_init);
		if (pthread_setspecific(cache_key, c) != 0)
			return false;
	}
	chunk->next = c->first;
	c->first = chunk;
	c->count++;
	return true;
}

static struct chunk *chunk_new(size_t size)
{
	struct chunk *chunk = size == FIRST_CHUNK ? cache_take() : NULL;

	if (!chunk) {
		chunk = mem_realloc(NULL, size);
		chunk->size = size;
		MEMORY_POISON(chunk + 1, size - sizeof(*chunk));
	}
	chunk->next = NULL;
	return chunk;
}

static void chunk_free(struct chunk *chunk)
{
	if (cache_put(chunk))
		return;
	MEMORY_UNPOISON(chunk, chunk->size);
	mem_free(chunk);
}

struct arena *arena_new(void)
{
	struct chunk *chunk = chunk_new(FIRST_CHUNK);
	struct arena *a = (struct arena *)(void *)(chunk + 1);
	size_t size = (sizeof(*a) + ALIGN - 1) / ALIGN * ALIGN;

	MEMORY_UNPOISON(a, sizeof(*a));
	*a = (struct arena){
		.p = (char *)a + size + REDZONE,
		.end = (char *)chunk + FIRST_CHUNK,
		.chunks = chunk,
		.next_size = 2 * FIRST_CHUNK,
	};
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	while (a->last) {
		struct deferred *d = a->last;

		a->last = d->next;
		d->fn(d->ptr);
	}
	for (struct chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		chunk_free(c);
	}
}

void arena_freep(struct arena **a)
{
	arena_free(*a);
	*a = NULL;
}

static void *alloc_apart(struct arena *a, size_t room)
{
	struct chunk *chunk = chunk_new(sizeof(*chunk) + room);

	/* behind the current one, which goes on being filled */
	chunk->next = a->chunks->next;
	a->chunks->next = chunk;
	return chunk + 1;
}

static void add_chunk(struct arena *a)
{
	struct chunk *chunk = chunk_new(a->next_size);

	chunk->next = a->chunks;
	a->chunks = chunk;
	a->p = (char *)(chunk + 1);
	a->end = (char *)chunk + chunk->size;
	if (a->next_size < MAX_CHUNK)
		a->next_size *= 2;
}

static void *alloc_more(struct arena *a, size_t room)
{
	void *p;

	if (room > a->next_size / 2)
		return alloc_apart(a, room);
	add_chunk(a);
	p = a->p;
	a->p += room;
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t room = size ? (size + ALIGN - 1) / ALIGN * ALIGN + REDZONE : ALIGN;
	void *p = a->p;

	if (size > SIZE_MAX / 2)
		abort();
	if (room <= (size_t)(a->end - a->p))
		a->p += room;
	else
		p = alloc_more(a, room);
	a->used += size;
	MEMORY_UNPOISON(p, size);
	return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
	return memset(arena_alloc(a, size), 0, size);
}

void *arena_zalloc_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		abort();
	return arena_zalloc(a, total);
}

void *arena_dup(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc(a, n);

	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_dup(a, s, strlen(s) + 1) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	size_t len = s ? strnlen(s, n) : 0;
	char *copy = arena_alloc(a, len + 1);

	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	char usual[256]; /* what is longer is formatted again, where there is room for it */
	va_list again;
	int len;
	char *s;

	va_copy(again, ap);
	len = vsnprintf(usual, sizeof(usual), fmt, ap);
	if (len < 0)
		abort(); /* only a wrong format or 2 GiB of text */
	s = arena_alloc(a, (size_t)len + 1);
	if ((size_t)len < sizeof(usual))
		memcpy(s, usual, (size_t)len + 1);
	else
		(void)vsnprintf(s, (size_t)len + 1, fmt, again); /* the length is known */
	va_end(again);
	return s;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return s;
}

void arena_defer(struct arena *a, void (*fn)(void *), void *ptr)
{
	struct deferred *d = arena_alloc(a, sizeof(*d));

	*d = (struct deferred){ .next = a->last, .fn = fn, .ptr = ptr };
	a->last = d;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
