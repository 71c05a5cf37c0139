/* Passwords: argon2id in the offload pool. */
#include "services/identity/identity.h"

#include "adapters/crypto/crypto.h"

enum { RETRY_MS = 1000 };

struct job {
	struct arena *arena;
	const char *hash, *password;
	char *ret_hash;
	bool ret_matches;
};

static void hash_in_pool(void *arg)
{
	struct job *j = arg;
	j->ret_hash = crypto_password_hash(j->arena, str_c(j->password));
}

static void check_in_pool(void *arg)
{
	struct job *j = arg;
	if (*j->hash) {
		j->ret_matches = crypto_password_matches(j->hash, str_c(j->password));
		return;
	}
	/* as long as a check would take, so that nothing is learnt from the time */
	(void)crypto_password_hash(j->arena, str_c(j->password));
	j->ret_matches = false;
}

static enum status run(struct call *call, void (*fn)(void *), struct job *j)
{
	const enum status s = offload_run(call->service->offload, fn, j);
	if (s == ST_RESOURCE_EXHAUSTED)
		return call_fail_retry(call, s, RETRY_MS, "too many sign-ins at once; try again");
	return s;
}

enum status password_hash(struct call *call, const char *password, const char **ret_hash)
{
	/* the call's arena belongs to the loop's thread */
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct job j = { .arena = arena, .password = password };
	TRY(run(call, hash_in_pool, &j));
	*ret_hash = arena_strdup(call->arena, j.ret_hash);
	return ST_OK;
}

enum status password_check(
	struct call *call, const char *hash, const char *password, bool *ret_matches)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new();
	struct job j = { .arena = arena, .hash = hash, .password = password };
	TRY(run(call, check_in_pool, &j));
	*ret_matches = j.ret_matches;
	return ST_OK;
}
