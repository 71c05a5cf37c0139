-- Tables for planted faults; the migration itself is sound.
CREATE TABLE contact (tenant_id uuid NOT NULL, id uuid NOT NULL, owner_id uuid, team_id uuid, name text, PRIMARY KEY (tenant_id, id));
CREATE TABLE label (tenant_id uuid NOT NULL, contact_id uuid NOT NULL, key text DEFAULT 'DROP TABLE x;');
CREATE TABLE country (code text PRIMARY KEY, name text);
ALTER TABLE label ADD COLUMN value text;
ALTER TABLE label DROP CONSTRAINT IF EXISTS label_key;
