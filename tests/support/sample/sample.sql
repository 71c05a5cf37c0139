-- Statements for the tests of the db adapter.

-- name: contact_insert :must Contact
INSERT INTO contact (tenant_id, id, owner_id, team_id, prefix, given, middle, family, suffix, display_name,
	email_address, email_type, email_primary, language, birth_date, note, labels, creator_id, create_time)
VALUES (:call.tenant_id, :id, :owner_id, :team_id, :name.prefix, :name.given, :name.middle, :name.family, :name.suffix,
	:display_name, :emails.address, :emails.type, :emails.primary, :language, :birth_date, :note, :labels,
	:call.user_id, :call.now);

-- name: contact_get :one RowKey -> Contact
SELECT c.id, c.revision::text AS etag, c.create_time, c.update_time, c.delete_time, c.creator_id, c.revision, c.owner_id,
	c.team_id, c.prefix AS "name.prefix", c.given AS "name.given", c.middle AS "name.middle", c.family AS "name.family",
	c.suffix AS "name.suffix", c.display_name, c.email_address AS "emails.address", c.email_type AS "emails.type",
	c.email_primary AS "emails.primary", c.language, c.birth_date, c.note, c.labels
FROM contact c
WHERE c.tenant_id = :call.tenant_id AND c.id = :id AND :visible(c) AND (:with_deleted OR c.delete_time IS NULL);

-- name: contact_list :page ListContactsRequest -> Contact
SELECT c.id, c.revision::text AS etag, c.create_time, c.update_time, c.delete_time, c.creator_id, c.revision, c.owner_id,
	c.team_id, c.given AS "name.given", c.family AS "name.family", c.display_name, c.email_address AS "emails.address",
	c.email_type AS "emails.type", c.email_primary AS "emails.primary", c.language, c.birth_date, c.note, c.labels
FROM contact c
WHERE c.tenant_id = :call.tenant_id AND :visible(c) AND (:show_deleted OR c.delete_time IS NULL) AND :filter
ORDER BY :order
LIMIT :limit;

-- Keeps what update_mask does not name.
-- name: contact_update :one UpdateContactRequest -> Contact
UPDATE contact SET
	display_name = CASE WHEN 'display_name' = ANY(:update_mask.paths) THEN :contact.display_name ELSE display_name END,
	note = CASE WHEN 'note' = ANY(:update_mask.paths) THEN :contact.note ELSE note END,
	revision = revision + 1
WHERE tenant_id = :call.tenant_id AND id = :contact.id AND (:contact.etag = '' OR revision::text = :contact.etag)
RETURNING id, revision, display_name, note;

-- name: contact_touch :must RowKey
UPDATE contact c SET revision = c.revision + 1 WHERE c.tenant_id = :call.tenant_id AND c.id = :id;

-- name: contact_delete :exec RowKey
DELETE FROM contact c WHERE c.tenant_id = :call.tenant_id AND c.id = :id;

-- name: contact_ids :many RowKeys
SELECT c.id, c.display_name, c.create_time, c.revision FROM contact c
WHERE c.tenant_id = :call.tenant_id AND c.id = ANY(:ids) ORDER BY c.id;

-- name: contact_all :many slow -> Contact
SELECT c.id, c.display_name FROM contact c WHERE c.tenant_id = :call.tenant_id ORDER BY c.id;

-- A statement that takes a while.
-- name: nap :one IdempotencyRow
SELECT pg_sleep(:method::text::float8)::text AS slept;

-- A read that fails if the text is no number.
-- name: parse_number :one IdempotencyRow
SELECT :method::text::int8 AS n;

-- name: nap_slow :many slow
SELECT pg_sleep(0.2)::text AS slept;

-- The backend that answers.
-- name: backend_pid :one
SELECT pg_backend_pid() AS pid;

-- name: account_insert :exec Team
INSERT INTO account (tenant_id, id, parent) VALUES (:call.tenant_id, :id, :parent_id);

-- name: counter_add :one RowKey
INSERT INTO counter AS k (tenant_id, id, n) VALUES (:call.tenant_id, :id, 1)
ON CONFLICT (tenant_id, id) DO UPDATE SET n = k.n + 1
RETURNING n;

-- name: counter_get :one RowKey
SELECT k.n FROM counter k WHERE k.tenant_id = :call.tenant_id AND k.id = :id;

-- name: counter_lock :one RowKey
SELECT k.n FROM counter k WHERE k.tenant_id = :call.tenant_id AND k.id = :id FOR UPDATE;

-- name: everything_insert :exec Everything
INSERT INTO everything (id, a_double, a_float, an_int32, an_int64, a_uint32, a_sint32, a_fixed64, a_bool, a_string, a_bytes, a_color,
	doubles, int32s, int64s, bools, strings, byteses, a_json, labels, a_time, times, a_varchar, a_mail)
VALUES (:an_int64, :a_double, :a_float, :an_int32, :choice_int, :a_uint32, :a_sint32, :a_fixed64, :a_bool, :a_string::text, :a_bytes, :a_color,
	:doubles, :int32s, :int64s, :bools, :strings, :byteses, :far_away, :strings_by_string, :timestamp, :timestamps, :a_string::text, :a_string::text);

-- name: everything_texts :exec Everything
INSERT INTO everything (id, ids, days, moods, a_mood, a_number, a_day, an_id)
VALUES (:an_int64, :strings::uuid[], :messages.far_away::date[], :messages.choice_string::mood[], :choice_string, :a_string, :far_away, :a_message.a_string);

-- name: everything_get :one Everything -> Everything
SELECT e.a_double, e.a_float, e.an_int32, e.id AS an_int64, e.a_uint32, e.a_sint32, e.a_fixed64, e.a_bool, e.a_string, e.a_bytes,
	e.a_color, e.doubles, e.int32s, e.int64s, e.bools, e.strings, e.byteses, e.an_int64 AS choice_int, e.a_json AS far_away,
	e.labels AS strings_by_string, e.a_time AS timestamp, e.times AS timestamps, e.a_number AS "a_message.a_string",
	e.a_day AS "a_message.far_away", e.an_id AS "a_message.choice_string", e.a_mood AS "a_message.a_message.a_string",
	e.a_mail AS "a_message.a_message.far_away"
FROM everything e WHERE e.id = :an_int64;
