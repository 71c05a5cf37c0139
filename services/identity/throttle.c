/* Attempts to sign in, counted per account and per address. */
#include "services/identity/identity.h"

#include <ctype.h>

#include "adapters/crypto/crypto.h"
#include "adapters/log/log.h"
#include "base/clock.h"
#include "base/uuid.h"

/* Attempts on accounts that do not exist count too, so the table holds a digest, not what a
 * stranger typed. */
static ProtobufCBinaryData account_of(struct arena *a, const char *tenant_key, const char *email)
{
	char *text = arena_printf(a, "%s\n%s", tenant_key, email);
	for (char *p = text; *p; p++)
		*p = (char)((unsigned char)*p < 0x80 ? tolower((unsigned char)*p) : *p);
	uint8_t *digest = arena_alloc(a, CRYPTO_DIGEST);
	crypto_digest(str_c(text), digest);
	return (ProtobufCBinaryData){ .len = CRYPTO_DIGEST, .data = digest };
}

static enum status take_back(struct call *call, const char *id)
{
	Crm__SignInAttempt own = CRM__SIGN_IN_ATTEMPT__INIT;
	own.id = id;
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	(void)db_batch_add(b, &sql_attempt_forget, call_args(call, &own)); /* no rows are read */
	return db_write(call->service->db, call->arena, b, NULL);
}

enum status throttle_enter(
	struct call *call, const char *tenant_key, const char *email, Crm__SignInAttempt **ret)
{
	Crm__SignInAttempt *attempt = pb_new(call->arena, &crm__sign_in_attempt__descriptor);
	attempt->id = uuid_v7_text(call->arena);
	attempt->account = account_of(call->arena, tenant_key, email);
	attempt->address = call->address;
	attempt->since = call_timestamp(
		call->arena, call_now_us(call) - identity_settings.throttle_ms * 1000);
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	(void)db_batch_add(b, &sql_attempt_insert, call_args(call, attempt)); /* no rows are read */
	const size_t counted = db_batch_add(b, &sql_attempt_count, call_args(call, attempt));
	TRY(db_write(call->service->db, call->arena, b, NULL));
	Crm__SignInCount *count;
	TRY(db_row_message(call->arena, db_batch_rows(b, counted), 0, &count));
	if (count->account_count > identity_settings.account_attempts ||
		count->address_count > identity_settings.address_attempts) {
		TRY(take_back(call, attempt->id)); /* a refused attempt does not prolong the wait */
		const int64_t wait_ms =
			(timestamp_us(count->oldest) - timestamp_us(attempt->since)) / 1000;
		return call_fail_retry(call, ST_RESOURCE_EXHAUSTED, wait_ms > 1000 ? wait_ms : 1000,
			"too many failed sign-ins; try again later");
	}
	*ret = attempt;
	return ST_OK;
}

void throttle_clean(struct service *s)
{
	_cleanup_(arena_freep) struct arena *a = arena_new();
	Crm__SignInAttempt old = CRM__SIGN_IN_ATTEMPT__INIT;
	old.since = call_timestamp(a, clock_now_us() - identity_settings.throttle_ms * 1000);
	struct db_batch *b = db_batch_new(s->db, a);
	/* no rows are read */
	(void)db_batch_add(b, &sql_attempt_clean, (struct db_args){ .input = &old });
	(void)db_batch_add(b, &sql_session_clean, (struct db_args){ 0 });
	if (db_write(s->db, a, b, NULL) != ST_OK)
		log_warn("sign_ins_not_cleaned");
}

enum status throttle_forgive(struct call *call, const Crm__SignInAttempt *attempt)
{
	struct db_batch *b = db_batch_new(call->service->db, call->arena);
	(void)db_batch_add(b, &sql_attempt_forget, call_args(call, attempt)); /* no rows are read */
	return db_write(call->service->db, call->arena, b, NULL);
}
