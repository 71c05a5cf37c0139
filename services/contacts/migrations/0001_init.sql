-- Contacts, organizations, the links between them, their history and their inquiries.
-- Every primary key begins with the tenant, so that the schema can be distributed by tenant.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE EXTENSION IF NOT EXISTS unaccent SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA public;
-- How alike a misspelt word must be for SearchContacts; PostgreSQL's own 0.6 misses one wrong letter in a name of seven.
ALTER ROLE CURRENT_USER SET pg_trgm.word_similarity_threshold = 0.5;

CREATE TABLE organization (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	delete_time timestamptz,
	creator_id uuid NOT NULL,
	owner_id uuid NOT NULL,
	team_id uuid,
	name text COLLATE "und-x-icu" NOT NULL,
	trade_name text NOT NULL,
	registration_number text NOT NULL,
	tax_id text NOT NULL,
	industry text NOT NULL,
	employee_count int NOT NULL,
	parent_id uuid,
	domains text[] NOT NULL,
	website text NOT NULL,
	email_address text[] NOT NULL,
	email_type text[] NOT NULL,
	email_primary boolean[] NOT NULL,
	phone_number text[] NOT NULL,
	phone_e164 text[] NOT NULL,
	phone_region text[] NOT NULL,
	phone_type text[] NOT NULL,
	phone_primary boolean[] NOT NULL,
	address_type text[] NOT NULL,
	address_street text[] NOT NULL,
	address_city text[] NOT NULL,
	address_region text[] NOT NULL,
	address_postal_code text[] NOT NULL,
	address_country text[] NOT NULL,
	language text NOT NULL,
	note text NOT NULL,
	labels jsonb NOT NULL,
	CONSTRAINT organization_pkey PRIMARY KEY (tenant_id, id),
	CONSTRAINT organization_parent_exists FOREIGN KEY (tenant_id, parent_id) REFERENCES organization (tenant_id, id)
);
CREATE INDEX organization_by_create_time ON organization (tenant_id, create_time, id);
CREATE INDEX organization_by_update_time ON organization (tenant_id, update_time, id);
CREATE INDEX organization_by_name ON organization (tenant_id, name, id);
CREATE INDEX organization_by_parent ON organization (tenant_id, parent_id) WHERE parent_id IS NOT NULL;

-- The tree stays a tree, whoever writes: one change of a parent at a time per tenant, checked after it was made.
CREATE FUNCTION organization_check_tree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('organization_tree:' || NEW.tenant_id, 0));
	IF EXISTS (
		WITH RECURSIVE up (id) AS (
			SELECT NEW.parent_id
			UNION
			SELECT o.parent_id FROM organization o JOIN up ON o.id = up.id
			WHERE o.tenant_id = NEW.tenant_id AND o.parent_id IS NOT NULL
		)
		SELECT FROM up WHERE up.id = NEW.id
	) THEN
		RAISE EXCEPTION 'circle' USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_tree_has_no_circle';
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER organization_tree_insert AFTER INSERT ON organization
	FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION organization_check_tree();
CREATE TRIGGER organization_tree_update AFTER UPDATE OF parent_id ON organization
	FOR EACH ROW WHEN (NEW.parent_id IS DISTINCT FROM OLD.parent_id AND NEW.parent_id IS NOT NULL) EXECUTE FUNCTION organization_check_tree();

CREATE TABLE contact (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	delete_time timestamptz,
	creator_id uuid NOT NULL,
	owner_id uuid NOT NULL,
	team_id uuid,
	name_prefix text NOT NULL,
	name_given text NOT NULL,
	name_middle text NOT NULL,
	name_family text NOT NULL,
	name_suffix text NOT NULL,
	display_name text COLLATE "und-x-icu" NOT NULL,
	email_address text[] NOT NULL,
	email_type text[] NOT NULL,
	email_primary boolean[] NOT NULL,
	phone_number text[] NOT NULL,
	phone_e164 text[] NOT NULL,
	phone_region text[] NOT NULL,
	phone_type text[] NOT NULL,
	phone_primary boolean[] NOT NULL,
	address_type text[] NOT NULL,
	address_street text[] NOT NULL,
	address_city text[] NOT NULL,
	address_region text[] NOT NULL,
	address_postal_code text[] NOT NULL,
	address_country text[] NOT NULL,
	language text NOT NULL,
	time_zone text NOT NULL,
	birth_date date,
	note text NOT NULL,
	labels jsonb NOT NULL,
	source text NOT NULL,
	search_text text NOT NULL, -- names, e-mails and phones, without case and accents
	CONSTRAINT contact_pkey PRIMARY KEY (tenant_id, id)
);
CREATE INDEX contact_by_create_time ON contact (tenant_id, create_time, id);
CREATE INDEX contact_by_update_time ON contact (tenant_id, update_time, id);
CREATE INDEX contact_by_display_name ON contact (tenant_id, display_name, id);
CREATE INDEX contact_by_search_text ON contact USING gin (tenant_id, search_text gin_trgm_ops);

-- What finds a contact exactly: "e:" and the e-mail address in lower case, "p:" and the phone number in E.164.
CREATE TABLE contact_key (
	tenant_id uuid NOT NULL,
	key text NOT NULL,
	contact_id uuid NOT NULL,
	CONSTRAINT contact_key_pkey PRIMARY KEY (tenant_id, key, contact_id),
	CONSTRAINT contact_key_contact_exists FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
);
CREATE INDEX contact_key_by_contact ON contact_key (tenant_id, contact_id);

CREATE TABLE affiliation (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	creator_id uuid NOT NULL,
	contact_id uuid NOT NULL,
	organization_id uuid NOT NULL,
	title text NOT NULL,
	role text NOT NULL,
	is_primary boolean NOT NULL,
	start_date date,
	end_date date,
	CONSTRAINT affiliation_pkey PRIMARY KEY (tenant_id, id),
	CONSTRAINT affiliation_is_unique UNIQUE (tenant_id, contact_id, organization_id),
	CONSTRAINT affiliation_contact_exists FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
	CONSTRAINT affiliation_organization_exists FOREIGN KEY (tenant_id, organization_id) REFERENCES organization (tenant_id, id),
	CONSTRAINT affiliation_dates_are_ordered CHECK (start_date <= end_date)
);
CREATE UNIQUE INDEX affiliation_one_primary ON affiliation (tenant_id, contact_id) WHERE is_primary;
CREATE INDEX affiliation_by_organization ON affiliation (tenant_id, organization_id);
CREATE INDEX affiliation_by_create_time ON affiliation (tenant_id, create_time, id);

CREATE TABLE interaction (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	create_time timestamptz NOT NULL,
	creator_id uuid NOT NULL,
	contact_id uuid,
	organization_id uuid,
	kind int NOT NULL,
	direction int NOT NULL,
	occur_time timestamptz NOT NULL,
	subject text NOT NULL,
	body text NOT NULL,
	outcome text NOT NULL,
	channel text NOT NULL,
	channel_message_id text NOT NULL,
	duration_seconds int NOT NULL,
	CONSTRAINT interaction_pkey PRIMARY KEY (tenant_id, id),
	CONSTRAINT interaction_contact_exists FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
	CONSTRAINT interaction_organization_exists FOREIGN KEY (tenant_id, organization_id) REFERENCES organization (tenant_id, id)
);
CREATE UNIQUE INDEX interaction_channel_message ON interaction (tenant_id, channel, channel_message_id) WHERE channel_message_id <> '';
CREATE INDEX interaction_by_contact ON interaction (tenant_id, contact_id, occur_time, id) WHERE contact_id IS NOT NULL;
CREATE INDEX interaction_by_organization ON interaction (tenant_id, organization_id, occur_time, id) WHERE organization_id IS NOT NULL;

CREATE TABLE inquiry (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	create_time timestamptz NOT NULL,
	creator_id uuid NOT NULL,
	channel text NOT NULL,
	channel_message_id text NOT NULL,
	from_name text NOT NULL,
	from_email text NOT NULL,
	from_phone text NOT NULL,
	region text NOT NULL,
	subject text NOT NULL,
	body text NOT NULL,
	contact_id uuid NOT NULL,
	state int NOT NULL,
	first_response_time timestamptz,
	receive_time timestamptz NOT NULL,
	CONSTRAINT inquiry_pkey PRIMARY KEY (tenant_id, id),
	CONSTRAINT inquiry_contact_exists FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id)
);
CREATE UNIQUE INDEX inquiry_channel_message ON inquiry (tenant_id, channel, channel_message_id) WHERE channel_message_id <> '';
CREATE INDEX inquiry_by_create_time ON inquiry (tenant_id, create_time, id);
CREATE INDEX inquiry_by_contact ON inquiry (tenant_id, contact_id, receive_time, id);

-- Whom an unknown sender became: two inquiries of one new person at the same moment make one contact.
CREATE TABLE inquiry_sender (
	tenant_id uuid NOT NULL,
	key text NOT NULL, -- as in contact_key
	contact_id uuid NOT NULL,
	CONSTRAINT inquiry_sender_pkey PRIMARY KEY (tenant_id, key)
);

-- Rows taken in by ImportContacts, so that none is taken in twice.
CREATE TABLE import_key (
	tenant_id uuid NOT NULL,
	source text NOT NULL,
	key text NOT NULL,
	is_organization boolean NOT NULL,
	resource_id uuid NOT NULL,
	CONSTRAINT import_key_pkey PRIMARY KEY (tenant_id, source, key)
);
