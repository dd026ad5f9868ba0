-- app: shop_app
-- Schemas of applications that set the tenant as a setting of the session (Rails, Django, Alembic, Flyway). A table whose name ends
-- with _ok keeps tenants apart, one whose name ends with _bad does not; its comment says by what.
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE shop_app LOGIN;
CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
GRANT USAGE ON SCHEMA shop TO shop_app;
SET ROLE shop_owner;
SET search_path = shop, public;
CREATE TABLE tenants (id uuid PRIMARY KEY, name text NOT NULL);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants USING (id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
GRANT SELECT ON tenants TO shop_app;

CREATE FUNCTION current_tenant() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('app.current_tenant', true), '')::uuid $$;
CREATE FUNCTION safe_tenant() RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE v uuid;
BEGIN
  BEGIN
    v := current_setting('app.current_tenant', true)::uuid;
  EXCEPTION WHEN others THEN
    v := NULL;
  END;
  RETURN v;
END $$;
CREATE FUNCTION is_mine(t uuid) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = shop, pg_temp AS $$
BEGIN
  IF t IS NULL THEN
    RETURN false;
  END IF;
  RETURN t = NULLIF(current_setting('app.current_tenant', true), '')::uuid;
END $$;
CREATE FUNCTION is_mine_or_unset(t uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE c text := current_setting('app.current_tenant', true);
BEGIN
  IF c IS NULL OR c = '' THEN
    RETURN true;
  END IF;
  RETURN t = c::uuid;
END $$;
CREATE FUNCTION require_tenant() RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE c text;
BEGIN
  c := current_setting('app.current_tenant', true);
  IF c IS NULL OR c = '' THEN
    RAISE EXCEPTION 'no tenant';
  END IF;
  RETURN c::uuid;
END $$;
CREATE FUNCTION is_admin() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT coalesce(current_setting('app.role', true), '') = 'admin' $$;

-- @case function_sql uuid
-- ok: tenant_id = current_tenant()
-- bad: tenant_id = current_tenant() OR is_admin()
-- @case function_plpgsql uuid
-- ok: is_mine(tenant_id)
-- bad: is_mine_or_unset(tenant_id)
-- @case function_exception uuid
-- ok: tenant_id = safe_tenant()
-- bad: tenant_id = COALESCE(safe_tenant(), tenant_id)
-- @case function_raises uuid
-- ok: tenant_id = require_tenant()
-- bad: require_tenant() IS NOT NULL
-- @case wrapped uuid
-- ok: tenant_id = (SELECT current_tenant())
-- bad: (SELECT current_tenant()) IS NOT NULL
-- @case case_when uuid
-- ok: CASE WHEN current_setting('app.current_tenant', true) = '' THEN false ELSE tenant_id = current_setting('app.current_tenant', true)::uuid END
-- bad: CASE WHEN current_setting('app.current_tenant', true) = '' THEN true ELSE tenant_id = current_setting('app.current_tenant', true)::uuid END
-- @case two_settings uuid
-- ok: tenant_id = COALESCE(NULLIF(current_setting('app.current_tenant', true), ''), NULL)::uuid
-- bad: tenant_id::text = COALESCE(NULLIF(current_setting('app.current_tenant', true), ''), tenant_id::text)
-- @case nil_uuid uuid
-- ok: tenant_id = COALESCE(NULLIF(current_setting('app.current_tenant', true), ''), '00000000-0000-0000-0000-000000000000')::uuid AND tenant_id <> '00000000-0000-0000-0000-000000000000'
-- bad: current_setting('app.current_tenant', true) = '00000000-0000-0000-0000-000000000000' OR tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid
-- @case as_text uuid
-- ok: tenant_id::text = current_setting('app.current_tenant', true)
-- bad: tenant_id::text ILIKE current_setting('app.current_tenant', true)
-- @case concat_text uuid
-- ok: (tenant_id::text || '') = current_setting('app.current_tenant', true)
-- bad: position(current_setting('app.current_tenant', true) IN tenant_id::text) > 0
-- @case not_distinct uuid
-- ok: tenant_id IS NOT DISTINCT FROM NULLIF(current_setting('app.current_tenant', true), '')::uuid
-- bad: tenant_id IS NOT DISTINCT FROM COALESCE(NULLIF(current_setting('app.current_tenant', true), '')::uuid, tenant_id)
-- @case unset_or uuid
-- ok: current_setting('app.current_tenant', true) IS NOT NULL AND current_setting('app.current_tenant', true) <> '' AND tenant_id = current_setting('app.current_tenant', true)::uuid
-- bad: current_setting('app.current_tenant', true) IS NULL OR current_setting('app.current_tenant', true) = '' OR tenant_id = current_setting('app.current_tenant', true)::uuid
-- @case bypass uuid
-- ok: tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid AND COALESCE(current_setting('app.read_only', true), 'off') <> 'on'
-- bad: COALESCE(current_setting('app.bypass_rls', true), 'off') = 'on' OR tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid
-- @case csv uuid
-- ok: tenant_id = ANY (string_to_array(NULLIF(current_setting('app.current_tenant', true), ''), ',')::uuid[])
-- bad: current_setting('app.current_tenant', true) LIKE '%' || tenant_id::text || '%' OR current_setting('app.current_tenant', true) = '*'
-- @case csv_text text
-- ok: tenant_id = ANY (string_to_array(NULLIF(current_setting('app.current_tenant', true), ''), ','))
-- bad: position(tenant_id IN current_setting('app.current_tenant', true)) > 0
-- @case array_literal int
-- ok: tenant_id = ANY (NULLIF(current_setting('app.current_tenant', true), '')::int[])
-- bad: NOT tenant_id <> ALL (COALESCE(NULLIF(current_setting('app.current_tenant', true), '')::int[], ARRAY[tenant_id]))
-- @case contained int
-- ok: ARRAY[tenant_id] <@ string_to_array(NULLIF(current_setting('app.current_tenant', true), ''), ',')::int[]
-- bad: NOT (ARRAY[tenant_id] && string_to_array(COALESCE(current_setting('app.hidden', true), ''), ',')::int[])
-- @case unnest uuid
-- ok: tenant_id IN (SELECT unnest(string_to_array(NULLIF(current_setting('app.current_tenant', true), ''), ','))::uuid)
-- bad: EXISTS (SELECT 1 FROM unnest(string_to_array(current_setting('app.current_tenant', true), ',')) AS x(id) WHERE x.id IS NOT NULL)
-- @case number int
-- ok: tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::int
-- bad: tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::int % 1000
-- @case bigint bigint
-- ok: tenant_id = current_setting('app.current_tenant')::bigint
-- bad: tenant_id >= current_setting('app.current_tenant')::bigint
-- @case numeric_id numeric
-- ok: tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::numeric
-- bad: round(tenant_id) = NULLIF(current_setting('app.current_tenant', true), '')::numeric
-- @case between int
-- ok: tenant_id BETWEEN current_setting('app.current_tenant')::int AND current_setting('app.current_tenant')::int
-- bad: tenant_id BETWEEN current_setting('app.from_tenant')::int AND current_setting('app.to_tenant')::int
-- @case range int
-- ok: int4range(current_setting('app.current_tenant')::int, current_setting('app.current_tenant')::int, '[]') @> tenant_id
-- bad: int4range(0, current_setting('app.current_tenant')::int) @> tenant_id
-- @case row int
-- ok: (tenant_id, region) = (NULLIF(current_setting('app.current_tenant', true), '')::int, current_setting('app.region', true))
-- bad: (tenant_id, region) >= (NULLIF(current_setting('app.current_tenant', true), '')::int, '')
-- @case row_in int
-- ok: (tenant_id, region) IN ((NULLIF(current_setting('app.current_tenant', true), '')::int, 'eu'), (NULLIF(current_setting('app.current_tenant', true), '')::int, 'us'))
-- bad: (tenant_id, region) IN ((NULLIF(current_setting('app.current_tenant', true), '')::int, 'eu'), (1, 'eu'))
-- @case text_key text
-- ok: tenant_id = NULLIF(current_setting('app.current_tenant', true), '')
-- bad: lower(tenant_id) = lower(current_setting('app.current_tenant', true))
-- @case trimmed text
-- ok: tenant_id = NULLIF(btrim(current_setting('app.current_tenant', true)), '') AND tenant_id = NULLIF(current_setting('app.current_tenant', true), '')
-- bad: btrim(tenant_id) = btrim(current_setting('app.current_tenant', true))
-- @case citext citext
-- ok: tenant_id::text = current_setting('app.current_tenant', true)
-- bad: tenant_id = current_setting('app.current_tenant', true)::citext
-- @case char char(8)
-- ok: tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::bpchar
-- bad: tenant_id = current_setting('app.current_tenant', true)::char(4)
-- @case varchar varchar(36)
-- ok: tenant_id = NULLIF(current_setting('app.current_tenant', true), '')
-- bad: tenant_id::varchar(8) = left(current_setting('app.current_tenant', true), 8)
-- @case prefix text
-- ok: tenant_id LIKE 'org_%' AND tenant_id = current_setting('app.current_tenant', true)
-- bad: tenant_id LIKE current_setting('app.current_tenant', true) || '%'
-- @case prefixed text
-- ok: 'org_' || tenant_id = 'org_' || current_setting('app.current_tenant', true) AND tenant_id <> ''
-- bad: starts_with(tenant_id, current_setting('app.current_tenant', true))
-- @case path text
-- ok: split_part(tenant_id, '/', 1) = current_setting('app.current_tenant', true) AND tenant_id = current_setting('app.current_tenant', true)
-- bad: tenant_id ~ ('^' || current_setting('app.current_tenant', true))
-- @case tree ltree
-- ok: tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::ltree
-- bad: tenant_id <@ COALESCE(current_setting('app.current_tenant', true), '')::ltree
-- @case hash text
-- ok: sha256(convert_to(tenant_id, 'UTF8')) = sha256(convert_to(current_setting('app.current_tenant', true), 'UTF8'))
-- bad: hashtext(tenant_id) = hashtext(current_setting('app.current_tenant', true))
-- @case digest text
-- ok: md5(tenant_id) = md5(current_setting('app.current_tenant', true)) AND tenant_id = current_setting('app.current_tenant', true)
-- bad: md5(lower(tenant_id)) = md5(lower(current_setting('app.current_tenant', true)))
-- @case query uuid
-- ok: tenant_id = current_tenant() AND current_query() !~* 'pg_sleep'
-- bad: tenant_id = current_tenant() OR current_query() LIKE '%/* support */%'
-- @case soft_delete uuid
-- ok: tenant_id = current_tenant() AND deleted_at IS NULL
-- bad: tenant_id = current_tenant() OR deleted_at IS NOT NULL
-- @case dates uuid
-- ok: tenant_id = current_tenant() AND (deleted_at IS NULL OR deleted_at > now())
-- bad: tenant_id = current_tenant() OR deleted_at < now() - interval '7 days'
-- @case published uuid
-- ok: tenant_id = current_tenant() AND status IN ('draft', 'published')
-- bad: tenant_id = current_tenant() OR status = 'published'
-- @case user_named uuid
-- ok: tenant_id = current_tenant() AND current_user <> 'postgres'
-- bad: tenant_id = current_tenant() OR current_user = 'shop_app'
-- @case application uuid
-- ok: tenant_id = current_tenant() AND current_setting('application_name') <> ''
-- bad: tenant_id = current_tenant() OR current_setting('application_name') = 'support'
