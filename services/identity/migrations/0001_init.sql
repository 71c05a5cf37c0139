-- Tenants, users, teams, roles, API keys, sign-in sessions, signing keys.
CREATE TABLE tenant (
	tenant_id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	key text NOT NULL,
	display_name text NOT NULL,
	CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id),
	CONSTRAINT tenant_key_is_free UNIQUE (key)
);

CREATE TABLE team (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	creator_id uuid NOT NULL,
	display_name text COLLATE "und-x-icu" NOT NULL,
	parent_id uuid,
	lead_id uuid,
	CONSTRAINT team_pkey PRIMARY KEY (tenant_id, id),
	CONSTRAINT team_parent_exists FOREIGN KEY (tenant_id, parent_id) REFERENCES team (tenant_id, id)
);
CREATE INDEX team_by_create_time ON team (tenant_id, create_time, id);
CREATE INDEX team_by_display_name ON team (tenant_id, display_name, id);
CREATE INDEX team_by_parent ON team (tenant_id, parent_id) WHERE parent_id IS NOT NULL;

-- The tree stays a tree, whoever writes: one change of a parent at a time per tenant, checked after it was made.
CREATE FUNCTION team_check_tree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('team_tree:' || NEW.tenant_id, 0));
	IF EXISTS (
		WITH RECURSIVE up (id) AS (
			SELECT NEW.parent_id
			UNION
			SELECT t.parent_id FROM team t JOIN up ON t.id = up.id
			WHERE t.tenant_id = NEW.tenant_id AND t.parent_id IS NOT NULL
		)
		SELECT FROM up WHERE up.id = NEW.id
	) THEN
		RAISE EXCEPTION 'circle' USING ERRCODE = 'check_violation', CONSTRAINT = 'team_tree_has_no_circle';
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER team_tree_insert AFTER INSERT ON team
	FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION team_check_tree();
CREATE TRIGGER team_tree_update AFTER UPDATE OF parent_id ON team
	FOR EACH ROW WHEN (NEW.parent_id IS DISTINCT FROM OLD.parent_id AND NEW.parent_id IS NOT NULL) EXECUTE FUNCTION team_check_tree();

CREATE TABLE role (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	creator_id uuid NOT NULL,
	display_name text COLLATE "und-x-icu" NOT NULL,
	grant_permission text[] NOT NULL,
	grant_level int[] NOT NULL,
	built_in boolean NOT NULL,
	CONSTRAINT role_pkey PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX role_name_is_free ON role (tenant_id, lower(display_name));
CREATE INDEX role_by_create_time ON role (tenant_id, create_time, id);
CREATE INDEX role_by_display_name ON role (tenant_id, display_name, id);

CREATE TABLE member ( -- a user; "user" is a word of SQL
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	delete_time timestamptz,
	creator_id uuid NOT NULL,
	email text NOT NULL,
	display_name text COLLATE "und-x-icu" NOT NULL,
	team_id uuid,
	language text NOT NULL,
	time_zone text NOT NULL,
	state int NOT NULL,
	password_hash text NOT NULL,
	CONSTRAINT member_pkey PRIMARY KEY (tenant_id, id),
	CONSTRAINT member_team_exists FOREIGN KEY (tenant_id, team_id) REFERENCES team (tenant_id, id)
);
CREATE UNIQUE INDEX member_email_is_free ON member (tenant_id, lower(email)) WHERE delete_time IS NULL;
CREATE INDEX member_by_create_time ON member (tenant_id, create_time, id);
CREATE INDEX member_by_display_name ON member (tenant_id, display_name, id);
CREATE INDEX member_by_email ON member (tenant_id, email, id);
CREATE INDEX member_by_team ON member (tenant_id, team_id) WHERE team_id IS NOT NULL;

CREATE TABLE member_role (
	tenant_id uuid NOT NULL,
	member_id uuid NOT NULL,
	role_id uuid NOT NULL,
	CONSTRAINT member_role_pkey PRIMARY KEY (tenant_id, member_id, role_id),
	CONSTRAINT member_role_member_exists FOREIGN KEY (tenant_id, member_id) REFERENCES member (tenant_id, id),
	CONSTRAINT member_role_role_exists FOREIGN KEY (tenant_id, role_id) REFERENCES role (tenant_id, id)
);
CREATE INDEX member_role_by_role ON member_role (tenant_id, role_id);

CREATE TABLE api_key (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL,
	create_time timestamptz NOT NULL,
	update_time timestamptz NOT NULL,
	creator_id uuid NOT NULL,
	display_name text NOT NULL,
	user_id uuid NOT NULL,
	expire_time timestamptz,
	secret_digest bytea NOT NULL,
	CONSTRAINT api_key_pkey PRIMARY KEY (tenant_id, id),
	CONSTRAINT api_key_user_exists FOREIGN KEY (tenant_id, user_id) REFERENCES member (tenant_id, id)
);
CREATE UNIQUE INDEX api_key_by_secret ON api_key (secret_digest);
CREATE INDEX api_key_by_create_time ON api_key (tenant_id, create_time, id);

CREATE TABLE session (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	user_id uuid NOT NULL,
	api_key_id uuid,
	create_time timestamptz NOT NULL,
	refresh_time timestamptz NOT NULL,
	expire_time timestamptz NOT NULL,
	revoke_time timestamptz,
	device text NOT NULL,
	address text NOT NULL,
	generation bigint NOT NULL,
	CONSTRAINT session_pkey PRIMARY KEY (tenant_id, id),
	CONSTRAINT session_user_exists FOREIGN KEY (tenant_id, user_id) REFERENCES member (tenant_id, id)
);
CREATE INDEX session_by_user ON session (tenant_id, user_id, create_time, id) WHERE revoke_time IS NULL;
CREATE INDEX session_by_api_key ON session (tenant_id, api_key_id) WHERE api_key_id IS NOT NULL AND revoke_time IS NULL;

-- Failed and undecided attempts to sign in; those of an account are deleted when it succeeds.
CREATE TABLE sign_in_attempt (
	id uuid NOT NULL,
	account bytea NOT NULL,
	address text NOT NULL,
	time timestamptz NOT NULL,
	CONSTRAINT sign_in_attempt_pkey PRIMARY KEY (id)
);
CREATE INDEX sign_in_attempt_by_account ON sign_in_attempt (account, time);
CREATE INDEX sign_in_attempt_by_address ON sign_in_attempt (address, time);
CREATE INDEX sign_in_attempt_by_time ON sign_in_attempt (time);

CREATE TABLE signing_key (
	kid text NOT NULL,
	sealed_seed text NOT NULL,
	public_key bytea NOT NULL,
	activate_time timestamptz NOT NULL,
	expire_time timestamptz NOT NULL,
	CONSTRAINT signing_key_pkey PRIMARY KEY (kid)
);

CREATE TABLE bootstrap_use (
	secret_digest bytea NOT NULL,
	tenant_id uuid NOT NULL,
	use_time timestamptz NOT NULL DEFAULT now(),
	CONSTRAINT bootstrap_secret_is_unused PRIMARY KEY (secret_digest)
);
