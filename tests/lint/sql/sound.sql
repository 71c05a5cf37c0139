-- Nothing here may be complained about.

-- name: sound_get :one RowKey
SELECT c.name, 'OFFSET', count(*) OVER () FROM contact c WHERE c.tenant_id = :call.tenant_id AND c.id = :id AND :visible(c);

-- name: sound_join :many RowKey
SELECT c.name, l.key FROM contact c JOIN label l ON l.tenant_id = c.tenant_id AND l.contact_id = c.id, country k
WHERE c.tenant_id = :call.tenant_id AND :visible(c) AND k.code = :id;

-- name: sound_nested :exec RowKey
DELETE FROM label WHERE tenant_id = :call.tenant_id AND contact_id IN (
	SELECT c.id FROM contact c WHERE c.tenant_id = :call.tenant_id AND :visible(c) FOR UPDATE);

-- name: sound_insert :exec RowKey
INSERT INTO label (key, tenant_id, contact_id)
SELECT k, :call.tenant_id::uuid, :id FROM unnest(ARRAY['a']) AS k
ON CONFLICT DO NOTHING;

-- name: sound_cte :many RowKey
WITH label (id) AS (SELECT c.id FROM contact c WHERE c.tenant_id = :call.tenant_id AND :visible(c))
SELECT l.id FROM label l WHERE l.id IS DISTINCT FROM :id;

-- lint: no-tenant housekeeping over all tenants
-- name: sound_housekeeping :exec
DELETE FROM label WHERE key = '';

-- name: sound_page :page RowKey
SELECT c.id FROM contact c WHERE c.tenant_id = :call.tenant_id AND :visible(c) AND :filter ORDER BY :order LIMIT :limit;
