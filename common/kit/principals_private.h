/*
 * principals: who is behind each token that was verified lately. A bounded table from token bytes
 * to principal; what was not used for longest goes first (second chance). For auth.c.
 * Owner: struct auth; an entry lives as long as the table or a call holds it. Threads: the loop's.
 */
#pragma once
#include "base/map.h"
#include "kit/auth.h"

struct principal_entry;

struct principals {
	struct map by_token;
	struct principal_entry **ring; /* all entries; the hand goes round it */
	size_t n, cap, hand;
	size_t max;
};

void principals_init(struct principals *t, size_t max);
void principals_done(struct principals *t);

/* Lives as long as the arena. NULL if the token is unknown or ended before now_us. */
const struct principal *principals_get(
	struct principals *t, struct arena *a, struct str token, int64_t now_us);
/* Copies p. */
const struct principal *principals_add(
	struct principals *t, struct arena *a, struct str token, const struct principal *p);
void principals_drop_session(struct principals *t, const char *session_id);
