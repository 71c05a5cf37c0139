/*
 * Strings: struct str is a borrowed slice (pointer and length, no NUL promised); struct buf is a
 * growable byte buffer with a cap, in an arena. Text is UTF-8. Nothing here depends on the locale.
 * Threads: no shared state.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/arena.h"

struct str {
	const char *p; /* NULL means absent; "" with n = 0 means empty */
	size_t n;
};

#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })

static inline struct str str_c(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}
static inline struct str str_n(const void *p, size_t n)
{
	return (struct str){ (const char *)p, n };
}
static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool str_is(struct str a, const char *b)
{
	return str_eq(a, str_c(b));
}
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
/* Cuts s at the first c: returns what stands before it, leaves the rest (after c) in *s; all of s,
 * rest absent, if there is no c. */
struct str str_cut(struct str *s, char c);
struct str str_trim(struct str s);            /* ASCII white space at both ends */
char *str_dup(struct arena *a, struct str s); /* NUL-terminated copy */

/* Decimal integer, whole slice, optional '-': false if malformed or out of range. */
bool str_to_i64(struct str s, int64_t *ret);
bool str_to_u64(struct str s, uint64_t *ret);

/* Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). NUL counts as
 * well-formed. */
bool utf8_is_valid(struct str s);
size_t utf8_count(struct str s); /* code points of a well-formed string */

/* SipHash-2-4-like keyed hash for tables; the key is drawn once per process, so outsiders cannot
 * aim collisions. */
uint64_t hash_bytes(const void *p, size_t n);
/* The same function (SipHash-1-3) under a key of the caller's, where the result must be the same in
 * every process. */
uint64_t hash_bytes_keyed(const uint64_t key[2], const void *p, size_t n);

struct buf {
	struct arena *arena;
	char *p;
	size_t n, cap, max;
	bool overflow; /* set when something did not fit under max; later puts are dropped */
};

/* max: the most bytes it may ever hold; 0 means 64 MiB. */
struct buf buf_new(struct arena *a, size_t max);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_put_c(struct buf *b, char c);
void buf_put_str(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* at least n writable bytes at p + n, or NULL on overflow; then b->n += written */
char *buf_room(struct buf *b, size_t n);
const char *buf_cstr(struct buf *b); /* NUL-terminated view */
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p ? b->p : "", b->n };
}
