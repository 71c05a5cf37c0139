-- Roles.

-- define: role_columns
	r.id, r.revision, r.revision::text AS etag, r.create_time, r.update_time, r.creator_id, r.display_name,
	r.grant_permission AS "grants.permission", r.grant_level AS "grants.level", r.built_in;

-- name: role_get :one RowKey -> Role
SELECT :use(role_columns)
FROM role r
WHERE r.tenant_id = :call.tenant_id AND r.id = :id::uuid;

-- name: role_get_many :many RowKeys -> Role
SELECT :use(role_columns)
FROM role r
WHERE r.tenant_id = :call.tenant_id AND r.id = ANY(:ids::uuid[]);

-- name: role_list :page ListRolesRequest -> Role
SELECT :use(role_columns)
FROM role r
WHERE r.tenant_id = :call.tenant_id AND :filter
ORDER BY :order LIMIT :limit;

-- name: role_insert :must Role
INSERT INTO role (tenant_id, id, revision, create_time, update_time, creator_id, display_name, grant_permission, grant_level, built_in)
VALUES (:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :creator_id::uuid, :display_name,
	:grants.permission::text[], :grants.level::int[], :built_in);

-- name: role_update :must Role
UPDATE role r SET
	revision = :revision, update_time = :update_time, display_name = :display_name,
	grant_permission = :grants.permission::text[], grant_level = :grants.level::int[]
WHERE r.tenant_id = :call.tenant_id AND r.id = :id::uuid AND r.revision = :revision - 1;

-- name: role_remove :must Role
DELETE FROM role r
WHERE r.tenant_id = :call.tenant_id AND r.id = :id::uuid AND r.revision = :revision - 1;

-- The roles of one user.
-- name: role_of_user :many RowKey -> Role
SELECT :use(role_columns)
FROM member_role mr JOIN role r ON r.tenant_id = mr.tenant_id AND r.id = mr.role_id
WHERE mr.tenant_id = :call.tenant_id AND mr.member_id = :id::uuid
ORDER BY r.display_name, r.id;
