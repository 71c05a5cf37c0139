-- Tenants. Their primary key is the tenant itself.

-- name: tenant_get :one -> Tenant
SELECT t.tenant_id AS id, t.revision, t.revision::text AS etag, t.create_time, t.update_time, t.key, t.display_name
FROM tenant t
WHERE t.tenant_id = :call.tenant_id;

-- name: tenant_insert :must Tenant
INSERT INTO tenant (tenant_id, revision, create_time, update_time, key, display_name)
VALUES (:call.tenant_id, :revision, :create_time, :update_time, :key, :display_name);

-- name: tenant_update :must Tenant
UPDATE tenant t SET revision = :revision, update_time = :update_time, display_name = :display_name
WHERE t.tenant_id = :call.tenant_id AND t.revision = :revision - 1;

-- Fails on bootstrap_secret_is_unused the second time.
-- lint: no-tenant a bootstrap secret makes a tenant, it belongs to none
-- name: bootstrap_use :must BootstrapUse
INSERT INTO bootstrap_use (secret_digest, tenant_id) VALUES (:secret_digest, :tenant_id::uuid);
