-- expect: drops what
ALTER TABLE contact DROP COLUMN name;
-- expect: drops what
ALTER TABLE contact DROP name;
-- expect: drops what
DROP TABLE label;
-- expect: renames what
ALTER TABLE contact RENAME COLUMN name TO title;
-- expect: changes the type
ALTER TABLE contact ALTER COLUMN name TYPE varchar(10);
-- expect: refuses what
ALTER TABLE contact ALTER name SET NOT NULL;
-- expect: deletes data
DELETE FROM label;
-- expect: one transaction
CREATE INDEX CONCURRENTLY contact_by_name ON contact (tenant_id, name);
-- expect: one transaction
COMMIT;
-- expect: says no reason
-- expect: drops what
-- lint: breaking
ALTER TABLE contact DROP COLUMN name;
-- lint: breaking nobody has written it since 0001
ALTER TABLE contact DROP COLUMN name;
