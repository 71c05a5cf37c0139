-- Tables for the tests of the db adapter.
CREATE EXTENSION IF NOT EXISTS citext;
CREATE TYPE mood AS ENUM ('glad', 'sad');

CREATE TABLE contact (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	revision bigint NOT NULL DEFAULT 1,
	create_time timestamptz NOT NULL DEFAULT now(),
	update_time timestamptz NOT NULL DEFAULT now(),
	delete_time timestamptz,
	creator_id uuid,
	owner_id uuid,
	team_id uuid,
	prefix text NOT NULL DEFAULT '',
	given text,
	middle text,
	family text,
	suffix text,
	display_name text NOT NULL DEFAULT '',
	email_address citext[] NOT NULL DEFAULT '{}',
	email_type text[] NOT NULL DEFAULT '{}',
	email_primary boolean[] NOT NULL DEFAULT '{}',
	language text NOT NULL DEFAULT '',
	birth_date date,
	note text NOT NULL DEFAULT '',
	labels jsonb NOT NULL DEFAULT '{}',
	PRIMARY KEY (tenant_id, id),
	CONSTRAINT contact_display_name_not_bad CHECK (display_name <> 'bad')
);

-- Its balance must not be negative when a transaction commits.
CREATE TABLE account (
	tenant_id uuid NOT NULL,
	id uuid PRIMARY KEY,
	parent uuid CONSTRAINT account_parent_exists REFERENCES account DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE everything (
	id bigint PRIMARY KEY,
	a_double float8, a_float float4, an_int32 int4, an_int64 int8, a_uint32 int4, a_sint32 int2, a_fixed64 int8,
	a_bool boolean, a_string text, a_bytes bytea, a_color int4,
	doubles float8[], int32s int4[], int64s int8[], bools boolean[], strings text[], byteses bytea[],
	ids uuid[], days date[], moods mood[],
	a_mood mood, a_mail citext, a_number numeric, a_day date, an_id uuid, a_json jsonb, a_varchar varchar(20),
	labels jsonb, a_time timestamptz, times timestamptz[]
);
