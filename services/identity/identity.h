/*
 * identity: what the files of this service share. The table of methods is in methods.c, what is
 * particular about a resource in its own file.
 * Threads: the loop's fibers.
 */
#pragma once
#include "crm/identity/v1/identity_service.pb-c.h"
#include "crm/internal/v1/identity.pb-c.h"
#include "kit/resource.h"
#include "kit/service.h"
#include "kit/write.h"
#include "services/identity/sql.h"

struct identity_settings {
	/* secrets that make a tenant each, one a line; "" if none can be made */
	const char *bootstrap_file;
	int64_t access_ms, refresh_ms, key_rotation_ms, throttle_ms, account_attempts,
		address_attempts;
};
extern struct identity_settings identity_settings; /* main.c; constant after start */

extern const struct method_entry identity_methods[];

extern const struct resource user_resource, team_resource, role_resource, api_key_resource;

/* Handlers that are not standard methods; named in methods.c. */
enum status create_tenant(struct call *call);
enum status get_tenant(struct call *call);
enum status update_tenant(struct call *call);
enum status create_api_key(struct call *call);
enum status authenticate(struct call *call);
enum status refresh_session(struct call *call);
enum status revoke_session(struct call *call);
enum status list_sessions(struct call *call);
enum status get_key_set(struct call *call);
enum status change_password(struct call *call);
enum status explain_access(struct call *call);

/* ---- passwords (password.c): hashing runs in the offload pool; RESOURCE_EXHAUSTED is said when it
 * is full ---- */

enum status password_hash(struct call *call, const char *password, const char **ret_hash)
	MUST_CHECK;
/* An empty hash matches nothing, in the same time. */
enum status password_check(
	struct call *call, const char *hash, const char *password, bool *ret_matches) MUST_CHECK;

/* ---- tokens (token.c) ---- */

/* Once the database is there: loads the signing keys, makes the first, and keeps rotating them. */
enum status tokens_ready(struct service *s);
/* A signed access token for a session. */
enum status token_issue(struct call *call, const Crm__LoginUser *user, const char *session_id,
	struct str *ret_token, int64_t *ret_expire_us) MUST_CHECK;

/* ---- throttle (throttle.c) ---- */

/* Counts an attempt; RESOURCE_EXHAUSTED with RetryInfo is said when there were too many. */
enum status throttle_enter(struct call *call, const char *tenant_key, const char *email,
	Crm__SignInAttempt **ret) MUST_CHECK;
/* The attempt succeeded: the account's attempts are forgotten. */
enum status throttle_forgive(struct call *call, const Crm__SignInAttempt *attempt) MUST_CHECK;

/* Deletes attempts that no longer count, and sessions that ended long ago; from time to time. */
void throttle_clean(struct service *s);

/* ---- sessions (session.c) ---- */

/* Adds to a batch that sessions end, with an event each: every service refuses them within seconds.
 * Those of a user but except_id ("" for none), or of an API key. */
enum status end_sessions(struct call *call, struct db_batch *b, const char *user_id,
	const char *except_id, const char *api_key_id) MUST_CHECK;

/* The call's scope for a tenant and user that the call itself finds out (sign-in, tenant
 * creation). */
void call_act_as(struct call *call, const char *tenant_id, const char *user_id);

/* PERMISSION_DENIED unless the caller holds everything that a list of grants allows: nobody can
 * give more than they have. */
enum status check_grants(struct call *call, const char *field, Crm__Grant *const *grants, size_t n)
	MUST_CHECK;
/* The same for all that a user may do: whoever makes a key for them, or sets their password, can
 * act as them. Oneself is always allowed. */
enum status check_may_act_as(struct call *call, const char *field, const Crm__User *u) MUST_CHECK;
