/*
 * keys: the public keys that tokens are signed with, asked of the identity service and kept fresh.
 * For auth.c.
 * Owner: struct auth. Threads: the loop's fibers.
 */
#pragma once
#include "base/str.h"

struct service;
struct keys;

struct keys *keys_new(struct service *s);
void keys_free(struct keys *k);
/* Begins to ask, if there is somebody to ask: identity's address is set, and we are not identity.
 * From a fiber. */
void keys_start(struct keys *k);
void keys_add(struct keys *k, struct str kid, struct str public_key, int64_t expire_us);
bool keys_exist(const struct keys *k);
/* True if keys come from elsewhere, so that having none yet is a reason not to serve. */
bool keys_are_asked_for(const struct keys *k);

/*
 * A kid that is not known waits for the next answer of identity (one a second at most), up to 2 s
 * and its deadline.
 * ST_UNAUTHENTICATED if there is no such key, ST_UNAVAILABLE if that cannot be said now.
 */
enum status keys_find(struct keys *k, struct str kid, struct str *ret_public_key) MUST_CHECK;
