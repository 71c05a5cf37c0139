/* API keys: what is particular about them. The secret is in the answer to CreateApiKey and nowhere
 * else. */
#include "services/identity/identity.h"

#include "adapters/crypto/crypto.h"
#include "kit/auth.h"

static const struct filter_field fields[] = {
	{ "id", "k.id", FILTER_UUID, .can_order = true },
	{ "create_time", "k.create_time", FILTER_TIME, .can_order = true },
	{ "user_id", "k.user_id", FILTER_UUID },
	{ 0 },
};

static enum status check_user(struct call *call, const char *user_id)
{
	Crm__User *user;
	TRY(resource_load(call, &user_resource, user_id, false, "api_key.user_id", &user));
	return check_may_act_as(call, "api_key.user_id", user);
}

static enum status check(struct call *call, const void *before, void *after)
{
	Crm__ApiKey *k = after;
	if (before)
		return ST_OK;
	if (k->expire_time && timestamp_us(k->expire_time) <= call_now_us(call))
		return call_fail(
			call, ST_INVALID_ARGUMENT, "api_key.expire_time", "is in the past");
	k->secret = arena_printf(call->arena, "crm_%s", crypto_random_text(call->arena, 32));
	return check_user(call, k->user_id);
}

static enum status also(
	struct call *call, struct db_batch *b, const void *before, const void *after)
{
	return after ? ST_OK : end_sessions(call, b, "", "", ((const Crm__ApiKey *)before)->id);
}

static void redact(void *msg)
{
	((Crm__ApiKey *)msg)->secret = "";
}

const struct resource api_key_resource = {
	.name = "api_key",
	.plural = "api_keys",
	.type = &crm__api_key__descriptor,
	.get = &sql_api_key_get,
	.list = &sql_api_key_list,
	.insert = &sql_api_key_insert,
	.remove = &sql_api_key_remove,
	.fields = fields,
	.default_order = "create_time",
	.check = check,
	.also = also,
	.redact = redact,
};

enum status create_api_key(struct call *call)
{
	const Crm__CreateApiKeyRequest *q = call->request;
	Crm__ApiKey *k = pb_dup(call->arena, q->api_key);
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	struct change change;
	TRY(resource_prepare_create(call, &api_key_resource, k, b, &change));
	return call_write(call, b, &change, 1, k);
}
