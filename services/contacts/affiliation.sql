-- Affiliations: who belongs to which organization. Seen by those who may see the contact.

-- define: affiliation_columns
	a.id, a.revision, a.revision::text AS etag, a.create_time, a.update_time, a.creator_id,
	a.contact_id, a.organization_id, a.title, a.role, a.is_primary AS "primary",
	a.start_date, a.end_date, c.display_name AS contact_display_name, o.name AS organization_name;

-- define: affiliation_tables
affiliation a
JOIN contact c ON c.tenant_id = a.tenant_id AND c.id = a.contact_id
JOIN organization o ON o.tenant_id = a.tenant_id AND o.id = a.organization_id;

-- lint: no-visibility who may see the contact may know the name of its organization
-- name: affiliation_get :one RowKey -> Affiliation
SELECT :use(affiliation_columns)
FROM :use(affiliation_tables)
WHERE a.tenant_id = :call.tenant_id AND a.id = :id::uuid AND :visible(c);

-- lint: no-visibility who may see the contact may know the name of its organization
-- name: affiliation_get_many :many RowKeys -> Affiliation
SELECT :use(affiliation_columns)
FROM :use(affiliation_tables)
WHERE a.tenant_id = :call.tenant_id AND a.id = ANY(:ids::uuid[]) AND :visible(c);

-- lint: no-visibility who may see the contact may know the name of its organization
-- name: affiliation_list :page ListAffiliationsRequest -> Affiliation
SELECT :use(affiliation_columns)
FROM :use(affiliation_tables)
WHERE a.tenant_id = :call.tenant_id AND :visible(c) AND c.delete_time IS NULL AND :filter
ORDER BY :order LIMIT :limit;

-- name: affiliation_insert :must Affiliation
INSERT INTO affiliation (
	tenant_id, id, revision, create_time, update_time, creator_id, contact_id, organization_id,
	title, role, is_primary, start_date, end_date
) VALUES (
	:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :creator_id::uuid, :contact_id::uuid, :organization_id::uuid,
	:title, :role, :primary, :start_date::date, :end_date::date
);

-- name: affiliation_update :must Affiliation
UPDATE affiliation a SET
	revision = :revision, update_time = :update_time, title = :title, role = :role, is_primary = :primary,
	start_date = :start_date::date, end_date = :end_date::date
WHERE a.tenant_id = :call.tenant_id AND a.id = :id::uuid AND a.revision = :revision - 1;

-- name: affiliation_remove :must Affiliation
DELETE FROM affiliation a
WHERE a.tenant_id = :call.tenant_id AND a.id = :id::uuid AND a.revision = :revision - 1;
