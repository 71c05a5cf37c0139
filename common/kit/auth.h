/*
 * auth: who is calling. Verifies access tokens (Ed25519 JWTs of the identity service) offline, with
 * a cache, so that a call costs a table look-up.
 *
 * Claims: iss "crm", sub user id, tid tenant id, sid session id, team (own team id or ""), teams
 * (own team and all below), perms ([["contacts.*",4],…]: permission or pattern, level), iat, exp,
 * kind ("user" or "key").
 * Keys come from identity's GetKeySet, at start and when a token names an unknown kid (at most once
 * a second); identity itself gives them directly.
 * Revocations arrive over NATS (crm.*.identity.session.*.revoked), those of the last hour, as long
 * as a token may live, replayed at start; a revoked session is refused within 5 s everywhere.
 * If the keys cannot be had, tokens answer UNAVAILABLE, not UNAUTHENTICATED.
 * Owner: the service. Principals are reference-counted; a call holds one through its arena.
 * Threads: the loop's fibers.
 */
#pragma once
#include "adapters/pb/pb.h"
#include "adapters/rpc/rpc.h"
#include "base/str.h"
#include "kit/call.h"

struct service;
struct auth;

struct grant {
	const char *pattern;
	enum level level;
};

struct principal {
	const char *tenant_id, *user_id, *session_id, *team_id;
	size_t n_teams;
	const char *const *teams; /* own team and all below it */
	size_t n_grants;
	const struct grant *grants;
	int64_t expire_us; /* wall clock */
};

struct auth *auth_new(struct service *s);
void auth_free(struct auth *a);
/* Keys given directly instead of asked of identity (identity itself). The public key is 32 bytes;
 * replaces one of the same kid. */
void auth_add_key(struct auth *a, const char *kid, struct str public_key, int64_t expire_us);
void auth_revoke(struct auth *a, const char *session_id); /* at once, in this process */

/* "Bearer <token>" to a principal that lives as long as the arena. UNAUTHENTICATED (expired,
 * revoked, forged) or UNAVAILABLE; *ret_why is for the client. */
enum status auth_check(struct auth *a, struct arena *arena, struct str authorization,
	const struct principal **ret, const char **ret_why) MUST_CHECK;
enum level principal_level(const struct principal *p, struct str permission);
/* "contacts.*" covers "contacts.contacts.read"; "*" covers all */
bool grant_matches(const char *pattern, struct str permission);
