-- Users.

-- define: user_columns
	m.id, m.revision, m.revision::text AS etag, m.create_time, m.update_time, m.delete_time, m.creator_id,
	m.email, m.display_name, m.team_id, m.language, m.time_zone, m.state,
	ARRAY(SELECT r.role_id FROM member_role r WHERE r.tenant_id = m.tenant_id AND r.member_id = m.id ORDER BY r.role_id) AS role_ids;

-- name: user_get :one RowKey -> User
SELECT :use(user_columns)
FROM member m
WHERE m.tenant_id = :call.tenant_id AND m.id = :id::uuid AND (m.delete_time IS NULL OR :with_deleted);

-- name: user_get_many :many RowKeys -> User
SELECT :use(user_columns)
FROM member m
WHERE m.tenant_id = :call.tenant_id AND m.id = ANY(:ids::uuid[]) AND m.delete_time IS NULL;

-- name: user_list :page ListUsersRequest -> User
SELECT :use(user_columns)
FROM member m
WHERE m.tenant_id = :call.tenant_id AND (m.delete_time IS NULL OR :show_deleted) AND :filter
ORDER BY :order LIMIT :limit;

-- :password is the hash by now.
-- name: user_insert :must User
INSERT INTO member (
	tenant_id, id, revision, create_time, update_time, creator_id,
	email, display_name, team_id, language, time_zone, state, password_hash
) VALUES (
	:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :creator_id::uuid,
	:email, :display_name, :team_id::uuid, :language, :time_zone, :state, :password
);

-- name: user_update :must User
UPDATE member m SET
	revision = :revision, update_time = :update_time, delete_time = :delete_time,
	email = :email, display_name = :display_name, team_id = :team_id::uuid, language = :language, time_zone = :time_zone, state = :state,
	password_hash = CASE WHEN :password = '' THEN m.password_hash ELSE :password END
WHERE m.tenant_id = :call.tenant_id AND m.id = :id::uuid AND m.revision = :revision - 1;

-- name: user_roles_delete :exec UserRoles
DELETE FROM member_role r
WHERE r.tenant_id = :call.tenant_id AND r.member_id = :user_id::uuid AND r.role_id <> ALL(:role_ids::uuid[]);

-- name: user_roles_insert :exec UserRoles
INSERT INTO member_role (tenant_id, member_id, role_id)
SELECT :call.tenant_id, :user_id::uuid, r.id
FROM unnest(:role_ids::uuid[]) AS r (id)
ON CONFLICT DO NOTHING;

-- name: user_password :one RowKey -> PasswordRow
SELECT m.id AS user_id, m.password_hash
FROM member m
WHERE m.tenant_id = :call.tenant_id AND m.id = :id::uuid AND m.delete_time IS NULL;

-- What a token says about a user: subtree of the own team, grants of all roles.
-- define: login_columns
	m.tenant_id, m.id AS user_id, m.password_hash, m.state, m.team_id,
	ARRAY(
		WITH RECURSIVE below (id) AS (
			SELECT m.team_id WHERE m.team_id IS NOT NULL
			UNION
			SELECT t.id FROM team t JOIN below b ON t.parent_id = b.id WHERE t.tenant_id = m.tenant_id
		)
		SELECT b.id FROM below b
	) AS teams,
	ARRAY(
		SELECT g.permission
		FROM member_role mr JOIN role r ON r.tenant_id = mr.tenant_id AND r.id = mr.role_id, unnest(r.grant_permission, r.grant_level) AS g (permission, level)
		WHERE mr.tenant_id = m.tenant_id AND mr.member_id = m.id
		GROUP BY g.permission ORDER BY g.permission
	) AS grant_permissions,
	ARRAY(
		SELECT max(g.level)
		FROM member_role mr JOIN role r ON r.tenant_id = mr.tenant_id AND r.id = mr.role_id, unnest(r.grant_permission, r.grant_level) AS g (permission, level)
		WHERE mr.tenant_id = m.tenant_id AND mr.member_id = m.id
		GROUP BY g.permission ORDER BY g.permission
	) AS grant_levels;

-- lint: no-tenant the tenant is what is looked up
-- name: login_by_email :one LoginKey -> LoginUser
SELECT :use(login_columns)
FROM tenant n JOIN member m ON m.tenant_id = n.tenant_id
WHERE n.key = :tenant_key AND lower(m.email) = lower(:email) AND m.delete_time IS NULL;

-- lint: no-tenant the tenant is what is looked up
-- name: login_by_api_key :one LoginKey -> LoginUser
SELECT :use(login_columns), k.id AS api_key_id
FROM api_key k JOIN member m ON m.tenant_id = k.tenant_id AND m.id = k.user_id
WHERE k.secret_digest = sha256(convert_to(:secret, 'UTF8')) AND (k.expire_time IS NULL OR k.expire_time > now()) AND m.delete_time IS NULL;

-- With an API key, only as long as that is good.
-- lint: no-tenant called with the tenant of a refresh token, before there is a caller
-- name: login_by_id :one LoginKey -> LoginUser
SELECT :use(login_columns)
FROM member m
WHERE m.tenant_id = :tenant_id::uuid AND m.id = :user_id::uuid AND m.delete_time IS NULL
	AND (:api_key_id::uuid IS NULL OR EXISTS (
		SELECT FROM api_key k
		WHERE k.tenant_id = m.tenant_id AND k.id = :api_key_id::uuid AND (k.expire_time IS NULL OR k.expire_time > now())));
