-- Teams.

-- define: team_columns
	t.id, t.revision, t.revision::text AS etag, t.create_time, t.update_time, t.creator_id, t.display_name, t.parent_id, t.lead_id;

-- name: team_get :one RowKey -> Team
SELECT :use(team_columns)
FROM team t
WHERE t.tenant_id = :call.tenant_id AND t.id = :id::uuid;

-- name: team_get_many :many RowKeys -> Team
SELECT :use(team_columns)
FROM team t
WHERE t.tenant_id = :call.tenant_id AND t.id = ANY(:ids::uuid[]);

-- name: team_list :page ListTeamsRequest -> Team
SELECT :use(team_columns)
FROM team t
WHERE t.tenant_id = :call.tenant_id AND :filter
ORDER BY :order LIMIT :limit;

-- name: team_insert :must Team
INSERT INTO team (tenant_id, id, revision, create_time, update_time, creator_id, display_name, parent_id, lead_id)
VALUES (:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :creator_id::uuid, :display_name, :parent_id::uuid, :lead_id::uuid);

-- name: team_update :must Team
UPDATE team t SET
	revision = :revision, update_time = :update_time, display_name = :display_name, parent_id = :parent_id::uuid, lead_id = :lead_id::uuid
WHERE t.tenant_id = :call.tenant_id AND t.id = :id::uuid AND t.revision = :revision - 1;

-- name: team_remove :must Team
DELETE FROM team t
WHERE t.tenant_id = :call.tenant_id AND t.id = :id::uuid AND t.revision = :revision - 1;
