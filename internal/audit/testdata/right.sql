-- A schema in which nothing is wrong: every class of table, two schemas, a partitioned table, views, functions, and an application
-- role that owns nothing. $app, $owner and $login are roles.
CREATE SCHEMA core AUTHORIZATION $owner;
CREATE SCHEMA events AUTHORIZATION $owner;
GRANT USAGE ON SCHEMA core, events TO $app;
SET ROLE $owner;

CREATE FUNCTION core.touch() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$ BEGIN NEW.updated_at := pg_catalog.clock_timestamp(); RETURN NEW; END $$;
CREATE FUNCTION core.current_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC SELECT NULLIF(current_setting('app.org_id', true), '')::uuid; END;
CREATE FUNCTION core.current_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC SELECT NULLIF(current_setting('app.user_id', true), '')::uuid; END;

-- the root, and what is everybody's
CREATE TABLE core.organizations (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE core.currencies (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE core.schema_migrations (version text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());

-- people belong to organizations by membership
CREATE TABLE core.users (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL UNIQUE, password_hash text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE core.org_members (
	organization_id uuid NOT NULL REFERENCES core.organizations, user_id uuid NOT NULL REFERENCES core.users, role text NOT NULL DEFAULT 'member',
	updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (organization_id, user_id));
CREATE INDEX ON core.org_members (user_id);

-- owned tables, and a child
CREATE TABLE core.customers (
	id uuid NOT NULL DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES core.organizations, email text NOT NULL,
	updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (organization_id, id), UNIQUE (organization_id, email));
CREATE TABLE core.invoices (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(), organization_id uuid NOT NULL REFERENCES core.organizations, customer_id uuid NOT NULL,
	number integer NOT NULL, currency text NOT NULL REFERENCES core.currencies, updated_at timestamptz NOT NULL DEFAULT now(),
	UNIQUE (organization_id, number), UNIQUE (organization_id, id),
	FOREIGN KEY (organization_id, customer_id) REFERENCES core.customers (organization_id, id));
CREATE TABLE core.invoice_lines (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(), invoice_id uuid NOT NULL REFERENCES core.invoices, position integer NOT NULL, amount numeric NOT NULL,
	updated_at timestamptz NOT NULL DEFAULT now(), UNIQUE (invoice_id, position));

-- partitioned by time
CREATE TABLE events.calls (
	organization_id uuid NOT NULL REFERENCES core.organizations, at timestamptz NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(), note text,
	updated_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (organization_id, at, id)) PARTITION BY RANGE (at);
CREATE TABLE events.calls_2025 PARTITION OF events.calls FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events.calls_2026 PARTITION OF events.calls FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

DO $$
DECLARE t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['core.customers', 'core.invoices', 'core.org_members', 'events.calls', 'events.calls_2025', 'events.calls_2026'] LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
		EXECUTE format('CREATE POLICY isolation ON %s USING (organization_id = (SELECT core.current_org()))', t);
	END LOOP;
	FOREACH t IN ARRAY ARRAY['core.organizations', 'core.users', 'core.org_members', 'core.customers', 'core.invoices', 'core.invoice_lines', 'events.calls'] LOOP
		EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION core.touch()', t);
	END LOOP;
END $$;
ALTER TABLE core.organizations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY isolation ON core.organizations USING (id = (SELECT core.current_org()));
ALTER TABLE core.users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY isolation ON core.users
	USING (EXISTS (SELECT 1 FROM core.org_members m WHERE m.user_id = users.id AND m.organization_id = (SELECT core.current_org())));
ALTER TABLE core.invoice_lines ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY isolation ON core.invoice_lines
	USING (EXISTS (SELECT 1 FROM core.invoices i WHERE i.id = invoice_lines.invoice_id AND i.organization_id = (SELECT core.current_org())));

-- reading
CREATE VIEW core.open_invoices WITH (security_invoker = true) AS SELECT i.id, i.number, c.email FROM core.invoices i JOIN core.customers c ON c.organization_id = i.organization_id AND c.id = i.customer_id;
CREATE MATERIALIZED VIEW core.invoice_totals AS SELECT organization_id, count(*) AS n FROM core.invoices GROUP BY 1;
CREATE FUNCTION core.my_totals() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC SELECT n FROM core.invoice_totals WHERE organization_id = core.current_org(); END;
REVOKE EXECUTE ON FUNCTION core.my_totals() FROM PUBLIC;

GRANT SELECT ON core.organizations, core.currencies, core.org_members, core.users, core.open_invoices TO $app;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.customers, core.invoices, core.invoice_lines TO $app;
GRANT SELECT, INSERT ON events.calls TO $app;
GRANT EXECUTE ON FUNCTION core.my_totals() TO $app;
RESET ROLE;

-- the login look-up, as a role of its own that sees the one table it needs
GRANT USAGE ON SCHEMA core TO $login;
GRANT SELECT ON core.users TO $login;
CREATE POLICY login ON core.users FOR SELECT TO $login USING (true);
CREATE FUNCTION core.find_login(address text) RETURNS TABLE (id uuid, password_hash text) LANGUAGE sql STABLE SECURITY DEFINER
BEGIN ATOMIC SELECT u.id, u.password_hash FROM core.users u WHERE u.email = address; END;
ALTER FUNCTION core.find_login(text) OWNER TO $login;
REVOKE EXECUTE ON FUNCTION core.find_login(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.find_login(text) TO $app;
