/*
 * Keys: one fiber asks identity's GetKeySet: until it answers, then every five minutes, and when a
 * token names a key that is not here.
 */
#include "kit/keys_private.h"
#include <assert.h>
#include "adapters/log/log.h"
#include "base/clock.h"
#include "base/map.h"
#include "crm/identity/v1/session.pb-c.h"
#include "kit/client.h"
#include "kit/service.h"

#define METHOD "/crm.identity.v1.IdentityService/GetKeySet"
#define SECOND INT64_C(1000000)

enum { KEY_BYTES = 32, MAX_KEYS = 100, MAX_WAITING = 1000 };

static const int64_t FIRST_RETRY = SECOND / 20;
static const int64_t MAX_RETRY = 5 * SECOND;
static const int64_t REFRESH = 300 * SECOND;
static const int64_t MIN_INTERVAL = SECOND;
static const int64_t PATIENCE = 2 * SECOND; /* of a call, and of one question to identity */

struct key {
	uint8_t bytes[KEY_BYTES];
	int64_t expire_us;
	uint64_t round; /* of the answer that named it last */
};

struct keys {
	struct service *service;
	struct map by_kid;
	struct rpc_channel *channel; /* NULL: nobody to ask */
	struct event wanted;
	struct event answered; /* set and reset at once: wakes who waits */
	size_t waiting;
	uint64_t round;   /* questions asked */
	uint64_t ended;   /* the last one that has ended, */
	enum status last; /* and how */
};

struct keys *keys_new(struct service *s)
{
	struct keys *k = mem_zalloc(sizeof(*k));

	k->service = s;
	k->last = ST_UNAVAILABLE;
	map_init(&k->by_kid);
	return k;
}

void keys_free(struct keys *k)
{
	struct str kid;
	void *key;

	if (!k)
		return;
	for (size_t i = 0; map_next(&k->by_kid, &i, &kid, &key);)
		mem_free(key);
	map_done(&k->by_kid);
	rpc_channel_free(k->channel);
	mem_free(k);
}

void keys_add(struct keys *k, struct str kid, struct str public_key, int64_t expire_us)
{
	struct key *key = map_get(&k->by_kid, kid);

	assert(public_key.n == KEY_BYTES);
	if (!key) {
		key = mem_zalloc(sizeof(*key));
		(void)map_set(&k->by_kid, kid, key); /* there was none */
	}
	memcpy(key->bytes, public_key.p, KEY_BYTES);
	key->expire_us = expire_us;
	key->round = k->round;
}

static const struct key *good_key(const struct keys *k, struct str kid)
{
	const struct key *key = map_get(&k->by_kid, kid);

	return key && key->expire_us > clock_now_us() ? key : NULL;
}

bool keys_exist(const struct keys *k)
{
	struct str kid;
	void *key;

	for (size_t i = 0; map_next(&k->by_kid, &i, &kid, &key);) {
		if (((struct key *)key)->expire_us > clock_now_us())
			return true;
	}
	return false;
}

/* Are we the ones that others ask? */
static bool is_issuer(const struct service *s)
{
	return pb_schema_method(s->schema, STR(METHOD)) != NULL;
}

bool keys_are_asked_for(const struct keys *k)
{
	const char *identity = k->service->settings.identity;

	return identity && identity[0] != '\0' && !is_issuer(k->service);
}

/* ---- asking ---- */

/* What identity does not name any more is not good any more. */
static void drop_unnamed(struct keys *k)
{
	struct str kid;
	void *key;

	for (size_t i = 0; map_next(&k->by_kid, &i, &kid, &key);) {
		if (((struct key *)key)->round != k->round)
			mem_free(map_del(&k->by_kid, kid));
	}
}

static enum status take_answer(struct keys *k, struct arena *a, struct rpc_bytes *bytes)
{
	Crm__GetKeySetResponse *answer;

	TRY(client_unpack(a, &crm__get_key_set_response__descriptor, rpc_flat(a, bytes), &answer));
	if (answer->n_keys > MAX_KEYS)
		return ST_OUT_OF_RANGE;
	for (size_t i = 0; i < answer->n_keys; i++) {
		const Crm__GetKeySetResponse__Key *key = answer->keys[i];

		if (key->public_key.len == KEY_BYTES && key->kid[0] != '\0')
			keys_add(k, str_c(key->kid),
				str_n(key->public_key.data, key->public_key.len),
				timestamp_us(key->expire_time));
	}
	drop_unnamed(k);
	return ST_OK;
}

static enum status ask(struct keys *k)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	struct rpc_request q = {
		.method = METHOD,
		.deadline = clock_mono_us() + PATIENCE,
		.wait_for_ready = true,
	};
	struct rpc_response answer;
	enum status s;

	k->round++;
	q.message = rpc_bytes_of(STR(""));
	s = rpc_unary(k->channel, a, &q, &answer);
	rpc_bytes_unref(q.message);
	if (s == ST_OK)
		s = take_answer(k, a, answer.message);
	return s;
}

static void tell(struct keys *k, enum status s)
{
	bool had = k->last == ST_OK;

	k->last = s;
	k->ended = k->round;
	if (s != ST_OK && had)
		log_warn("identity_unreachable", LOG_STR("status", status_name(s)));
	if (s == ST_OK && !had)
		log_info("keys_received", LOG_INT("keys", k->by_kid.count));
	event_set(&k->answered);
	event_reset(&k->answered);
	service_health_changed(k->service);
}

/* Until the next question is due. False when the service stops. */
static bool rest(struct keys *k, int64_t asked_us, int64_t *retry_us)
{
	int64_t until = asked_us + REFRESH;
	enum status s;

	if (k->last == ST_OK) {
		*retry_us = FIRST_RETRY;
		s = event_wait_until(&k->wanted, until);
		if (s == ST_CANCELLED)
			return false;
		until = asked_us + MIN_INTERVAL;
	} else {
		until = clock_mono_us() + *retry_us;
		*retry_us = *retry_us * 3 / 2 < MAX_RETRY ? *retry_us * 3 / 2 : MAX_RETRY;
	}
	return fiber_sleep_us(until - clock_mono_us()) == ST_OK;
}

static void keep_fresh(void *arg)
{
	struct keys *k = arg;
	int64_t retry_us = FIRST_RETRY;
	int64_t asked_us;

	do {
		event_reset(&k->wanted);
		asked_us = clock_mono_us();
		tell(k, ask(k));
	} while (rest(k, asked_us, &retry_us));
}

void keys_start(struct keys *k)
{
	const struct service_settings *s = &k->service->settings;
	struct rpc_channel_config c = { .target = s->identity,
		.tls_ca_file = s->tls_ca[0] ? s->tls_ca : NULL };

	if (!keys_are_asked_for(k))
		return;
	k->channel = rpc_channel_new(k->service->rpc, &c);
	service_background(k->service, keep_fresh, k);
}

/* ---- looking up ---- */

/* Until the key is here, or a question that was asked after we came has ended: true then. */
static bool wait_for_answer(struct keys *k, struct str kid)
{
	int64_t until = clock_mono_us() + PATIENCE;
	uint64_t seen = k->round;

	k->waiting++;
	event_set(&k->wanted);
	while (!good_key(k, kid) && k->ended <= seen) {
		if (event_wait_until(&k->answered, until) != ST_OK)
			break;
	}
	k->waiting--;
	return k->ended > seen;
}

/* Those that nobody need be asked for are all there are. */
static enum status find_own(const struct keys *k, struct str kid)
{
	if (good_key(k, kid))
		return ST_OK;
	return keys_exist(k) ? ST_UNAUTHENTICATED : ST_UNAVAILABLE;
}

/* Only an answer that lacks the key says that there is none. */
static enum status find_asked(struct keys *k, struct str kid)
{
	bool is_answered;

	if (good_key(k, kid))
		return ST_OK;
	if (k->waiting >= MAX_WAITING)
		return ST_UNAVAILABLE;
	is_answered = wait_for_answer(k, kid);
	if (good_key(k, kid))
		return ST_OK;
	return is_answered && k->last == ST_OK ? ST_UNAUTHENTICATED : ST_UNAVAILABLE;
}

enum status keys_find(struct keys *k, struct str kid, struct str *ret_public_key)
{
	TRY(k->channel ? find_asked(k, kid) : find_own(k, kid));
	*ret_public_key = str_n(good_key(k, kid)->bytes, KEY_BYTES);
	return ST_OK;
}
