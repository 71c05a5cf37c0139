-- Organizations.

-- define: organization_columns
	o.id, o.revision, o.revision::text AS etag, o.create_time, o.update_time, o.delete_time,
	o.creator_id, o.owner_id, o.team_id, o.name, o.trade_name, o.registration_number, o.tax_id,
	o.industry, o.employee_count, o.parent_id, o.domains, o.website,
	o.email_address AS "emails.address", o.email_type AS "emails.type",
	o.email_primary AS "emails.primary", o.phone_number AS "phones.number",
	o.phone_e164 AS "phones.e164", o.phone_region AS "phones.region",
	o.phone_type AS "phones.type", o.phone_primary AS "phones.primary",
	o.address_type AS "addresses.type", o.address_street AS "addresses.street",
	o.address_city AS "addresses.city", o.address_region AS "addresses.region",
	o.address_postal_code AS "addresses.postal_code", o.address_country AS "addresses.country",
	o.language, o.note, o.labels;

-- name: organization_get :one RowKey -> Organization
SELECT :use(organization_columns)
FROM organization o
WHERE o.tenant_id = :call.tenant_id AND o.id = :id::uuid AND :visible(o) AND (o.delete_time IS NULL OR :with_deleted);

-- name: organization_get_many :many RowKeys -> Organization
SELECT :use(organization_columns)
FROM organization o
WHERE o.tenant_id = :call.tenant_id AND o.id = ANY(:ids::uuid[]) AND :visible(o) AND o.delete_time IS NULL;

-- name: organization_list :page ListOrganizationsRequest -> Organization
SELECT :use(organization_columns)
FROM organization o
WHERE o.tenant_id = :call.tenant_id AND :visible(o) AND (o.delete_time IS NULL OR :show_deleted) AND :filter
ORDER BY :order LIMIT :limit;

-- name: organization_insert :must Organization
INSERT INTO organization (
	tenant_id, id, revision, create_time, update_time, delete_time, creator_id, owner_id,
	team_id, name, trade_name, registration_number, tax_id, industry, employee_count,
	parent_id, domains, website, email_address, email_type, email_primary, phone_number,
	phone_e164, phone_region, phone_type, phone_primary, address_type, address_street,
	address_city, address_region, address_postal_code, address_country, language, note, labels
) VALUES (
	:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :delete_time,
	:creator_id::uuid, :owner_id::uuid, :team_id::uuid, :name, :trade_name,
	:registration_number, :tax_id, :industry, :employee_count, :parent_id::uuid,
	:domains::text[], :website, :emails.address::text[], :emails.type::text[],
	:emails.primary::boolean[], :phones.number::text[], :phones.e164::text[],
	:phones.region::text[], :phones.type::text[], :phones.primary::boolean[],
	:addresses.type::text[], :addresses.street::text[], :addresses.city::text[],
	:addresses.region::text[], :addresses.postal_code::text[], :addresses.country::text[],
	:language, :note, :labels::jsonb
);

-- name: organization_update :must Organization
UPDATE organization o SET
	revision = :revision, update_time = :update_time, delete_time = :delete_time,
	owner_id = :owner_id::uuid, team_id = :team_id::uuid, name = :name,
	trade_name = :trade_name, registration_number = :registration_number, tax_id = :tax_id,
	industry = :industry, employee_count = :employee_count, parent_id = :parent_id::uuid,
	domains = :domains::text[], website = :website, email_address = :emails.address::text[],
	email_type = :emails.type::text[], email_primary = :emails.primary::boolean[],
	phone_number = :phones.number::text[], phone_e164 = :phones.e164::text[],
	phone_region = :phones.region::text[], phone_type = :phones.type::text[],
	phone_primary = :phones.primary::boolean[], address_type = :addresses.type::text[],
	address_street = :addresses.street::text[], address_city = :addresses.city::text[],
	address_region = :addresses.region::text[],
	address_postal_code = :addresses.postal_code::text[],
	address_country = :addresses.country::text[], language = :language, note = :note,
	labels = :labels::jsonb
WHERE o.tenant_id = :call.tenant_id AND o.id = :id::uuid AND o.revision = :revision - 1 AND :visible(o);
