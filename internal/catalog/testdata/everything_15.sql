-- What 15 added.
CREATE PUBLICATION filtered FOR TABLE org (id, name) WHERE (id IS NOT NULL);
CREATE PUBLICATION schemawide FOR TABLES IN SCHEMA "We ird";
GRANT SET ON PARAMETER work_mem TO app;
CREATE VIEW invoked WITH (security_invoker) AS SELECT id FROM org;
CREATE UNIQUE INDEX nn ON child (kind) NULLS NOT DISTINCT;
