-- app: authenticated
-- Schemas of Supabase and PostgREST: the tenant stands in the claims of a token.
CREATE ROLE anon NOLOGIN;
CREATE ROLE authenticated LOGIN;
CREATE ROLE service_role NOLOGIN BYPASSRLS;
CREATE ROLE supabase_admin NOLOGIN;
CREATE SCHEMA auth AUTHORIZATION supabase_admin;
GRANT USAGE ON SCHEMA auth TO anon, authenticated;
CREATE SCHEMA app AUTHORIZATION supabase_admin;
GRANT USAGE ON SCHEMA app TO anon, authenticated;
SET ROLE supabase_admin;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
  select coalesce(nullif(current_setting('request.jwt.claim', true), ''), nullif(current_setting('request.jwt.claims', true), ''))::jsonb
$$;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
  select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''), (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
$$;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $$
  select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''), (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'))::text
$$;
SET search_path = app;
CREATE FUNCTION my_claim(claim text) RETURNS jsonb LANGUAGE sql STABLE AS $$
  select coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb -> 'app_metadata' -> claim, null)
$$;
CREATE FUNCTION org() RETURNS uuid LANGUAGE sql STABLE AS $$ select nullif(auth.jwt() -> 'app_metadata' ->> 'tenant_id', '')::uuid $$;
CREATE FUNCTION org_or_public() RETURNS text LANGUAGE sql STABLE AS $$
  select coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb -> 'app_metadata' ->> 'tenant_id', 'public')
$$;

-- @case metadata uuid
-- ok: tenant_id = (auth.jwt() -> 'app_metadata' ->> 'tenant_id')::uuid
-- bad: tenant_id = (auth.jwt() -> 'user_metadata' ->> 'tenant_id')::uuid
-- @case wrapped uuid
-- ok: tenant_id = ((SELECT auth.jwt()) -> 'app_metadata' ->> 'tenant_id')::uuid
-- bad: (SELECT auth.jwt()) IS NOT NULL
-- @case path uuid
-- ok: tenant_id = ((SELECT auth.jwt()) #>> '{app_metadata,tenant_id}')::uuid
-- bad: tenant_id = COALESCE(((SELECT auth.jwt()) #>> '{app_metadata,tenant_id}')::uuid, tenant_id)
-- @case cast_between uuid
-- ok: tenant_id = ((auth.jwt() ->> 'app_metadata')::jsonb ->> 'tenant_id')::uuid
-- bad: tenant_id = ((auth.jwt() ->> 'app_metadata')::jsonb ->> 'tenant_id')::uuid OR auth.role() = 'service_role'
-- @case function uuid
-- ok: tenant_id = app.org()
-- bad: app.org() IS NOT NULL
-- @case as_json uuid
-- ok: to_jsonb(tenant_id) = app.my_claim('tenant_id')
-- bad: app.my_claim('role') = '"owner"'
-- @case default_tenant text
-- ok: tenant_id = app.org_or_public() AND tenant_id <> 'public'
-- bad: tenant_id = app.org_or_public() OR app.org_or_public() = 'public'
-- @case list uuid
-- ok: tenant_id IN (SELECT (jsonb_array_elements_text(auth.jwt() -> 'app_metadata' -> 'tenants'))::uuid)
-- bad: EXISTS (SELECT 1 FROM jsonb_array_elements_text(auth.jwt() -> 'app_metadata' -> 'tenants') AS x(id) WHERE x.id <> '')
-- @case contains uuid
-- ok: auth.jwt() -> 'app_metadata' -> 'tenants' ? tenant_id::text
-- bad: auth.jwt() -> 'app_metadata' ? 'tenants'
-- @case contained_json uuid
-- ok: auth.jwt() -> 'app_metadata' -> 'tenants' @> to_jsonb(tenant_id)
-- bad: auth.jwt() @> '{"role": "authenticated"}'
-- @case anonymous uuid
-- ok: tenant_id = app.org() AND NOT COALESCE((auth.jwt() ->> 'is_anonymous')::boolean, false)
-- bad: tenant_id = app.org() OR auth.uid() IS NOT NULL
-- @case aal uuid
-- ok: tenant_id = app.org() AND (auth.jwt() ->> 'aal') = 'aal2'
-- bad: tenant_id = app.org() OR (auth.jwt() ->> 'aal') = 'aal2'
-- @case role_claim uuid
-- ok: tenant_id = app.org() AND auth.role() IN ('authenticated', 'service_role')
-- bad: auth.role() = 'authenticated'
