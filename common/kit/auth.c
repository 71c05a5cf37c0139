/*
 * Authentication: tokens to principals. A token seen before costs one look-up; a new one is parsed,
 * its key found, its signature and claims checked.
 */
#include "kit/auth.h"
#include <strings.h>
#include "adapters/bus/bus.h"
#include "adapters/crypto/crypto.h"
#include "base/clock.h"
#include "base/map.h"
#include "kit/auth_private.h"
#include "kit/keys_private.h"
#include "kit/principals_private.h"
#include "kit/service.h"
#include "kit/token_private.h"

#define SECOND INT64_C(1000000)

enum { MAX_PRINCIPALS = 10000, SWEEP_EVERY = 256 };

static const int64_t SKEW = 5 * SECOND; /* between identity's clock and ours */
/* longer than any token lives: identity lets them be good for an hour at most */
static const int64_t REVOKED_FOR = 3900 * SECOND;

struct auth {
	struct service *service;
	struct keys *keys;
	struct principals principals;
	struct map revoked; /* session id to struct revoked */
	size_t revocations;
};

struct revoked {
	int64_t until_us;
};

struct auth *auth_new(struct service *s)
{
	struct auth *a = mem_zalloc(sizeof(*a));

	a->service = s;
	a->keys = keys_new(s);
	principals_init(&a->principals, MAX_PRINCIPALS);
	map_init(&a->revoked);
	return a;
}

void auth_free(struct auth *a)
{
	struct str session;
	void *r;

	if (!a)
		return;
	for (size_t i = 0; map_next(&a->revoked, &i, &session, &r);)
		mem_free(r);
	map_done(&a->revoked);
	principals_done(&a->principals);
	keys_free(a->keys);
	mem_free(a);
}

void auth_add_key(struct auth *a, const char *kid, struct str public_key, int64_t expire_us)
{
	keys_add(a->keys, str_c(kid), public_key, expire_us);
	service_health_changed(a->service);
}

bool auth_is_ready(const struct auth *a)
{
	return !keys_are_asked_for(a->keys) || keys_exist(a->keys);
}

/* ---- revocation ---- */

static void sweep(struct auth *a)
{
	int64_t now = clock_now_us();
	struct str session;
	void *value;

	for (size_t i = 0; map_next(&a->revoked, &i, &session, &value);) {
		struct revoked *r = value;

		if (r->until_us < now)
			mem_free(map_del(&a->revoked, session));
	}
}

void auth_revoke(struct auth *a, const char *session_id)
{
	struct revoked *r = mem_zalloc(sizeof(*r));

	r->until_us = clock_now_us() + REVOKED_FOR;
	mem_free(map_set(&a->revoked, str_c(session_id), r));
	principals_drop_session(&a->principals, session_id);
	if (++a->revocations % SWEEP_EVERY == 0)
		sweep(a);
}

/* crm.<tenant>.identity.session.<id>.revoked */
static enum status on_session_revoked(const struct bus_delivery *d, void *arg)
{
	_cleanup_(arena_freep) struct arena *scratch = arena_new();
	struct str rest = str_c(d->subject);

	for (int i = 0; i < 4; i++)
		(void)str_cut(&rest, '.'); /* what stands before the id */
	if (!rest.p)
		return ST_INVALID_ARGUMENT;
	auth_revoke(arg, str_dup(scratch, str_cut(&rest, '.')));
	return ST_OK;
}

void auth_start(struct auth *a)
{
	static const char *const subjects[] = { "crm.*.identity.session.*.revoked" };
	struct bus_consumer c = {
		.subjects = subjects,
		.n_subjects = 1,
		.since_us = clock_now_us() - REVOKED_FOR,
		.handle = on_session_revoked,
		.arg = a,
	};

	keys_start(a->keys);
	if (a->service->bus)
		bus_consume(a->service->bus, &c);
}

/* ---- checking ---- */

static bool bearer(struct str authorization, struct str *ret_token)
{
	struct str rest = authorization;
	struct str scheme = str_cut(&rest, ' ');

	if (scheme.n != 6 || strncasecmp(scheme.p, "Bearer", 6) != 0 || !rest.p)
		return false;
	*ret_token = str_trim(rest);
	return ret_token->n > 0;
}

static enum status verify(struct auth *a, struct arena *arena, struct str token,
	struct principal *ret, const char **ret_why)
{
	struct str key;
	struct jwt jwt;
	enum status s;

	if (jwt_parse(arena, token, &jwt) != ST_OK) {
		*ret_why = "the token is malformed; sign in again";
		return ST_UNAUTHENTICATED;
	}
	s = keys_find(a->keys, jwt.kid, &key);
	if (s != ST_OK) {
		*ret_why = s == ST_UNAVAILABLE ? "tokens cannot be checked at the moment; try again"
					       : "the token's key is not known; sign in again";
		return s;
	}
	if (jwt_verify(&jwt, key) != ST_OK) {
		*ret_why = "the token's signature is not good; sign in again";
		return ST_UNAUTHENTICATED;
	}
	return token_read(arena, jwt.claims_json, ret, ret_why);
}

static enum status admit(struct auth *a, struct arena *arena, struct str token,
	const struct principal **ret, const char **ret_why)
{
	struct principal p;

	TRY(verify(a, arena, token, &p, ret_why));
	if (p.expire_us + SKEW <= clock_now_us()) {
		*ret_why = "the token has expired; refresh the session";
		return ST_UNAUTHENTICATED;
	}
	if (map_get(&a->revoked, str_c(p.session_id))) {
		*ret_why = "the session was revoked; sign in again";
		return ST_UNAUTHENTICATED;
	}
	*ret = principals_add(&a->principals, arena, token, &p);
	return ST_OK;
}

enum status auth_check(struct auth *a, struct arena *arena, struct str authorization,
	const struct principal **ret, const char **ret_why)
{
	const struct principal *p;
	struct str token;

	if (!bearer(authorization, &token)) {
		*ret_why = "send metadata \"authorization: Bearer <access token>\"";
		return ST_UNAUTHENTICATED;
	}
	p = principals_get(&a->principals, arena, token, clock_now_us() - SKEW);
	if (!p)
		return admit(a, arena, token, ret, ret_why);
	*ret = p;
	return ST_OK;
}

/* ---- permissions ---- */

bool grant_matches(const char *pattern, struct str permission)
{
	size_t n = strlen(pattern);

	if (n > 0 && pattern[n - 1] == '*') {
		bool is_whole = n == 1 || pattern[n - 2] == '.';

		return is_whole && permission.n >= n && memcmp(pattern, permission.p, n - 1) == 0;
	}
	return n == permission.n && memcmp(pattern, permission.p, n) == 0;
}

enum level principal_level(const struct principal *p, struct str permission)
{
	enum level best = LEVEL_NONE;

	for (size_t i = 0; i < p->n_grants && best < LEVEL_ALL; i++) {
		const struct grant *g = &p->grants[i];

		if (g->level > best && grant_matches(g->pattern, permission))
			best = g->level;
	}
	return best;
}
