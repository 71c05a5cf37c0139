-- Tables for the tests of the kit's data half.
CREATE TABLE record_contact (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	delete_time timestamptz,
	creator_id uuid NOT NULL,
	owner_id uuid NOT NULL,
	team_id uuid,
	given text NOT NULL,
	family text NOT NULL,
	display_name text NOT NULL,
	email_address text[] NOT NULL,
	email_type text[] NOT NULL,
	email_primary boolean[] NOT NULL,
	language text NOT NULL,
	birth_date date,
	note text NOT NULL,
	labels jsonb NOT NULL,
	source text NOT NULL,
	CONSTRAINT contact_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX record_contact_by_create_time ON record_contact (tenant_id, create_time, id);
-- A source may be given to one contact only, so that tests can provoke a conflict.
CREATE UNIQUE INDEX contact_source_is_unique ON record_contact (tenant_id, source) WHERE source <> '';

CREATE TABLE record_affiliation (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	creator_id uuid NOT NULL,
	contact_id uuid NOT NULL,
	organization_id uuid NOT NULL,
	title text NOT NULL,
	CONSTRAINT affiliation_pkey PRIMARY KEY (tenant_id, id)
);

CREATE TABLE record_user (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	delete_time timestamptz,
	creator_id uuid NOT NULL,
	email text NOT NULL,
	display_name text NOT NULL,
	password_length int NOT NULL,
	CONSTRAINT user_pkey PRIMARY KEY (tenant_id, id)
);
