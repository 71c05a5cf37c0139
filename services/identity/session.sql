-- Sign-in sessions, attempts to sign in, and the keys that tokens are signed with.

-- name: session_insert :must SessionRow
INSERT INTO session (tenant_id, id, user_id, api_key_id, create_time, refresh_time, expire_time, device, address, generation)
VALUES (:call.tenant_id, :id::uuid, :user_id::uuid, :api_key_id::uuid, :create_time, :refresh_time, :expire_time, :device, :address, :generation);

-- define: session_columns
	s.id, s.user_id, s.api_key_id, s.create_time, s.refresh_time, s.expire_time, s.revoke_time, s.device, s.address;

-- name: session_get :one RowKey -> SessionRow
SELECT :use(session_columns), s.tenant_id, s.generation
FROM session s
WHERE s.tenant_id = :call.tenant_id AND s.id = :id::uuid;

-- Sessions that are good.
-- name: session_list :page SessionRow -> Session
SELECT :use(session_columns)
FROM session s
WHERE s.tenant_id = :call.tenant_id AND s.user_id = :user_id::uuid AND s.revoke_time IS NULL AND s.expire_time > now() AND :filter
ORDER BY :order LIMIT :limit;

-- Fails when another refresh came first.
-- name: session_refresh :must SessionRow
UPDATE session s SET generation = :generation, refresh_time = :refresh_time, expire_time = :expire_time
WHERE s.tenant_id = :call.tenant_id AND s.id = :id::uuid AND s.generation = :generation - 1 AND s.revoke_time IS NULL;

-- name: session_revoke :must SessionRow
UPDATE session s SET revoke_time = :revoke_time
WHERE s.tenant_id = :call.tenant_id AND s.id = :id::uuid AND s.revoke_time IS NULL;

-- Sessions to end: of a user but one, or of an API key.
-- name: session_to_end :many SessionsEnd -> Session
SELECT :use(session_columns)
FROM session s
WHERE s.tenant_id = :call.tenant_id AND s.revoke_time IS NULL AND s.expire_time > now()
	AND (s.user_id = :user_id::uuid OR s.api_key_id = :api_key_id::uuid) AND s.id IS DISTINCT FROM :except_id::uuid;

-- name: session_end :exec SessionsEnd
UPDATE session s SET revoke_time = :time
WHERE s.tenant_id = :call.tenant_id AND s.revoke_time IS NULL
	AND (s.user_id = :user_id::uuid OR s.api_key_id = :api_key_id::uuid) AND s.id IS DISTINCT FROM :except_id::uuid;

-- An attempt counts from before the password is looked at, so that many at once do not slip through; it is taken back when it succeeds.
-- One at a time on an account: two side by side would not see each other, and both be the last one allowed.
-- lint: no-tenant an attempt may name a tenant that does not exist
-- name: attempt_insert :must SignInAttempt
INSERT INTO sign_in_attempt (id, account, address, time)
SELECT :id::uuid, :account::bytea, :address, now()
FROM pg_advisory_xact_lock(hashtextextended(encode(:account::bytea, 'hex'), 0));

-- lint: no-tenant as above
-- name: attempt_count :one SignInAttempt -> SignInCount
SELECT
	count(*) FILTER (WHERE a.account = :account) AS account_count,
	count(*) FILTER (WHERE a.address = :address) AS address_count,
	min(a.time) AS oldest
FROM sign_in_attempt a
WHERE (a.account = :account OR a.address = :address) AND a.time > :since;

-- lint: no-tenant as above
-- name: attempt_forget :exec SignInAttempt
DELETE FROM sign_in_attempt a WHERE a.account = :account OR a.id = :id::uuid;

-- In small portions, so that nobody waits for it.
-- lint: no-tenant as above
-- name: attempt_clean :exec SignInAttempt
DELETE FROM sign_in_attempt a WHERE a.ctid = ANY(ARRAY(SELECT o.ctid FROM sign_in_attempt o WHERE o.time < :since LIMIT 500));

-- Sessions that ended a month ago; what became of them is in their events.
-- lint: no-tenant housekeeping of all tenants
-- name: session_clean :exec
DELETE FROM session s WHERE s.ctid = ANY(ARRAY(SELECT o.ctid FROM session o WHERE o.expire_time < now() - interval '30 days' LIMIT 500));

-- lint: no-tenant signing keys are the installation's
-- name: signing_key_list :many -> SigningKey
SELECT k.kid, k.sealed_seed, k.public_key, k.activate_time, k.expire_time
FROM signing_key k
WHERE k.expire_time > now()
ORDER BY k.activate_time, k.kid;

-- lint: no-tenant signing keys are the installation's
-- name: signing_key_insert :must SigningKey
INSERT INTO signing_key (kid, sealed_seed, public_key, activate_time, expire_time)
VALUES (:kid, :sealed_seed, :public_key, :activate_time, :expire_time);

-- lint: no-tenant signing keys are the installation's
-- name: signing_key_clean :exec
DELETE FROM signing_key k WHERE k.expire_time < now() - interval '1 day';
