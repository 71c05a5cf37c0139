-- Planted faults: each is found, see lint-sql --self-test.

-- expect: contact is not bound to the tenant
-- name: no_tenant :one RowKey
SELECT c.name FROM contact c WHERE c.id = :id AND :visible(c);

-- expect: label is not bound to the tenant
-- name: join_without_tenant :many RowKey
SELECT c.name FROM contact c JOIN label l ON l.contact_id = c.id WHERE c.tenant_id = :call.tenant_id AND :visible(c);

-- expect: label is not bound to the tenant
-- name: list_without_tenant :many RowKey
SELECT c.name FROM contact c, label l WHERE l.contact_id = c.id AND c.tenant_id = :call.tenant_id AND :visible(c);

-- expect: contact is not bound to the tenant
-- name: tenant_from_request :one Contact
SELECT c.name FROM contact c WHERE c.tenant_id = :tenant_id AND :visible(c);

-- expect: label is not bound to the tenant
-- name: nested_without_tenant :exec RowKey
DELETE FROM label WHERE contact_id IN (SELECT c.id FROM contact c WHERE c.tenant_id = :call.tenant_id AND :visible(c));

-- expect: label is not bound to the tenant
-- name: only_each_other :many RowKey
SELECT l.key FROM label l JOIN label m ON m.tenant_id = l.tenant_id;

-- expect: label is not bound to the tenant
-- name: twice_bound_once :many RowKey
SELECT l.key FROM label l WHERE l.tenant_id = :call.tenant_id UNION SELECT l.key FROM label l WHERE l.contact_id = :id;

-- expect: label is not bound to the tenant
-- name: update_without_tenant :exec RowKey
UPDATE label SET key = '' WHERE contact_id = :id;

-- expect: gives no tenant_id
-- name: insert_without_tenant :exec RowKey
INSERT INTO label (contact_id) VALUES (:id);

-- expect: gives tenant_id the value :id
-- name: insert_wrong_tenant :exec RowKey
INSERT INTO label (contact_id, tenant_id) VALUES (:call.tenant_id, :id);

-- expect: names no columns
-- name: insert_no_columns :exec RowKey
INSERT INTO label VALUES (:call.tenant_id, :id);

-- expect: without :visible(c)
-- name: no_visibility :one RowKey
SELECT c.name FROM contact c WHERE c.tenant_id = :call.tenant_id AND c.id = :id;

-- expect: without :visible(contact)
-- name: update_no_visibility :exec RowKey
UPDATE contact SET name = '' WHERE tenant_id = :call.tenant_id AND id = :id;

-- expect: says no reason
-- expect: without :visible(c)
-- lint: no-visibility
-- name: no_reason :one RowKey
SELECT c.name FROM contact c WHERE c.tenant_id = :call.tenant_id AND c.id = :id;

-- expect: unknown annotation
-- lint: whatever I like
-- name: unknown_annotation :one RowKey
SELECT k.name FROM country k WHERE k.code = :id;

-- expect: list the columns
-- name: star :many
SELECT * FROM country k;

-- expect: list the columns
-- name: star_of_table :many
SELECT k.* FROM country k;

-- expect: list the columns
-- name: returning_star :many RowKey
INSERT INTO country (code) VALUES (:id) RETURNING *;

-- expect: pages are keyset
-- name: offset :many
SELECT k.name FROM country k ORDER BY k.code LIMIT 10 OFFSET 20;

-- expect: use the outbox
-- name: notify :one
SELECT pg_notify('a', 'b');
-- expect: no session state
-- name: setting :one
SELECT set_config('a', 'b', false);
