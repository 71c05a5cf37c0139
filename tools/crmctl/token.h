/*
 * token: the sign-in that is kept between runs, in a file that only its owner can read.
 *
 * A refresh token works once, and using it twice ends the session: it is used under a lock beside
 * the file, so that any number of runs side by side share one sign-in. Owner: strings live in the
 * run's arena.
 */
#pragma once
#include "tools/crmctl/crmctl.h"

struct token {
	const char *target;         /* where it was got, and is refreshed */
	const char *tenant, *email; /* "" for an API key */
	const char *user_id, *session_id;
	const char *access_token, *access_expire_time, *refresh_token;
};

/* Absent: ret->access_token is NULL. */
enum status token_load(struct ctl *c, struct token *ret) MUST_CHECK;
enum status token_store(struct ctl *c, const struct token *t) MUST_CHECK;
enum status token_remove(struct ctl *c) MUST_CHECK;
/* From the answer of Authenticate or RefreshSession, as JSON; the other members of t stay. */
enum status token_take(struct ctl *c, struct str answer, struct token *t) MUST_CHECK;
/* An access token that is good for some time, refreshed if need be; NULL if nobody is signed in. */
enum status token_access(struct ctl *c, const char **ret) MUST_CHECK;
/* As token_access, but fails if nobody is signed in; the whole sign-in. */
enum status token_require(struct ctl *c, struct token *ret) MUST_CHECK;
