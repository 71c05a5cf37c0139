-- What the kit itself stores, in the schema of the service that it runs in.

-- name: outbox_insert :exec OutboxRow
INSERT INTO outbox (id, tenant_id, subject, payload, create_time)
VALUES (:id::uuid, :call.tenant_id, :subject, :payload, :call.now);

-- The relay's statements run over all tenants, on a connection of its own (common/kit/outbox.c).
-- name: outbox_lock :one -> OutboxLock
SELECT pg_try_advisory_lock(hashtextextended(current_schema() || '.outbox', 0)) AS is_held;

-- name: outbox_unlock :one -> OutboxLock
SELECT pg_advisory_unlock(hashtextextended(current_schema() || '.outbox', 0)) AS is_held;

-- lint: no-tenant the relay publishes for everybody
-- name: outbox_take :many OutboxRow -> OutboxRow
SELECT o.seq, o.id::text AS id, o.subject, o.payload, extract(epoch FROM clock_timestamp() - o.create_time)::bigint AS age_s
FROM outbox o WHERE o.seq > :seq ORDER BY o.seq LIMIT 256;

-- lint: no-tenant the relay publishes for everybody
-- name: outbox_age :many -> OutboxRow
SELECT extract(epoch FROM clock_timestamp() - o.create_time)::bigint AS age_s FROM outbox o ORDER BY o.seq LIMIT 1;

-- lint: no-tenant the relay publishes for everybody
-- name: outbox_delete :exec OutboxKeys
DELETE FROM outbox o WHERE o.seq = ANY(:seqs::bigint[]);

-- name: idempotency_insert :exec IdempotencyRow
INSERT INTO idempotency (tenant_id, user_id, request_id, method, request_digest, response, create_time)
VALUES (:call.tenant_id, :call.user_id::uuid, :request_id::uuid, :method, :request_digest, :response, :call.now);

-- name: idempotency_get :many IdempotencyRow -> IdempotencyRow
SELECT i.request_id, i.method, i.request_digest, i.response
FROM idempotency i
WHERE i.tenant_id = :call.tenant_id AND i.user_id = :call.user_id::uuid AND i.request_id = :request_id::uuid;

-- In small portions, so that nobody waits for it.
-- lint: no-tenant housekeeping of all tenants
-- name: idempotency_expire :exec
DELETE FROM idempotency WHERE ctid = ANY(ARRAY(
	SELECT i.ctid FROM idempotency i WHERE i.create_time < now() - interval '7 days' LIMIT 500));

-- name: inbox_insert :exec InboxRow
INSERT INTO inbox (tenant_id, consumer, event_id, create_time)
VALUES (:call.tenant_id, :consumer, :event_id::uuid, :call.now);

-- Fails when a later revision was taken in meanwhile.
-- name: inbox_advance :must InboxRow
INSERT INTO inbox_revision AS r (tenant_id, consumer, resource, revision, update_time)
VALUES (:call.tenant_id, :consumer, :resource, :revision, :call.now)
ON CONFLICT (tenant_id, consumer, resource) DO UPDATE
SET revision = excluded.revision, update_time = excluded.update_time
WHERE r.tenant_id = :call.tenant_id AND r.revision < excluded.revision;

-- What is known of an event: its id if it was taken in, and the last revision of its resource.
-- name: inbox_get :one InboxRow -> InboxRow
SELECT
	(SELECT i.event_id FROM inbox i
	WHERE i.tenant_id = :call.tenant_id AND i.consumer = :consumer AND i.event_id = :event_id::uuid) AS event_id,
	(SELECT r.revision FROM inbox_revision r
	WHERE r.tenant_id = :call.tenant_id AND r.consumer = :consumer AND r.resource = :resource) AS revision;

-- lint: no-tenant housekeeping of all tenants
-- name: inbox_expire :exec
DELETE FROM inbox WHERE ctid = ANY(ARRAY(
	SELECT i.ctid FROM inbox i WHERE i.create_time < now() - interval '30 days' LIMIT 500));

-- name: directory_put :exec DirectoryUser
INSERT INTO directory_user AS d (tenant_id, user_id, team_id, display_name, email, is_active, revision)
VALUES (:call.tenant_id, :user_id::uuid, :team_id::uuid, :display_name, :email, :is_active, :revision)
ON CONFLICT (tenant_id, user_id) DO UPDATE SET
	team_id = excluded.team_id, display_name = excluded.display_name, email = excluded.email,
	is_active = excluded.is_active, revision = excluded.revision
WHERE d.tenant_id = :call.tenant_id AND d.revision < excluded.revision;

-- name: directory_get :one RowKey -> DirectoryUser
SELECT d.user_id, d.team_id, d.display_name, d.email, d.is_active, d.revision
FROM directory_user d
WHERE d.tenant_id = :call.tenant_id AND d.user_id = :id::uuid AND d.is_active;
