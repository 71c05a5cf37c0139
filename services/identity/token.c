/*
 * Access tokens and the keys that sign them. Keys are rows of a table, sealed with the
 * installation's secret, so that all replicas sign with the same ones. A new key is published
 * before it signs, so that every service has it by then; it is good for checking until the last
 * token it signed has ended.
 */
#include "services/identity/identity.h"

#include "adapters/crypto/crypto.h"
#include "adapters/log/log.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "kit/auth.h"

enum { MAX_KEYS = 64 };
static const int64_t MS = 1000, MAX_LEAD_US = 600 * 1000000LL;
static const char SEAL_CONTEXT[] = "identity signing key";

struct key {
	char kid[UUID_TEXT + 1];
	struct sign_key *sign;
	int64_t activate_us, expire_us;
};

struct tokens {              /* service->state */
	struct arena *arena; /* of the present keys; replaced with them */
	struct secret *seal;
	struct key keys[MAX_KEYS];
	size_t n;
};

/* How long a key is known before it signs: twice as long as services go without asking for keys,
 * less where keys change faster than that. */
static int64_t lead_us(void)
{
	const int64_t quarter = identity_settings.key_rotation_ms * MS / 4;
	return quarter < MAX_LEAD_US ? quarter : MAX_LEAD_US;
}

/* The tenth part of it, a minute at most: how often the table is looked at, and how far the clocks
 * of replicas may be apart. */
static int64_t check_us(void)
{
	return lead_us() / 10;
}

static enum status read_key(
	struct tokens *t, struct arena *a, const Crm__SigningKey *row, struct key *ret)
{
	struct str seed;
	TRY(crypto_open(a, t->seal, STR(SEAL_CONTEXT), str_c(row->sealed_seed), &seed));
	TRY(sign_key_from_seed(a, seed, &ret->sign));
	if (strlen(row->kid) != UUID_TEXT)
		return ST_DATA_LOSS;
	memcpy(ret->kid, row->kid, UUID_TEXT + 1);
	ret->activate_us = timestamp_us(row->activate_time);
	ret->expire_us = timestamp_us(row->expire_time);
	return ST_OK;
}

/* Replaces the keys by what the table has. */
static enum status load_keys(struct service *s, struct tokens *t)
{
	struct arena *a = arena_new();
	struct db_rows *rows;
	struct key keys[MAX_KEYS];
	size_t n = 0;
	enum status st = db_read(s->db, a, &sql_signing_key_list, (struct db_args){ 0 }, &rows);
	for (size_t i = 0; st == ST_OK && i < db_count(rows) && n < MAX_KEYS; i++) {
		Crm__SigningKey *row;
		st = db_row_message(a, rows, i, &row);
		if (st == ST_OK && read_key(t, a, row, &keys[n]) == ST_OK)
			n++;
		else if (st == ST_OK)
			log_error("signing_key_unreadable", LOG_STR("kid", row->kid),
				LOG_STR("cause", "sealed with another secret"));
	}
	if (st != ST_OK) {
		arena_free(a);
		return st;
	}
	arena_free(t->arena);
	t->arena = a;
	memcpy(t->keys, keys, sizeof(keys[0]) * n);
	t->n = n;
	for (size_t i = 0; i < n; i++)
		auth_add_key(
			s->auth, keys[i].kid, sign_key_public(keys[i].sign), keys[i].expire_us);
	return ST_OK;
}

static enum status make_key(struct service *s, struct tokens *t, int64_t activate_us)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct sign_key *k = sign_key_new(a);
	const struct str public = sign_key_public(k);
	const struct str sealed = crypto_seal(a, t->seal, STR(SEAL_CONTEXT), sign_key_seed(k));
	Crm__SigningKey row = CRM__SIGNING_KEY__INIT;
	row.kid = uuid_v7_text(a);
	row.sealed_seed = str_dup(a, sealed);
	row.public_key =
		(ProtobufCBinaryData){ .len = public.n, .data = arena_dup(a, public.p, public.n) };
	row.activate_time = call_timestamp(a, activate_us);
	row.expire_time =
		call_timestamp(a, activate_us + 2 * identity_settings.key_rotation_ms * MS +
					  identity_settings.access_ms * MS + lead_us());
	struct db_batch *b = db_batch_new(s->db, a);
	/* no rows are read */
	(void)db_batch_add(b, &sql_signing_key_insert, (struct db_args){ .input = &row });
	(void)db_batch_add(b, &sql_signing_key_clean, (struct db_args){ 0 });
	TRY(db_write(s->db, a, b, NULL));
	log_info("signing_key_made", LOG_STR("kid", row.kid));
	return ST_OK;
}

/* The newest key that is active, or NULL. */
static const struct key *current_key(const struct tokens *t, int64_t now_us)
{
	const struct key *best = NULL;
	for (size_t i = 0; i < t->n; i++) {
		const struct key *k = &t->keys[i];
		if (k->activate_us <= now_us && k->expire_us > now_us &&
			(!best || k->activate_us > best->activate_us))
			best = k;
	}
	return best;
}

static int64_t newest_activation(const struct tokens *t)
{
	int64_t newest = 0;
	for (size_t i = 0; i < t->n; i++)
		newest = t->keys[i].activate_us > newest ? t->keys[i].activate_us : newest;
	return newest;
}

/* A first key that signs at once, or the next one when the present one's time is nearly over. Two
 * replicas may both make one: both are good. */
static enum status keep_keys(struct service *s, struct tokens *t)
{
	TRY(load_keys(s, t));
	const int64_t now = clock_now_us();
	if (!current_key(t, now))
		TRY(make_key(s, t, now));
	else if (newest_activation(t) + identity_settings.key_rotation_ms * MS < now + lead_us())
		TRY(make_key(s, t, now + lead_us()));
	else
		return ST_OK;
	return load_keys(s, t);
}

static void rotate(void *arg)
{
	struct service *s = arg;
	while (fiber_sleep_us(check_us()) == ST_OK) {
		const enum status st = db_is_up(s->db) ? keep_keys(s, s->state) : ST_OK;
		if (st != ST_OK)
			log_warn("signing_keys_not_refreshed", LOG_STR("status", status_name(st)));
		if (db_is_up(s->db))
			throttle_clean(s);
	}
}

static void free_tokens(void *tokens)
{
	struct tokens *t = tokens;
	arena_free(t->arena);
	secret_free(t->seal);
}

enum status tokens_ready(struct service *s)
{
	struct tokens *t = s->state;
	const bool is_first = t == NULL;
	if (is_first) {
		t = arena_zalloc(s->arena, sizeof(*t));
		t->seal = secret_derive(s->secret, "identity/signing-keys");
		arena_defer(s->arena, free_tokens, t); /* when nothing runs any more */
		s->state = t;
	}
	TRY(keep_keys(s, t));
	if (is_first)
		service_background(s, rotate, s);
	return ST_OK;
}

static void put_list(struct buf *b, const char *name, char *const *items, size_t n)
{
	buf_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s\"%s\"", i ? "," : "", items[i]);
	buf_put_c(b, ']');
}

/* Only a grant at the level subtree asks for the teams below one's own. */
static bool needs_teams(const Crm__LoginUser *u)
{
	for (size_t i = 0; i < u->n_grant_levels; i++) {
		if (u->grant_levels[i] == CRM__LEVEL__LEVEL_SUBTREE)
			return true;
	}
	return false;
}

/* Ids are UUIDs and patterns are checked by rules_is_grant_pattern: nothing here needs escaping. */
static struct str claims_of(struct arena *a, const Crm__LoginUser *u, const char *session_id,
	int64_t now_us, int64_t expire_us)
{
	struct buf b = buf_new(a, 0);
	buf_printf(&b,
		"{\"iss\":\"crm\",\"sub\":\"%s\",\"tid\":\"%s\",\"sid\":\"%s\",\"kind\":\"%s\",\"team\":\"%s\"",
		u->user_id, u->tenant_id, session_id, *u->api_key_id ? "key" : "user", u->team_id);
	put_list(&b, "teams", (char *const *)u->teams, needs_teams(u) ? u->n_teams : 0);
	buf_puts(&b, ",\"perms\":[");
	for (size_t i = 0; i < u->n_grant_permissions && i < u->n_grant_levels; i++)
		buf_printf(&b, "%s[\"%s\",%d]", i ? "," : "", u->grant_permissions[i],
			u->grant_levels[i]);
	buf_printf(&b, "],\"iat\":%lld,\"exp\":%lld}", (long long)(now_us / 1000000),
		(long long)(expire_us / 1000000));
	return buf_str(&b);
}

enum status token_issue(struct call *call, const Crm__LoginUser *user, const char *session_id,
	struct str *ret_token, int64_t *ret_expire_us)
{
	const struct tokens *t = call->service->state;
	const int64_t now = call_now_us(call);
	const struct key *k = t ? current_key(t, now + check_us()) : NULL;
	if (!k)
		return call_fail_retry(call, ST_UNAVAILABLE, 1000, "no signing key yet; try again");
	*ret_expire_us = now + identity_settings.access_ms * MS;
	*ret_token = jwt_sign(call->arena, k->sign, k->kid,
		claims_of(call->arena, user, session_id, now, *ret_expire_us));
	if (ret_token->n > JWT_MAX) /* it travels as metadata, which has a limit */
		return call_fail_reason(call, ST_FAILED_PRECONDITION, "RIGHTS_TOO_MANY", NULL,
			"the rights of this user do not fit into a token: %zu grants, and %zu teams for those at the level subtree; "
			"an administrator can give roles with patterns such as contacts.*, at the level all, or a team further down",
			user->n_grant_permissions, user->n_teams);
	return ST_OK;
}

static void put_jwk(struct buf *b, struct arena *a, const struct key *k)
{
	buf_printf(b,
		"%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\",\"kid\":\"%s\",\"x\":\"%s\"}",
		b->p && b->p[b->n - 1] == '}' ? "," : "", k->kid,
		crypto_base64url(a, sign_key_public(k->sign)));
}

enum status get_key_set(struct call *call)
{
	const struct tokens *t = call->service->state;
	Crm__GetKeySetResponse r = CRM__GET_KEY_SET_RESPONSE__INIT;
	struct buf jwks = buf_new(call->arena, 0);
	buf_puts(&jwks, "{\"keys\":[");
	r.keys = arena_new_array(call->arena, Crm__GetKeySetResponse__Key *, t ? t->n : 0);
	for (size_t i = 0; t && i < t->n; i++) {
		const struct str public = sign_key_public(t->keys[i].sign);
		Crm__GetKeySetResponse__Key *k =
			pb_new(call->arena, &crm__get_key_set_response__key__descriptor);
		k->kid = t->keys[i].kid;
		k->public_key = (ProtobufCBinaryData){ .len = public.n,
			.data = arena_dup(call->arena, public.p, public.n) };
		k->expire_time = call_timestamp(call->arena, t->keys[i].expire_us);
		r.keys[r.n_keys++] = k;
		put_jwk(&jwks, call->arena, &t->keys[i]);
	}
	buf_puts(&jwks, "]}");
	r.jwks = buf_cstr(&jwks);
	return call_reply(call, &r);
}
