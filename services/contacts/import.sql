-- Imports: which rows of a source were taken in, and what they became.

-- name: import_find :many ImportKeys -> ImportKey
SELECT k.source, k.key, k.is_organization, k.resource_id
FROM import_key k
WHERE k.tenant_id = :call.tenant_id AND k.source = :source AND k.key = ANY(:keys::text[]);

-- name: import_key_insert :must ImportKey
INSERT INTO import_key (tenant_id, source, key, is_organization, resource_id)
VALUES (:call.tenant_id, :source, :key, :is_organization, :resource_id::uuid);
