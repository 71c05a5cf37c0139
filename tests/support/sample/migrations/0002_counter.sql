CREATE TABLE counter (
	tenant_id uuid NOT NULL,
	id uuid NOT NULL,
	n bigint NOT NULL,
	PRIMARY KEY (tenant_id, id)
);
