CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE SCHEMA s;
CREATE DOMAIN s.word AS text CHECK (VALUE <> 'x');
CREATE TYPE s.claim AS (tenant_id uuid, admin boolean);
GRANT USAGE ON SCHEMA s TO <app>;
CREATE COLLATION s.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE s.members (user_id uuid NOT NULL, tenant_id uuid NOT NULL, PRIMARY KEY (user_id, tenant_id));
GRANT SELECT ON s.members TO <app>;
CREATE TABLE s.staff (person int NOT NULL, tenant_id uuid NOT NULL, PRIMARY KEY (person, tenant_id));
GRANT SELECT ON s.staff TO <app>;
CREATE TABLE s.open_members (user_id uuid NOT NULL, tenant_id uuid NOT NULL, PRIMARY KEY (user_id, tenant_id));
GRANT SELECT, INSERT ON s.open_members TO <app>;
CREATE TABLE s.projects (id int PRIMARY KEY, tenant_id uuid NOT NULL);
ALTER TABLE s.projects ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON s.projects USING (tenant_id = NULLIF(current_setting('app.tid', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON s.projects TO <app>;
CREATE TABLE s.open_projects (id int PRIMARY KEY, tenant_id uuid NOT NULL);
GRANT SELECT ON s.open_projects TO <app>;
CREATE FUNCTION s.frozen_tenant() RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT NULLIF(current_setting('app.tid', true), '')::uuid $$;
CREATE TABLE s.persons (id uuid PRIMARY KEY, duty text NOT NULL);
CREATE TABLE s.shifts (id uuid NOT NULL, duty text NOT NULL);
GRANT SELECT ON s.persons, s.shifts TO <app>;
CREATE FUNCTION s.duty() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$ SELECT duty FROM s.persons WHERE id = NULLIF(current_setting('app.uid', true), '')::uuid $$;
CREATE FUNCTION s.shift() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$ SELECT duty FROM s.shifts WHERE id = NULLIF(current_setting('app.uid', true), '')::uuid $$;
CREATE FUNCTION s.number_or(value text, otherwise text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN value::int::text;
EXCEPTION WHEN OTHERS THEN
  RETURN otherwise;
END $$;
