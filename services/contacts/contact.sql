-- Contacts. E-mails, phones and addresses are arrays beside each other, one element per entry, so that reading a contact is reading one row.

-- define: contact_columns
	c.id, c.revision, c.revision::text AS etag, c.create_time, c.update_time, c.delete_time,
	c.creator_id, c.owner_id, c.team_id, c.name_prefix AS "name.prefix",
	c.name_given AS "name.given", c.name_middle AS "name.middle",
	c.name_family AS "name.family", c.name_suffix AS "name.suffix", c.display_name,
	c.email_address AS "emails.address", c.email_type AS "emails.type",
	c.email_primary AS "emails.primary", c.phone_number AS "phones.number",
	c.phone_e164 AS "phones.e164", c.phone_region AS "phones.region",
	c.phone_type AS "phones.type", c.phone_primary AS "phones.primary",
	c.address_type AS "addresses.type", c.address_street AS "addresses.street",
	c.address_city AS "addresses.city", c.address_region AS "addresses.region",
	c.address_postal_code AS "addresses.postal_code", c.address_country AS "addresses.country",
	c.language, c.time_zone, c.birth_date, c.note, c.labels, c.source;

-- What SearchContacts looks through, without case and accents.
-- define: contact_search_text
lower(unaccent(concat_ws(' ', :display_name::text, :name.given::text, :name.middle::text, :name.family::text,
		array_to_string(:emails.address::text[], ' '), array_to_string(:phones.e164::text[], ' '))));

-- name: contact_get :one RowKey -> Contact
SELECT :use(contact_columns)
FROM contact c
WHERE c.tenant_id = :call.tenant_id AND c.id = :id::uuid AND :visible(c) AND (c.delete_time IS NULL OR :with_deleted);

-- name: contact_get_many :many RowKeys -> Contact
SELECT :use(contact_columns)
FROM contact c
WHERE c.tenant_id = :call.tenant_id AND c.id = ANY(:ids::uuid[]) AND :visible(c) AND c.delete_time IS NULL;

-- name: contact_list :page ListContactsRequest -> Contact
SELECT :use(contact_columns)
FROM contact c
WHERE c.tenant_id = :call.tenant_id AND :visible(c) AND (c.delete_time IS NULL OR :show_deleted) AND :filter
ORDER BY :order LIMIT :limit;

-- name: contact_insert :must Contact
INSERT INTO contact (
	tenant_id, id, revision, create_time, update_time, delete_time, creator_id, owner_id,
	team_id, name_prefix, name_given, name_middle, name_family, name_suffix, display_name,
	email_address, email_type, email_primary, phone_number, phone_e164, phone_region,
	phone_type, phone_primary, address_type, address_street, address_city, address_region,
	address_postal_code, address_country, language, time_zone, birth_date, note, labels,
	source, search_text
) VALUES (
	:call.tenant_id, :id::uuid, :revision, :create_time, :update_time, :delete_time,
	:creator_id::uuid, :owner_id::uuid, :team_id::uuid, :name.prefix, :name.given,
	:name.middle, :name.family, :name.suffix, :display_name, :emails.address::text[],
	:emails.type::text[], :emails.primary::boolean[], :phones.number::text[],
	:phones.e164::text[], :phones.region::text[], :phones.type::text[],
	:phones.primary::boolean[], :addresses.type::text[], :addresses.street::text[],
	:addresses.city::text[], :addresses.region::text[], :addresses.postal_code::text[],
	:addresses.country::text[], :language, :time_zone, :birth_date::date, :note,
	:labels::jsonb, :source,
	:use(contact_search_text)
);

-- name: contact_update :must Contact
UPDATE contact c SET
	revision = :revision, update_time = :update_time, delete_time = :delete_time,
	owner_id = :owner_id::uuid, team_id = :team_id::uuid, name_prefix = :name.prefix,
	name_given = :name.given, name_middle = :name.middle, name_family = :name.family,
	name_suffix = :name.suffix, display_name = :display_name,
	email_address = :emails.address::text[], email_type = :emails.type::text[],
	email_primary = :emails.primary::boolean[], phone_number = :phones.number::text[],
	phone_e164 = :phones.e164::text[], phone_region = :phones.region::text[],
	phone_type = :phones.type::text[], phone_primary = :phones.primary::boolean[],
	address_type = :addresses.type::text[], address_street = :addresses.street::text[],
	address_city = :addresses.city::text[], address_region = :addresses.region::text[],
	address_postal_code = :addresses.postal_code::text[],
	address_country = :addresses.country::text[], language = :language, time_zone = :time_zone,
	birth_date = :birth_date::date, note = :note, labels = :labels::jsonb, source = :source,
	search_text = :use(contact_search_text)
WHERE c.tenant_id = :call.tenant_id AND c.id = :id::uuid AND c.revision = :revision - 1 AND :visible(c);

-- The exact keys of a contact (rules.c makes them), written anew with each change of its e-mails or phones.
-- name: contact_keys_delete :exec ContactKeys
DELETE FROM contact_key WHERE tenant_id = :call.tenant_id AND contact_id = :contact_id::uuid;

-- name: contact_keys_insert :exec ContactKeys
INSERT INTO contact_key (tenant_id, key, contact_id)
SELECT :call.tenant_id, k.key, :contact_id::uuid
FROM unnest(:keys::text[]) AS k (key);

-- Exact keys first (score 1000), then parts of names, e-mails and phones, then misspelt names.
-- name: contact_search :many ContactSearch -> SearchContactsResult
WITH found (id, score) AS (
	SELECT k.contact_id, 1000
	FROM contact_key k
	WHERE k.tenant_id = :call.tenant_id AND k.key = ANY(:keys::text[])
	UNION ALL
	(SELECT c.id, 500 + (400 * word_similarity(lower(unaccent(:query)), c.search_text))::int
	FROM contact c
	WHERE c.tenant_id = :call.tenant_id AND c.delete_time IS NULL AND :visible(c) AND c.search_text LIKE lower(unaccent(:pattern))
	LIMIT 500)
	UNION ALL
	(SELECT c.id, (900 * word_similarity(lower(unaccent(:query)), c.search_text))::int
	FROM contact c
	WHERE c.tenant_id = :call.tenant_id AND c.delete_time IS NULL AND :visible(c) AND lower(unaccent(:query)) <% c.search_text
	LIMIT 500)
), best (id, score) AS (
	SELECT f.id, max(f.score) FROM found f GROUP BY f.id
)
SELECT
	b.score,
	c.id AS "contact.id", c.revision AS "contact.revision", c.revision::text AS "contact.etag",
	c.create_time AS "contact.create_time", c.update_time AS "contact.update_time",
	c.delete_time AS "contact.delete_time", c.creator_id AS "contact.creator_id",
	c.owner_id AS "contact.owner_id", c.team_id AS "contact.team_id",
	c.name_prefix AS "contact.name.prefix", c.name_given AS "contact.name.given",
	c.name_middle AS "contact.name.middle", c.name_family AS "contact.name.family",
	c.name_suffix AS "contact.name.suffix", c.display_name AS "contact.display_name",
	c.email_address AS "contact.emails.address", c.email_type AS "contact.emails.type",
	c.email_primary AS "contact.emails.primary", c.phone_number AS "contact.phones.number",
	c.phone_e164 AS "contact.phones.e164", c.phone_region AS "contact.phones.region",
	c.phone_type AS "contact.phones.type", c.phone_primary AS "contact.phones.primary",
	c.address_type AS "contact.addresses.type", c.address_street AS "contact.addresses.street",
	c.address_city AS "contact.addresses.city", c.address_region AS "contact.addresses.region",
	c.address_postal_code AS "contact.addresses.postal_code",
	c.address_country AS "contact.addresses.country", c.language AS "contact.language",
	c.time_zone AS "contact.time_zone", c.birth_date AS "contact.birth_date",
	c.note AS "contact.note", c.labels AS "contact.labels", c.source AS "contact.source"
FROM best b JOIN contact c ON c.tenant_id = :call.tenant_id AND c.id = b.id
WHERE c.delete_time IS NULL AND :visible(c)
ORDER BY b.score DESC, c.display_name, c.id
LIMIT :page_size;

-- name: contact_export :page ExportContactsRequest -> Contact
SELECT :use(contact_columns)
FROM contact c
WHERE c.tenant_id = :call.tenant_id AND :visible(c) AND (c.delete_time IS NULL OR :show_deleted) AND :filter
ORDER BY :order LIMIT :limit;
