/*
 * Formats: what their files share. Each *_fault returns NULL or what is wrong, as a phrase that
 * follows the field's name; values are never part of it, for they may be secret.
 */
#pragma once
#include "adapters/pb/pb_private.h"

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static inline bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static inline bool is_alpha(char c)
{
	return is_upper(c) || is_lower(c);
}

static inline bool is_alnum(char c)
{
	return is_alpha(c) || is_digit(c);
}

static inline bool is_high(char c)
{
	return (uint8_t)c >= 0x80;
}

static inline bool all_are(struct str s, bool (*is)(char c))
{
	for (size_t i = 0; i < s.n; i++) {
		if (!is(s.p[i]))
			return false;
	}
	return true;
}

static inline bool has_char(const char *set, char c)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static inline struct str rest(struct str s, size_t from)
{
	return str_n(s.p + from, s.n - from);
}

const char *pb_format_domain_fault(struct str s);
const char *pb_format_email_fault(struct str s);
const char *pb_format_url_fault(struct str s);
const char *pb_format_e164_fault(struct str s);
const char *pb_format_phone_fault(struct str s);
