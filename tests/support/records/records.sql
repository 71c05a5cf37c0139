-- Statements for the tests of the kit's data half: contacts (owned, soft-deleted), affiliations (neither), users (with a secret).

-- define: record_contact_columns
	c.id, c.revision, c.revision::text AS etag, c.create_time, c.update_time, c.delete_time, c.creator_id, c.owner_id, c.team_id,
	c.given AS "name.given", c.family AS "name.family", c.display_name, c.email_address AS "emails.address",
	c.email_type AS "emails.type", c.email_primary AS "emails.primary", c.language, c.birth_date, c.note, c.labels, c.source;

-- name: record_contact_get :one RowKey -> Contact
SELECT :use(record_contact_columns)
FROM record_contact c
WHERE c.tenant_id = :call.tenant_id AND c.id = :id::uuid AND :visible(c) AND (c.delete_time IS NULL OR :with_deleted);

-- name: record_contact_get_many :many RowKeys -> Contact
SELECT :use(record_contact_columns)
FROM record_contact c
WHERE c.tenant_id = :call.tenant_id AND c.id = ANY(:ids::uuid[]) AND :visible(c) AND c.delete_time IS NULL;

-- name: record_contact_list :page ListContactsRequest -> Contact
SELECT :use(record_contact_columns)
FROM record_contact c
WHERE c.tenant_id = :call.tenant_id AND :visible(c) AND (c.delete_time IS NULL OR :show_deleted) AND :filter
ORDER BY :order LIMIT :limit;

-- name: record_contact_insert :must Contact
INSERT INTO record_contact (tenant_id, id, revision, create_time, update_time, delete_time, creator_id, owner_id, team_id, given, family,
	display_name, email_address, email_type, email_primary, language, birth_date, note, labels, source)
VALUES (:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :delete_time, :creator_id::uuid, :owner_id::uuid, :team_id::uuid,
	:name.given, :name.family, :display_name, :emails.address::text[], :emails.type::text[], :emails.primary::boolean[], :language,
	:birth_date::date, :note, :labels::jsonb, :source);

-- name: record_contact_update :must Contact
UPDATE record_contact c SET revision = :revision, update_time = :update_time, delete_time = :delete_time, owner_id = :owner_id::uuid,
	team_id = :team_id::uuid, given = :name.given, family = :name.family, display_name = :display_name,
	email_address = :emails.address::text[], email_type = :emails.type::text[], email_primary = :emails.primary::boolean[],
	language = :language, birth_date = :birth_date::date, note = :note, labels = :labels::jsonb, source = :source
WHERE c.tenant_id = :call.tenant_id AND c.id = :id::uuid AND c.revision = :revision - 1 AND :visible(c);

-- define: record_affiliation_columns
	a.id, a.revision, a.revision::text AS etag, a.create_time, a.update_time, a.creator_id, a.contact_id, a.organization_id, a.title;

-- name: record_affiliation_get :one RowKey -> Affiliation
SELECT :use(record_affiliation_columns)
FROM record_affiliation a
WHERE a.tenant_id = :call.tenant_id AND a.id = :id::uuid;

-- name: record_affiliation_get_many :many RowKeys -> Affiliation
SELECT :use(record_affiliation_columns)
FROM record_affiliation a
WHERE a.tenant_id = :call.tenant_id AND a.id = ANY(:ids::uuid[]);

-- name: record_affiliation_list :page ListAffiliationsRequest -> Affiliation
SELECT :use(record_affiliation_columns)
FROM record_affiliation a
WHERE a.tenant_id = :call.tenant_id AND :filter
ORDER BY :order LIMIT :limit;

-- name: record_affiliation_insert :must Affiliation
INSERT INTO record_affiliation (tenant_id, id, revision, create_time, update_time, creator_id, contact_id, organization_id, title)
VALUES (:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :creator_id::uuid, :contact_id::uuid, :organization_id::uuid, :title);

-- name: record_affiliation_update :must Affiliation
UPDATE record_affiliation a SET revision = :revision, update_time = :update_time, title = :title
WHERE a.tenant_id = :call.tenant_id AND a.id = :id::uuid AND a.revision = :revision - 1;

-- name: record_affiliation_remove :must Affiliation
DELETE FROM record_affiliation a
WHERE a.tenant_id = :call.tenant_id AND a.id = :id::uuid AND a.revision = :revision - 1;

-- name: record_user_get :one RowKey -> User
SELECT u.id, u.revision, u.revision::text AS etag, u.create_time, u.update_time, u.delete_time, u.creator_id, u.email, u.display_name
FROM record_user u
WHERE u.tenant_id = :call.tenant_id AND u.id = :id::uuid AND (u.delete_time IS NULL OR :with_deleted);

-- name: record_user_insert :must User
INSERT INTO record_user (tenant_id, id, revision, create_time, update_time, creator_id, email, display_name, password_length)
VALUES (:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :creator_id::uuid, :email, :display_name, length(:password::text));
