/*
 * Buffer: grows by doubling inside its arena. One byte more than cap is always there, so that
 * buf_cstr can end the text even when the buffer is full.
 */
#include <stdio.h>
#include "base/str.h"

enum { DEFAULT_MAX = 64 * 1024 * 1024, FIRST_CAP = 240 };

struct buf buf_new(struct arena *a, size_t max)
{
	return (struct buf){ .arena = a, .max = max ? max : DEFAULT_MAX };
}

static void grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap * 2 : FIRST_CAP;
	char *p;

	if (cap < need)
		cap = need;
	if (cap > b->max)
		cap = b->max;
	p = arena_alloc(b->arena, cap + 1);
	if (b->n > 0)
		memcpy(p, b->p, b->n);
	b->p = p;
	b->cap = cap;
}

char *buf_room(struct buf *b, size_t n)
{
	if (b->overflow || n > b->max - b->n) {
		b->overflow = true;
		return NULL;
	}
	if (!b->p || n > b->cap - b->n)
		grow(b, b->n + n);
	return b->p + b->n;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	char *room = n > 0 ? buf_room(b, n) : NULL;

	if (!room)
		return;
	memcpy(room, p, n);
	b->n += n;
}

void buf_put_c(struct buf *b, char c)
{
	buf_put(b, &c, 1);
}

void buf_put_str(struct buf *b, struct str s)
{
	buf_put(b, s.p, s.n);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

/* Formats into what room there is; the length that the whole text needs, negative on a wrong
 * format. */
PRINTF_LIKE(2, 0)
static int format(struct buf *b, const char *fmt, va_list ap)
{
	return vsnprintf(b->p + b->n, b->cap - b->n + 1, fmt, ap);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int len;

	if (!buf_room(b, 0))
		return;
	va_start(ap, fmt);
	va_copy(again, ap);
	len = format(b, fmt, ap);
	if (len > 0 && (size_t)len > b->cap - b->n && buf_room(b, (size_t)len))
		len = format(b, fmt, again);
	va_end(again);
	va_end(ap);
	if (len < 0)
		b->overflow = true;
	if (!b->overflow)
		b->n += (size_t)len;
}

const char *buf_cstr(struct buf *b)
{
	if (!b->p)
		return "";
	b->p[b->n] = '\0';
	return b->p;
}
