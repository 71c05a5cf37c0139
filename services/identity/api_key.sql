-- API keys. The secret is never stored, only its digest.

-- define: api_key_columns
	k.id, k.revision, k.revision::text AS etag, k.create_time, k.update_time, k.creator_id, k.display_name, k.user_id, k.expire_time;

-- name: api_key_get :one RowKey -> ApiKey
SELECT :use(api_key_columns)
FROM api_key k
WHERE k.tenant_id = :call.tenant_id AND k.id = :id::uuid;

-- name: api_key_list :page ListApiKeysRequest -> ApiKey
SELECT :use(api_key_columns)
FROM api_key k
WHERE k.tenant_id = :call.tenant_id AND :filter
ORDER BY :order LIMIT :limit;

-- name: api_key_insert :must ApiKey
INSERT INTO api_key (tenant_id, id, revision, create_time, update_time, creator_id, display_name, user_id, expire_time, secret_digest)
VALUES (:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :creator_id::uuid, :display_name, :user_id::uuid, :expire_time,
	sha256(convert_to(:secret, 'UTF8')));

-- name: api_key_remove :must ApiKey
DELETE FROM api_key k
WHERE k.tenant_id = :call.tenant_id AND k.id = :id::uuid AND k.revision = :revision - 1;
