-- What every service with a database has: the outbox, stored answers, events taken in, the directory of users.

-- Events that wait for the relay, in the order of writing.
CREATE TABLE outbox (
	seq bigint GENERATED ALWAYS AS IDENTITY,
	id uuid NOT NULL,
	tenant_id uuid NOT NULL,
	subject text NOT NULL,
	payload bytea NOT NULL,
	create_time timestamptz NOT NULL,
	CONSTRAINT outbox_pkey PRIMARY KEY (seq)
);
-- Rows come and go quickly; their space must be reusable soon.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- The first answer to each request_id, kept for 7 days.
CREATE TABLE idempotency (
	tenant_id uuid NOT NULL,
	user_id uuid NOT NULL,
	request_id uuid NOT NULL,
	method text NOT NULL,
	request_digest bytea NOT NULL,
	response bytea NOT NULL,
	create_time timestamptz NOT NULL,
	CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, user_id, request_id)
);
CREATE INDEX idempotency_by_create_time ON idempotency USING brin (create_time);

-- Events taken in, so that a redelivery has no second effect; kept for 30 days, as long as the broker keeps events.
CREATE TABLE inbox (
	tenant_id uuid NOT NULL,
	consumer text NOT NULL,
	event_id uuid NOT NULL,
	create_time timestamptz NOT NULL,
	CONSTRAINT inbox_pkey PRIMARY KEY (tenant_id, consumer, event_id)
);
CREATE INDEX inbox_by_create_time ON inbox USING brin (create_time);

-- The last revision of each resource that a consumer has taken in, so that a stale one is dropped.
CREATE TABLE inbox_revision (
	tenant_id uuid NOT NULL,
	consumer text NOT NULL,
	resource text NOT NULL,
	revision bigint NOT NULL,
	update_time timestamptz NOT NULL,
	CONSTRAINT inbox_revision_pkey PRIMARY KEY (tenant_id, consumer, resource)
);

-- Users of the identity service, heard of by its events.
CREATE TABLE directory_user (
	tenant_id uuid NOT NULL,
	user_id uuid NOT NULL,
	team_id uuid,
	display_name text NOT NULL,
	email text NOT NULL,
	is_active boolean NOT NULL,
	revision bigint NOT NULL,
	CONSTRAINT directory_user_pkey PRIMARY KEY (tenant_id, user_id)
);
