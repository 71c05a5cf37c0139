/*
 * Log: lines are composed in one buffer under a lock and leave it with one write(2).
 *
 * A line has at most MAX_LINE bytes. What does not fit is cut inside its text, the fields after it
 * are left out, and the line says "truncated":true; it stays one well-formed JSON object.
 */
#include "adapters/log/log.h"
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>
#include "base/clock.h"

enum {
	BUFFER = 64 * 1024,
	MAX_LINE = 16 * 1024,
	MAX_SERVICE = 64,
	TAIL = 48,         /* kept free for closing a line that was cut */
	SECONDS_TEXT = 19, /* "2026-03-29T01:30:00" */
	US_PER_SECOND = 1000000,
	FULL_PIPE_WAIT_MS = 100,
};

/* The process has one log. */
static struct {
	pthread_mutex_t mu;
	char service[MAX_SERVICE]; /* guarded by mu, like all below but level */
	int fd;
	int64_t second; /* the one in second_text */
	char second_text[SECONDS_TEXT];
	size_t n;
	char buffer[BUFFER];
	_Atomic int level;
} the_log = { .mu = PTHREAD_MUTEX_INITIALIZER, .fd = 2, .level = LOG_INFO, .second = INT64_MIN };

static const char *const LEVEL_NAMES[] = { "debug", "info", "warn", "error" };

/* The line being composed; stands in the log's buffer. */
struct line {
	char *p;
	size_t n;
	bool cut;
};

static bool has_room(const struct line *l, size_t n)
{
	return l->n + n <= MAX_LINE - TAIL;
}

static void put(struct line *l, const char *p, size_t n)
{
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void puts_raw(struct line *l, const char *s)
{
	put(l, s, strlen(s));
}

/* Bytes of the well-formed UTF-8 sequence at the start of s, or 0. */
static size_t sequence_length(struct str s)
{
	uint8_t lead = (uint8_t)s.p[0];
	size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	return n <= s.n && utf8_is_valid(str_n(s.p, n)) ? n : 0;
}

static void put_escape(struct line *l, uint8_t c)
{
	static const char HEX[] = "0123456789abcdef";
	const char code[] = { '\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15] };

	switch (c) {
	case '"':
		puts_raw(l, "\\\"");
		break;
	case '\\':
		puts_raw(l, "\\\\");
		break;
	case '\n':
		puts_raw(l, "\\n");
		break;
	case '\t':
		puts_raw(l, "\\t");
		break;
	default:
		put(l, code, sizeof(code));
	}
}

/* How many bytes at the start of s stand for themselves, up to max. */
static size_t plain_length(struct str s, size_t max)
{
	/* ASCII without control characters, '"' and '\\' */
	static const bool PLAIN[256] = {
		[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true
	};
	size_t end = s.n < max ? s.n : max, n = 0;

	while (n < end && PLAIN[(uint8_t)s.p[n]])
		n++;
	return n;
}

/* The character at the start of s, which does not stand for itself; its bytes in s. */
static size_t put_special(struct line *l, struct str s)
{
	size_t n;

	if ((uint8_t)*s.p < 0x80) {
		put_escape(l, (uint8_t)*s.p);
		return 1;
	}
	n = sequence_length(s);
	if (n > 0) {
		put(l, s.p, n);
		return n;
	}
	puts_raw(l, "\xef\xbf\xbd");
	return 1;
}

/* Characters of s until the line is full; each takes at most six bytes. */
static void put_text(struct line *l, struct str s)
{
	enum { WIDEST = 6 };

	while (s.n > 0) {
		size_t n;

		if (!has_room(l, WIDEST)) {
			l->cut = true;
			return;
		}
		n = plain_length(s, MAX_LINE - TAIL - l->n);
		if (n > 0)
			put(l, s.p, n);
		else
			n = put_special(l, s);
		s.p += n;
		s.n -= n;
	}
}

static void put_quoted(struct line *l, struct str s)
{
	l->p[l->n++] = '"';
	put_text(l, s);
	l->p[l->n++] = '"';
}

/* At least `width` digits. */
static void put_digits(struct line *l, uint64_t v, int width)
{
	char digits[20];
	size_t at = sizeof(digits);

	for (; v > 0 || width > 0; v /= 10, width--)
		digits[--at] = (char)('0' + v % 10);
	put(l, digits + at, sizeof(digits) - at);
}

static uint64_t put_sign(struct line *l, int64_t v)
{
	if (v >= 0)
		return (uint64_t)v;
	l->p[l->n++] = '-';
	return -(uint64_t)v;
}

static void put_ms(struct line *l, int64_t us)
{
	uint64_t v = put_sign(l, us);

	put_digits(l, v / 1000, 1);
	l->p[l->n++] = '.';
	put_digits(l, v % 1000, 3);
}

static void put_value(struct line *l, const struct log_field *f)
{
	switch (f->type) {
	case LOG_T_STR:
		if (f->s.p)
			put_quoted(l, f->s);
		else
			puts_raw(l, "null");
		break;
	case LOG_T_INT:
		put_digits(l, put_sign(l, f->i), 1);
		break;
	case LOG_T_BOOL:
		puts_raw(l, f->i ? "true" : "false");
		break;
	case LOG_T_US:
		put_ms(l, f->i);
		break;
	}
}

static void put_field(struct line *l, const struct log_field *f)
{
	enum { AROUND = 40 }; /* quotes, colon, comma and the longest number */
	size_t before = l->n;

	if (!has_room(l, AROUND)) {
		l->cut = true;
		return;
	}
	l->p[l->n++] = ',';
	put_quoted(l, str_c(f->key));
	if (l->cut || !has_room(l, AROUND)) {
		l->n = before; /* half a key says nothing */
		l->cut = true;
		return;
	}
	l->p[l->n++] = ':';
	put_value(l, f);
}

/* The date and time are formatted once a second, the fraction each time. */
static void put_time(struct line *l, int64_t now_us)
{
	int64_t second = now_us / US_PER_SECOND;

	if (second != the_log.second) {
		_cleanup_(arena_freep) struct arena *a = arena_new();

		memcpy(the_log.second_text, clock_format(a, second * US_PER_SECOND), SECONDS_TEXT);
		the_log.second = second;
	}
	put(l, the_log.second_text, SECONDS_TEXT);
	l->p[l->n++] = '.';
	put_digits(l, (uint64_t)(now_us % US_PER_SECOND), 6);
	l->p[l->n++] = 'Z';
}

static void put_head(struct line *l, enum log_level level, const char *event)
{
	puts_raw(l, "{\"time\":\"");
	put_time(l, clock_now_us());
	puts_raw(l, "\",\"level\":\"");
	puts_raw(l, LEVEL_NAMES[level]);
	puts_raw(l, "\",\"service\":");
	put_quoted(l, str_c(the_log.service));
	puts_raw(l, ",\"event\":");
	put_quoted(l, str_c(event));
}

/* False when the descriptor takes no more: nobody reads it, or it is gone. */
static bool write_some(const char **p, size_t *n)
{
	ssize_t done = write(the_log.fd, *p, *n);

	if (done >= 0) {
		*p += done;
		*n -= (size_t)done;
		return true;
	}
	if (errno == EAGAIN)
		return poll(&(struct pollfd){ .fd = the_log.fd, .events = POLLOUT }, 1,
			       FULL_PIPE_WAIT_MS) > 0;
	return errno == EINTR;
}

/* With the lock held. What cannot be written is dropped: a log must not stop the service. */
static void flush_locked(void)
{
	const char *p = the_log.buffer;
	size_t n = the_log.n;

	the_log.n = 0;
	while (n > 0) {
		if (!write_some(&p, &n))
			return;
	}
}

void log_init(const char *service, enum log_level level, int fd)
{
	size_t n = strnlen(service, MAX_SERVICE - 1);

	(void)pthread_mutex_lock(&the_log.mu);
	memcpy(the_log.service, service, n);
	the_log.service[n] = '\0';
	the_log.fd = fd;
	the_log.second = INT64_MIN;
	atomic_store_explicit(&the_log.level, (int)level, memory_order_relaxed);
	(void)pthread_mutex_unlock(&the_log.mu);
}

bool log_is_on(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n)
{
	struct line l;

	if (!log_is_on(level))
		return;
	(void)pthread_mutex_lock(&the_log.mu);
	if (BUFFER - the_log.n < MAX_LINE)
		flush_locked();
	l = (struct line){ .p = the_log.buffer + the_log.n };
	put_head(&l, level, event);
	for (size_t i = 0; i < n && !l.cut; i++)
		put_field(&l, &fields[i]);
	if (l.cut)
		puts_raw(&l, ",\"truncated\":true");
	puts_raw(&l, "}\n");
	the_log.n += l.n;
	if (level >= LOG_WARN)
		flush_locked();
	(void)pthread_mutex_unlock(&the_log.mu);
}

void log_flush(void)
{
	(void)pthread_mutex_lock(&the_log.mu);
	flush_locked();
	(void)pthread_mutex_unlock(&the_log.mu);
}

bool log_level_parse(const char *name, enum log_level *ret)
{
	for (size_t i = 0; i < sizeof(LEVEL_NAMES) / sizeof(LEVEL_NAMES[0]); i++) {
		if (strcmp(name, LEVEL_NAMES[i]) == 0) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	return false;
}
