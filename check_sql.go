package ringfence

// roleSQL asks in one row what Check wants to know of a session. $1 is the settings that hold the context. Everything it
// reads is readable by every role.
const roleSQL = `
with me as (
  select r.oid, r.rolname, r.rolsuper, r.rolbypassrls from pg_catalog.pg_roles r where r.rolname = current_user
), become as (
  select case when pg_catalog.current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end as how
), unforced as (
  select c.relowner, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) as name
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p') and c.relrowsecurity and not c.relforcerowsecurity
)
select current_user::text, session_user::text, me.rolsuper, me.rolbypassrls, pg_catalog.pg_backend_pid(),
  pg_catalog.current_setting('standard_conforming_strings') = 'on',
  coalesce((select pg_catalog.array_agg(s order by s) from pg_catalog.unnest($1::text[]) s
             where coalesce(pg_catalog.current_setting(s, true), '') <> ''), '{}'),
  coalesce((select pg_catalog.array_agg(distinct coalesce('ROLE ' || pg_catalog.quote_ident(r.rolname), '')
                     || coalesce(case when d.setrole <> 0 then ' IN ' else '' end || 'DATABASE ' || pg_catalog.quote_ident(b.datname), ''))
              from pg_catalog.pg_db_role_setting d
              left join pg_catalog.pg_roles r on r.oid = d.setrole left join pg_catalog.pg_database b on b.oid = d.setdatabase
             where exists (select from pg_catalog.unnest(d.setconfig) c, pg_catalog.unnest($1::text[]) s
                            where pg_catalog.lower(pg_catalog.split_part(c, '=', 1)) = pg_catalog.lower(s))
               and (r.rolname is null or r.rolname = session_user)
               and (b.datname is null or b.datname = pg_catalog.current_database())), '{}'),
  coalesce((select pg_catalog.array_agg(u.name order by u.name) from unforced u
             where pg_catalog.pg_has_role(me.oid, u.relowner, 'USAGE')), '{}'),
  coalesce((select pg_catalog.array_agg(r.rolname::text order by r.rolname) from pg_catalog.pg_roles r
             where r.oid <> me.oid and (r.rolsuper or r.rolbypassrls)
               and (r.rolname = session_user or pg_catalog.pg_has_role(session_user, r.oid, become.how))), '{}'),
  coalesce((select pg_catalog.array_agg(distinct o.rolname::text) from unforced u join pg_catalog.pg_roles o on o.oid = u.relowner
             where not pg_catalog.pg_has_role(me.oid, u.relowner, 'USAGE')
               and pg_catalog.pg_has_role(session_user, u.relowner, become.how)), '{}')
from me, become`

// fingerprintSQL hashes what row security is made of: each table's two switches, and each policy with its roles, its
// command and its expressions. search_path must be pg_catalog alone, so that names in expressions are written out.
const fingerprintSQL = `
select pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce(pg_catalog.string_agg(line, E'\n' order by line collate "C"), ''), 'UTF8')), 'hex')
from (
  select pg_catalog.jsonb_build_array(n.nspname, c.relname, c.relrowsecurity, c.relforcerowsecurity, p.polname, p.polcmd, p.polpermissive,
           (select pg_catalog.array_agg(coalesce(r.rolname::text, '') order by r.rolname) from pg_catalog.unnest(p.polroles) o left join pg_catalog.pg_roles r on r.oid = o),
           pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))::text as line
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_policy p on p.polrelid = c.oid
   where (c.relrowsecurity or c.relforcerowsecurity or p.oid is not null) and n.nspname <> 'ringfence'
) t`
