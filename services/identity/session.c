/*
 * Signing in, staying signed in, signing out.
 *
 * A refresh token is sealed text {tenant, session, generation}. The session's row counts
 * generations: a token of an older one was used before, so it was stolen and the session ends -
 * unless it is the one just before and was refreshed seconds ago: then the answer was lost on its
 * way and the client asks again.
 */
#include "services/identity/identity.h"

#include "adapters/crypto/crypto.h"
#include "base/uuid.h"
#include "kit/auth.h"
#include "kit/page.h"

static const int64_t REUSE_GRACE_US = 10 * 1000000LL;
static const char SEAL_CONTEXT[] = "refresh token";

void call_act_as(struct call *call, const char *tenant_id, const char *user_id)
{
	Crm__CallScope *scope = pb_dup(call->arena, call->scope);
	scope->tenant_id = tenant_id;
	scope->user_id = user_id;
	call->scope = scope;
}

static struct secret *refresh_key(const struct call *call)
{
	struct secret *key = secret_derive(call->service->secret, "identity/refresh-tokens");
	arena_defer(call->arena, (void (*)(void *))secret_free, key);
	return key;
}

static const char *refresh_token(struct call *call, const Crm__SessionRow *s)
{
	const char *plain = arena_printf(
		call->arena, "%s %s %lld", s->tenant_id, s->id, (long long)s->generation);
	return str_dup(call->arena,
		crypto_seal(call->arena, refresh_key(call), STR(SEAL_CONTEXT), str_c(plain)));
}

static enum status open_refresh_token(struct call *call, const char *token, const char **ret_tenant,
	const char **ret_session, int64_t *ret_generation)
{
	struct str plain;
	if (crypto_open(call->arena, refresh_key(call), STR(SEAL_CONTEXT), str_c(token), &plain) !=
		ST_OK)
		return call_fail(call, ST_UNAUTHENTICATED, NULL,
			"the refresh token is not good; sign in again");
	*ret_tenant = str_dup(call->arena, str_cut(&plain, ' '));
	*ret_session = str_dup(call->arena, str_cut(&plain, ' '));
	if (!str_to_i64(plain, ret_generation))
		return call_fail(call, ST_UNAUTHENTICATED, NULL,
			"the refresh token is not good; sign in again");
	return ST_OK;
}

static Crm__Session *public_session(struct call *call, const Crm__SessionRow *s)
{
	Crm__Session *p = pb_new(call->arena, &crm__session__descriptor);
	p->id = s->id;
	p->create_time = s->create_time;
	p->refresh_time = s->refresh_time;
	p->expire_time = s->expire_time;
	p->revoke_time = s->revoke_time;
	p->user_id = s->user_id;
	p->device = s->device;
	p->address = s->address;
	p->api_key_id = s->api_key_id;
	return p;
}

/* ---- Authenticate ---- */

static enum status refuse(struct call *call)
{
	return call_fail_reason(
		call, ST_UNAUTHENTICATED, "BAD_CREDENTIAL", NULL, "the credential is not good");
}

static enum status find_user(struct call *call, const struct db_statement *by,
	const Crm__LoginKey *key, Crm__LoginUser **ret)
{
	struct db_rows *rows;
	const enum status s =
		db_read(call->service->db, call->arena, by, call_args(call, key), &rows);
	*ret = NULL;
	if (s == ST_NOT_FOUND)
		return ST_OK;
	TRY(s);
	return db_row_message(call->arena, rows, 0, ret);
}

static bool may_sign_in(const Crm__LoginUser *u)
{
	return u && u->state == CRM__USER__STATE__STATE_ACTIVE;
}

static enum status by_password(
	struct call *call, const Crm__PasswordCredential *c, Crm__LoginUser **ret)
{
	Crm__SignInAttempt *attempt;
	TRY(throttle_enter(call, c->tenant_key, c->email, &attempt));
	Crm__LoginKey key = CRM__LOGIN_KEY__INIT;
	key.tenant_key = c->tenant_key;
	key.email = c->email;
	Crm__LoginUser *user;
	TRY(find_user(call, &sql_login_by_email, &key, &user));
	bool matches;
	TRY(password_check(call, user ? user->password_hash : "", c->password, &matches));
	if (!matches || !may_sign_in(user))
		return refuse(call);
	*ret = user;
	return throttle_forgive(call, attempt);
}

static enum status by_api_key(struct call *call, const char *secret, Crm__LoginUser **ret)
{
	Crm__SignInAttempt *attempt;
	TRY(throttle_enter(call, "", secret, &attempt));
	Crm__LoginKey key = CRM__LOGIN_KEY__INIT;
	key.secret = secret;
	TRY(find_user(call, &sql_login_by_api_key, &key, ret));
	if (!may_sign_in(*ret))
		return refuse(call);
	return throttle_forgive(call, attempt);
}

static Crm__SessionRow *new_session(struct call *call, const Crm__LoginUser *u, const char *device)
{
	Crm__SessionRow *s = pb_new(call->arena, &crm__session_row__descriptor);
	const struct rpc_headers *h = rpc_request_headers(call->rpc);
	const struct str forwarded = rpc_header(h, "x-forwarded-user-agent"); /* by the gateway */
	const struct str agent = forwarded.p ? forwarded : rpc_header(h, "user-agent");
	s->id = uuid_v7_text(call->arena);
	s->tenant_id = u->tenant_id;
	s->user_id = u->user_id;
	s->api_key_id = u->api_key_id;
	s->create_time = s->refresh_time = call_timestamp(call->arena, call_now_us(call));
	s->expire_time = call_timestamp(
		call->arena, call_now_us(call) + identity_settings.refresh_ms * 1000);
	s->device = *device || !agent.p
			    ? device
			    : arena_strndup(call->arena, agent.p, agent.n < 200 ? agent.n : 200);
	s->address = call->address;
	s->generation = 1;
	return s;
}

enum status authenticate(struct call *call)
{
	const Crm__AuthenticateRequest *q = call->request;
	Crm__LoginUser *user;
	switch (q->credential_case) {
	case CRM__AUTHENTICATE_REQUEST__CREDENTIAL_PASSWORD:
		TRY(by_password(call, q->password, &user));
		break;
	case CRM__AUTHENTICATE_REQUEST__CREDENTIAL_API_KEY:
		TRY(by_api_key(call, q->api_key, &user));
		break;
	default:
		return call_fail(
			call, ST_INVALID_ARGUMENT, "password", "give a password or an api_key");
	}
	call_act_as(call, user->tenant_id, user->user_id);
	Crm__SessionRow *s = new_session(call, user, q->device);
	Crm__AuthenticateResponse r = CRM__AUTHENTICATE_RESPONSE__INIT;
	struct str token;
	int64_t expire_us;
	TRY(token_issue(call, user, s->id, &token, &expire_us));
	r.access_token = str_dup(call->arena, token);
	r.access_expire_time = call_timestamp(call->arena, expire_us);
	r.refresh_token = refresh_token(call, s);
	r.session = public_session(call, s);
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	(void)db_batch_add(b, &sql_session_insert, call_args(call, s)); /* no rows are read */
	const struct change change = { .entity = "session",
		.verb = "created",
		.id = s->id,
		.revision = 1,
		.after = r.session };
	return call_write(call, b, &change, 1, &r);
}

/* ---- RefreshSession ---- */

static enum status load_session(struct call *call, const char *id, Crm__SessionRow **ret)
{
	Crm__RowKey key = CRM__ROW_KEY__INIT;
	key.id = id;
	struct db_rows *rows;
	TRY(db_read(
		call->service->db, call->arena, &sql_session_get, call_args(call, &key), &rows));
	return db_row_message(call->arena, rows, 0, ret);
}

static enum status write_revocation(struct call *call, Crm__SessionRow *s, const void *response)
{
	const Crm__Session *before = public_session(call, s);
	s->revoke_time = call_timestamp(call->arena, call_now_us(call));
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	(void)db_batch_add(b, &sql_session_revoke, call_args(call, s)); /* no rows are read */
	const struct change change = { .entity = "session",
		.verb = "revoked",
		.id = s->id,
		.revision = 2,
		.before = before,
		.after = public_session(call, s) };
	struct db_error e;
	const enum status st = call_try_write(call, b, &change, 1, response, &e);
	if (st == ST_OK || st == ST_ABORTED)
		auth_revoke(call->service->auth, s->id);
	return st == ST_ABORTED ? ST_OK : st; /* somebody else ended it just now */
}

static bool is_good(const struct call *call, const Crm__SessionRow *s)
{
	return !s->revoke_time && timestamp_us(s->expire_time) > call_now_us(call);
}

/* Whether the user (and API key) of a session may still work. */
static enum status user_of_session(
	struct call *call, const Crm__SessionRow *s, Crm__LoginUser **ret)
{
	Crm__LoginKey key = CRM__LOGIN_KEY__INIT;
	key.tenant_id = s->tenant_id;
	key.user_id = s->user_id;
	key.api_key_id = s->api_key_id;
	TRY(find_user(call, &sql_login_by_id, &key, ret));
	if (!may_sign_in(*ret))
		return refuse(call);
	(*ret)->api_key_id = s->api_key_id;
	return ST_OK;
}

static enum status reply_refreshed(
	struct call *call, const Crm__LoginUser *user, Crm__SessionRow *s, bool is_repeat)
{
	Crm__RefreshSessionResponse r = CRM__REFRESH_SESSION_RESPONSE__INIT;
	struct str token;
	int64_t expire_us;
	TRY(token_issue(call, user, s->id, &token, &expire_us));
	if (!is_repeat) {
		s->generation++;
		s->refresh_time = call_timestamp(call->arena, call_now_us(call));
		s->expire_time = call_timestamp(
			call->arena, call_now_us(call) + identity_settings.refresh_ms * 1000);
		struct db_batch *b = db_batch_new(call->service->db, call->arena);
		/* no rows are read */
		(void)db_batch_add(b, &sql_session_refresh, call_args(call, s));
		TRY(db_write(call->service->db, call->arena, b, NULL));
	}
	r.access_token = str_dup(call->arena, token);
	r.access_expire_time = call_timestamp(call->arena, expire_us);
	r.refresh_token = refresh_token(call, s);
	r.session = public_session(call, s);
	return call_reply(call, &r);
}

enum status refresh_session(struct call *call)
{
	const Crm__RefreshSessionRequest *q = call->request;
	const char *tenant_id = NULL, *session_id = NULL;
	int64_t generation = 0;
	TRY(open_refresh_token(call, q->refresh_token, &tenant_id, &session_id, &generation));
	call_act_as(call, tenant_id, "");
	Crm__SessionRow *s;
	const enum status st = load_session(call, session_id, &s);
	if (st == ST_NOT_FOUND || (st == ST_OK && !is_good(call, s)))
		return call_fail(
			call, ST_UNAUTHENTICATED, NULL, "the session has ended; sign in again");
	TRY(st);
	const bool is_repeat = generation == s->generation - 1 &&
			       timestamp_us(s->refresh_time) + REUSE_GRACE_US > call_now_us(call);
	if (generation != s->generation && !is_repeat) {
		TRY(write_revocation(call, s, NULL));
		return call_fail_reason(call, ST_UNAUTHENTICATED, "REFRESH_TOKEN_REUSED", NULL,
			"the refresh token was used before; the session was ended; sign in again");
	}
	Crm__LoginUser *user;
	TRY(user_of_session(call, s, &user));
	return reply_refreshed(call, user, s, is_repeat);
}

/* ---- RevokeSession, ListSessions ---- */

static enum status may_touch(struct call *call, const char *user_id, const char *permission)
{
	if (strcmp(user_id, call->scope->user_id) == 0 ||
		call_level(call, permission) != LEVEL_NONE)
		return ST_OK;
	return ST_PERMISSION_DENIED;
}

enum status revoke_session(struct call *call)
{
	const Crm__RevokeSessionRequest *q = call->request;
	const char *id = *q->id ? q->id : call->principal->session_id;
	Crm__SessionRow *s;
	enum status st = load_session(call, id, &s);
	if (st == ST_NOT_FOUND ||
		(st == ST_OK && may_touch(call, s->user_id, "identity.sessions.revoke") != ST_OK))
		return call_fail(call, ST_NOT_FOUND, "id", "there is no session '%s'", id);
	TRY(st);
	if (!s->revoke_time)
		TRY(write_revocation(call, s, NULL));
	Crm__RevokeSessionResponse r = CRM__REVOKE_SESSION_RESPONSE__INIT;
	r.session = public_session(call, s);
	return call_reply(call, &r);
}

static const struct filter_field fields[] = {
	{ "id", "s.id", FILTER_UUID, .can_order = true },
	{ "create_time", "s.create_time", FILTER_TIME, .can_order = true },
	{ 0 },
};

enum status list_sessions(struct call *call)
{
	const Crm__ListSessionsRequest *q = call->request;
	Crm__SessionRow who = CRM__SESSION_ROW__INIT;
	who.user_id = *q->user_id ? q->user_id : call->scope->user_id;
	if (may_touch(call, who.user_id, "identity.sessions.read") != ST_OK)
		return call_fail(call, ST_PERMISSION_DENIED, "user_id",
			"needs the permission identity.sessions.read");
	const struct page_spec page = {
		.statement = &sql_session_list,
		.fields = fields,
		.default_order = "create_time desc",
		.list_field = "sessions",
		.input = &who,
		.row_type = &crm__session__descriptor,
	};
	return page_reply(call, &page);
}

/* ---- sessions that end together ---- */

enum status end_sessions(struct call *call, struct db_batch *b, const char *user_id,
	const char *except_id, const char *api_key_id)
{
	Crm__SessionsEnd end = CRM__SESSIONS_END__INIT;
	end.user_id = user_id;
	end.except_id = except_id;
	end.api_key_id = api_key_id;
	end.time = call_timestamp(call->arena, call_now_us(call));
	struct db_rows *rows;
	TRY(db_read(
		call->service->db, call->arena, &sql_session_to_end, call_args(call, &end), &rows));
	(void)db_batch_add(b, &sql_session_end, call_args(call, &end)); /* no rows are read */
	for (size_t i = 0; i < db_count(rows); i++) {
		Crm__Session *before, *after;
		TRY(db_row_message(call->arena, rows, i, &before));
		after = pb_dup(call->arena, before);
		after->revoke_time = end.time;
		TRY(write_event(call, b,
			&(struct change){ .entity = "session",
				.verb = "revoked",
				.id = after->id,
				.revision = 2,
				.before = before,
				.after = after }));
	}
	return ST_OK;
}
