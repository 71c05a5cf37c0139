/*
 * log: JSON lines on standard error, one object a line: time, level, service, event, then the
 * fields given.
 * Lines are buffered and written together at the end of a loop turn (log_flush) or at once from
 * WARN up; a line is never split. Text is escaped; invalid UTF-8 is replaced. Threads: any.
 */
#pragma once
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	const char *key;
	enum { LOG_T_STR, LOG_T_INT, LOG_T_BOOL, LOG_T_US } type;
	struct str s;
	int64_t i;
};
#define LOG_STR(k, v)                                                                              \
	{                                                                                          \
		.key = (k), .type = LOG_T_STR, .s = str_c(v)                                       \
	}
#define LOG_TEXT(k, v)                                                                             \
	{                                                                                          \
		.key = (k), .type = LOG_T_STR, .s = (v)                                            \
	}
#define LOG_INT(k, v)                                                                              \
	{                                                                                          \
		.key = (k), .type = LOG_T_INT, .i = (int64_t)(v)                                   \
	}
#define LOG_BOOL(k, v)                                                                             \
	{                                                                                          \
		.key = (k), .type = LOG_T_BOOL, .i = (v)                                           \
	}
#define LOG_US(k, v)                                                                               \
	{                                                                                          \
		.key = (k), .type = LOG_T_US, .i = (v)                                             \
	} /* microseconds, printed as milliseconds with three decimals */

/* Before other threads start. fd is usually 2. */
void log_init(const char *service, enum log_level level, int fd);
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t n);
void log_flush(void);
bool log_level_parse(const char *name, enum log_level *ret);

#define LOG_AT(level, event, ...)                                                                  \
	do {                                                                                       \
		if (log_is_on(level)) {                                                            \
			const struct log_field log_fields_[] = { __VA_ARGS__ };                    \
			log_write(level, event, log_fields_,                                       \
				sizeof(log_fields_) / sizeof(log_fields_[0]));                     \
		}                                                                                  \
	} while (0)
#define log_debug(event, ...) LOG_AT(LOG_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  LOG_AT(LOG_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  LOG_AT(LOG_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_AT(LOG_ERROR, event, __VA_ARGS__)
