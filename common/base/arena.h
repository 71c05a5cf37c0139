/*
 * Arena: memory that lives as long as one call and is released in one step.
 *
 * Owner: whoever made it. Everything allocated from it belongs to it and is never freed by hand.
 * Foreign resources (PGresult, grpc slices) are handed over with arena_defer and released in
 * reverse order by arena_free.
 * Allocation never returns NULL: true out-of-memory aborts. Limits on what outsiders may make us
 * allocate are checked by the code that reads their bytes, before it allocates.
 * Threads: one at a time per arena. Chunks are recycled in a small per-thread cache (bounded, see
 * arena.c), so that the common request does not touch malloc.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine; runs deferred releases in reverse order first */
void arena_freep(struct arena **a); /* for _cleanup_ */

/* aligned to 16, not zeroed; size 0 gives a unique address */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size); /* zeroed */
#define arena_new_array(a, type, n) ((type *)arena_zalloc_array((a), (n), sizeof(type)))
/* n * size may not overflow: aborts */
void *arena_zalloc_array(struct arena *a, size_t n, size_t size);

void *arena_dup(struct arena *a, const void *p, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/* Calls fn(ptr) when the arena is freed; last in, first out. */
void arena_defer(struct arena *a, void (*fn)(void *), void *ptr);

/* Bytes handed out so far, for limits and metrics. */
size_t arena_used(const struct arena *a);

/* Memory outside arenas, for objects that live long: never NULL, release with mem_free. The only
 * malloc of the project. */
void *mem_zalloc(size_t size);
void *mem_realloc(void *p, size_t size);
char *mem_strdup(const char *s);
void *mem_dup(const void *p, size_t n);
void mem_free(void *p);
