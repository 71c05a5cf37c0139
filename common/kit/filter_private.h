/* The inside of the filter: what the scanner, the parser and the restrictions share. */
#pragma once
#include "kit/filter.h"

enum {
	FILTER_MAX_TEXT = 16384,
	FILTER_MAX_TERMS = 50,
	FILTER_MAX_DEPTH = 16,
	FILTER_MAX_STEPS = 8
};

enum filter_op { OP_NONE, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_HAS };

/* A value as written: text in quotes or without. */
struct word {
	size_t at;       /* where it begins, in bytes */
	struct str text; /* escapes undone, outer stars taken off */
	bool is_quoted;
	bool is_star;               /* just * without quotes */
	bool open_front, open_back; /* began or ended with a star that was not escaped */
};

struct filter_state {
	struct arena *arena;
	struct str text;
	size_t at; /* bytes read */
	const struct filter_field *fields;
	const struct pb_message *message;
	size_t first_param, n_values, terms, depth;
	const char *values[2 * FILTER_MAX_TERMS];
	const char *why; /* the first failure */
};

/* Says what is wrong at a byte of the text, as "at 14: …" counted in characters from 1. Always
 * ST_INVALID_ARGUMENT. */
enum status filter_fail(struct filter_state *s, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Outside text as it may stand in a message: cut to a bearable length between characters. */
const char *filter_quote(struct arena *a, struct str text);

/* ---- filter_scan.c ---- */

void scan_space(struct filter_state *s);
bool scan_at_end(const struct filter_state *s);
char scan_peek(const struct filter_state *s); /* '\0' at the end */
/* Takes the keyword if it stands here as a word of its own. */
bool scan_keyword(struct filter_state *s, const char *keyword);
bool scan_is_keyword(const struct filter_state *s, const char *keyword);
enum filter_op scan_op(struct filter_state *s);
/* A value: on the left of a comparator '.' and ':' end it, on the right they belong to it. */
enum status scan_word(struct filter_state *s, bool is_right, struct word *ret) MUST_CHECK;

/* ---- filter_term.c ---- */

/* One comparison. path are the n parts of the left side, already known to name a field. key: of a
 * map, else NULL. */
enum status term_compare(struct filter_state *s, const struct filter_field *f, const char *key,
	enum filter_op op, const struct word *w, const char **ret) MUST_CHECK;
/* A word alone: in any of the fields marked is_text. */
enum status term_bare(struct filter_state *s, const struct word *w, const char **ret) MUST_CHECK;

/* ---- filter_time.c ---- */

/* RFC 3339, or a date alone for its midnight in UTC; to what PostgreSQL reads. */
bool filter_time(struct arena *a, struct str text, const char **ret);
bool filter_date(struct str text);
