/*
 * token: the claims of an access token as a principal. For auth.c.
 */
#pragma once
#include "kit/auth.h"

/* ST_UNAUTHENTICATED with *ret_why if a claim is missing or malformed. Strings live in the arena.
 * Whether it is expired is not looked at. */
enum status token_read(struct arena *a, struct str claims_json, struct principal *ret,
	const char **ret_why) MUST_CHECK;
