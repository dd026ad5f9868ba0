-- app: api
-- Schemas that look a person's tenants up: membership with roles, nested teams, functions of a definer.
CREATE ROLE api_owner NOLOGIN;
CREATE ROLE api LOGIN;
CREATE SCHEMA m AUTHORIZATION api_owner;
GRANT USAGE ON SCHEMA m TO api;
SET ROLE api_owner;
SET search_path = m;
CREATE FUNCTION me() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('app.user_id', true), '')::uuid $$;
CREATE TYPE member_role AS ENUM ('viewer', 'editor', 'owner');
CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL, parent_id uuid REFERENCES tenants);
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL UNIQUE, super boolean NOT NULL DEFAULT false);
CREATE TABLE memberships (user_id uuid NOT NULL REFERENCES users, tenant_id uuid NOT NULL REFERENCES tenants, role member_role NOT NULL, disabled boolean, expires_at timestamptz, PRIMARY KEY (user_id, tenant_id));
CREATE TABLE teams (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenants);
CREATE TABLE team_members (team_id uuid NOT NULL REFERENCES teams, user_id uuid NOT NULL REFERENCES users, PRIMARY KEY (team_id, user_id));
ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON memberships FOR SELECT USING (user_id = me());
ALTER TABLE team_members ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON team_members FOR SELECT USING (user_id = me());
ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON teams FOR SELECT USING (tenant_id IN (SELECT tenant_id FROM memberships WHERE user_id = me()));
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON users FOR SELECT USING (id = me());
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants FOR SELECT USING (id IN (SELECT tenant_id FROM memberships WHERE user_id = me()));
GRANT SELECT ON memberships, team_members, teams, users, tenants TO api;

CREATE FUNCTION is_member(t uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = m, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM memberships x WHERE x.tenant_id = t AND x.user_id = me() AND coalesce(x.disabled, false) = false)
$$;
CREATE FUNCTION is_any_member(t uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = m, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM memberships x WHERE x.tenant_id = x.tenant_id AND x.user_id = me())
$$;
CREATE FUNCTION has_role(t uuid, r member_role) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = m, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM memberships x WHERE x.tenant_id = t AND x.user_id = me() AND x.role >= r);
END $$;
CREATE FUNCTION role_of(t uuid) RETURNS member_role LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = m, pg_temp AS $$
DECLARE r member_role;
BEGIN
  SELECT x.role INTO r FROM memberships x WHERE x.tenant_id = t AND x.user_id = me();
  RETURN r;
END $$;
CREATE FUNCTION my_tenants() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = m, pg_temp AS $$
  SELECT x.tenant_id FROM memberships x WHERE x.user_id = me()
$$;
CREATE FUNCTION my_tenant_array() RETURNS uuid[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = m, pg_temp AS $$
  SELECT array_agg(x.tenant_id) FROM memberships x WHERE x.user_id = me()
$$;
CREATE VIEW mine WITH (security_barrier) AS SELECT x.tenant_id, x.role FROM memberships x WHERE x.user_id = me();
CREATE VIEW mine_as_caller WITH (security_invoker) AS SELECT x.tenant_id, x.role FROM memberships x;
GRANT SELECT ON mine, mine_as_caller TO api;
CREATE FUNCTION is_super() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = m, pg_temp AS $$
  SELECT coalesce((SELECT u.super FROM users u WHERE u.id = me()), false)
$$;

-- @case exists uuid
-- ok: EXISTS (SELECT 1 FROM m.memberships x WHERE x.tenant_id = T.tenant_id AND x.user_id = m.me())
-- bad: EXISTS (SELECT 1 FROM m.memberships x WHERE x.tenant_id = x.tenant_id AND x.user_id = m.me())
-- @case in_list uuid
-- ok: tenant_id IN (SELECT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me())
-- bad: tenant_id IN (SELECT x.id FROM m.tenants x)  OR EXISTS (SELECT 1 FROM m.memberships x WHERE x.user_id = m.me())
-- @case roles uuid
-- ok: tenant_id IN (SELECT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me() AND x.role IN ('owner', 'editor'))
-- bad: EXISTS (SELECT 1 FROM m.memberships x WHERE x.user_id = m.me() AND x.role = 'owner')
-- @case distinct_list uuid
-- ok: tenant_id IN (SELECT DISTINCT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me())
-- bad: (SELECT count(DISTINCT x.tenant_id) FROM m.memberships x WHERE x.user_id = m.me()) > 0
-- @case expiring uuid
-- ok: EXISTS (SELECT 1 FROM m.memberships x WHERE x.tenant_id = T.tenant_id AND x.user_id = m.me() AND (x.expires_at IS NULL OR x.expires_at > now()))
-- bad: NOT EXISTS (SELECT 1 FROM m.memberships x WHERE x.tenant_id = T.tenant_id AND x.user_id = m.me() AND x.disabled)
-- @case definer uuid
-- ok: m.is_member(tenant_id)
-- bad: m.is_any_member(tenant_id)
-- @case definer_wrapped uuid
-- ok: (SELECT m.is_member(tenant_id))
-- bad: (SELECT m.is_member(tenant_id)) IS NOT NULL
-- @case with_role uuid
-- ok: m.has_role(tenant_id, 'editor')
-- bad: m.has_role(tenant_id, 'editor') OR m.is_super()
-- @case role_returned uuid
-- ok: m.role_of(tenant_id) IN ('owner', 'editor')
-- bad: m.role_of(tenant_id) IS DISTINCT FROM 'viewer'
-- @case set_returning uuid
-- ok: tenant_id IN (SELECT m.my_tenants())
-- bad: EXISTS (SELECT m.my_tenants())
-- @case set_from uuid
-- ok: tenant_id IN (SELECT x FROM m.my_tenants() AS x)
-- bad: EXISTS (SELECT 1 FROM m.my_tenants() AS x)
-- @case array uuid
-- ok: tenant_id = ANY (m.my_tenant_array())
-- bad: tenant_id <> ALL (m.my_tenant_array())
-- @case array_wrapped uuid
-- ok: tenant_id = ANY ((SELECT m.my_tenant_array())::uuid[])
-- bad: cardinality(m.my_tenant_array()) > 0
-- @case nested uuid
-- ok: tenant_id IN (SELECT t.tenant_id FROM m.teams t JOIN m.team_members tm ON tm.team_id = t.id WHERE tm.user_id = m.me())
-- bad: EXISTS (SELECT 1 FROM m.teams t JOIN m.team_members tm ON tm.team_id = tm.team_id WHERE tm.user_id = m.me())
-- @case nested_in uuid
-- ok: tenant_id IN (SELECT t.tenant_id FROM m.teams t WHERE t.id IN (SELECT tm.team_id FROM m.team_members tm WHERE tm.user_id = m.me()))
-- bad: tenant_id IN (SELECT t.tenant_id FROM m.teams t) OR EXISTS (SELECT 1 FROM m.team_members tm WHERE tm.user_id = m.me())
-- @case with_query uuid
-- ok: tenant_id IN (WITH mine AS (SELECT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me()) SELECT mine.tenant_id FROM mine)
-- bad: EXISTS (WITH mine AS (SELECT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me()) SELECT 1 FROM mine)
-- @case union_list uuid
-- ok: tenant_id IN (SELECT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me() AND x.role = 'owner' UNION SELECT t.tenant_id FROM m.teams t JOIN m.team_members tm ON tm.team_id = t.id WHERE tm.user_id = m.me())
-- bad: EXISTS (SELECT 1 FROM m.memberships x WHERE x.user_id = m.me() UNION SELECT 1 FROM m.team_members tm WHERE tm.user_id = m.me())
-- @case first uuid
-- ok: tenant_id = (SELECT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me() ORDER BY x.role DESC LIMIT 1)
-- bad: (SELECT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me() ORDER BY x.role DESC LIMIT 1) IS NOT NULL
-- @case owner_column uuid
-- ok: tenant_id IN (SELECT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me()) AND author = m.me()
-- bad: m.me() IS NOT NULL
-- @case email uuid
-- ok: tenant_id IN (SELECT x.tenant_id FROM m.memberships x JOIN m.users u ON u.id = x.user_id WHERE u.id = m.me() AND u.email IS NOT NULL)
-- bad: tenant_id IN (SELECT x.tenant_id FROM m.memberships x WHERE x.user_id = m.me()) OR (SELECT u.email FROM m.users u WHERE u.id = m.me()) LIKE '%@ourcompany.com'
-- @case by_view uuid
-- ok: tenant_id IN (SELECT v.tenant_id FROM m.mine v)
-- bad: EXISTS (SELECT 1 FROM m.mine v WHERE v.role = 'owner')
-- @case by_view_correlated uuid
-- ok: EXISTS (SELECT 1 FROM m.mine v WHERE v.tenant_id = T.tenant_id AND v.role >= 'editor')
-- bad: EXISTS (SELECT 1 FROM m.mine v WHERE v.tenant_id = v.tenant_id AND v.role >= 'editor')
-- @case by_callers_view uuid
-- ok: tenant_id IN (SELECT v.tenant_id FROM m.mine_as_caller v)
-- bad: tenant_id NOT IN (SELECT v.tenant_id FROM m.mine_as_caller v)
