/*
 * Claims. The token's signature is good already, but what becomes a parameter of SQL or a bound of
 * a loop is checked all the same: a key that leaked, or an identity service of another version,
 * must not reach further than a refused token.
 */
#include "kit/token_private.h"
#include "adapters/json/json.h"
#include "base/uuid.h"

enum { MAX_TEAMS = 1000, MAX_GRANTS = 1000, MAX_PATTERN = 100 };

static const char *uuid_claim(struct arena *a, const struct json *v, bool may_be_empty)
{
	struct str s = json_text(v);
	struct uuid ignored;

	if (may_be_empty && s.p && s.n == 0)
		return "";
	return s.p && uuid_parse(s, &ignored) ? str_dup(a, s) : NULL;
}

static bool time_claim(const struct json *v, int64_t *ret_us)
{
	int64_t seconds;

	if (!json_int(v, &seconds) || seconds < 0)
		return false;
	return !__builtin_mul_overflow(seconds, 1000000, ret_us);
}

static bool read_teams(struct arena *a, const struct json *list, struct principal *p)
{
	size_t n = json_count(list);
	const char **teams;

	if (!json_is_list(list) || n > MAX_TEAMS)
		return false;
	teams = arena_new_array(a, const char *, n);
	for (size_t i = 0; i < n; i++) {
		teams[i] = uuid_claim(a, json_at(list, i), false);
		if (!teams[i])
			return false;
	}
	p->n_teams = n;
	p->teams = teams;
	return true;
}

static bool is_pattern(struct str s)
{
	return s.p && s.n > 0 && s.n <= MAX_PATTERN && !memchr(s.p, '\0', s.n);
}

static bool read_grant(struct arena *a, const struct json *pair, struct grant *ret)
{
	struct str pattern = json_text(json_at(pair, 0));
	int64_t level;

	if (!is_pattern(pattern) || !json_int(json_at(pair, 1), &level))
		return false;
	if (level < LEVEL_OWN || level > LEVEL_ALL)
		return false;
	*ret = (struct grant){ .pattern = str_dup(a, pattern), .level = (enum level)level };
	return true;
}

static bool read_grants(struct arena *a, const struct json *list, struct principal *p)
{
	size_t n = json_count(list);
	struct grant *grants;

	if (!json_is_list(list) || n > MAX_GRANTS)
		return false;
	grants = arena_new_array(a, struct grant, n);
	for (size_t i = 0; i < n; i++) {
		if (!read_grant(a, json_at(list, i), &grants[i]))
			return false;
	}
	p->n_grants = n;
	p->grants = grants;
	return true;
}

static bool read_ids(struct arena *a, const struct json *claims, struct principal *p)
{
	p->tenant_id = uuid_claim(a, json_member(claims, "tid"), false);
	p->user_id = uuid_claim(a, json_member(claims, "sub"), false);
	p->session_id = uuid_claim(a, json_member(claims, "sid"), false);
	p->team_id = uuid_claim(a, json_member(claims, "team"), true);
	return p->tenant_id && p->user_id && p->session_id && p->team_id;
}

enum status token_read(
	struct arena *a, struct str claims_json, struct principal *ret, const char **ret_why)
{
	struct principal p = { 0 };
	const struct json *claims;

	*ret_why = "the token's claims are malformed; sign in again";
	if (json_parse(a, claims_json, &claims) != ST_OK)
		return ST_UNAUTHENTICATED;
	if (!str_is(json_text(json_member(claims, "iss")), "crm")) {
		*ret_why = "the token was not issued by this system";
		return ST_UNAUTHENTICATED;
	}
	if (!read_ids(a, claims, &p) || !read_teams(a, json_member(claims, "teams"), &p) ||
		!read_grants(a, json_member(claims, "perms"), &p) ||
		!time_claim(json_member(claims, "exp"), &p.expire_us))
		return ST_UNAUTHENTICATED;
	*ret = p;
	return ST_OK;
}
