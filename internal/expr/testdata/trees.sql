-- Objects whose stored trees the tests read. Sections start with "-- from N" and run on versions N and later.
-- from 14
CREATE SCHEMA s;
CREATE SCHEMA evil;
CREATE TYPE s.mood AS ENUM ('sad', 'glad');
CREATE DOMAIN s.key AS text CHECK (VALUE <> '');
CREATE TYPE s.pair AS (a int, b text);
CREATE TABLE s.acc (id uuid PRIMARY KEY, tenant uuid NOT NULL, name text, n int DEFAULT 7, big bigint, small smallint, flag boolean,
  code varchar(10), pad char(4), tags text[], nums int[], doc jsonb, js json, at timestamptz DEFAULT now(), day date, ts timestamp, amount numeric(12,2),
  r real, d double precision, m s.mood, k s.key, c "char", o oid, p s.pair, raw bytea, sys name);
CREATE TABLE s.member (account uuid, usr text, role text, tenant uuid);
CREATE TABLE s."we""ird tbl" ("te nant" text, "x)(" int, ":y" int, gone int);
ALTER TABLE s."we""ird tbl" DROP COLUMN gone;
ALTER TABLE s."we""ird tbl" ADD COLUMN later int;
CREATE SEQUENCE s.seq;
CREATE FUNCTION s.f(a int, b int DEFAULT 2, c text DEFAULT 'x') RETURNS int LANGUAGE sql AS 'SELECT a + b';
CREATE FUNCTION s.v(VARIADIC a int[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text LANGUAGE sql AS 'SELECT ''x''';
CREATE FUNCTION evil.eq(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
-- policies
CREATE POLICY simple ON s.acc USING (tenant = current_setting('app.tenant')::uuid);
CREATE POLICY nullif ON s.acc USING (tenant = NULLIF(current_setting('app.tenant', true), '')::uuid) WITH CHECK (tenant IS NOT DISTINCT FROM NULLIF(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY claim ON s.acc USING (tenant = ((current_setting('request.jwt.claims', true)::json ->> 'tenant_id'))::uuid AND (js #>> '{a,b}') = 'x');
CREATE POLICY member ON s.acc USING (EXISTS (SELECT 1 FROM s.member x WHERE x.account = acc.id AND x.usr = current_user));
CREATE POLICY inlist ON s.acc USING (id IN (SELECT account FROM s.member WHERE usr = session_user) OR n NOT IN (1, 2, 3) OR name = ANY (ARRAY['a', NULL, 'b c']) OR n > ALL (nums));
CREATE POLICY scalar ON s.acc USING (tenant = (SELECT m.tenant FROM s.member m WHERE m.account = acc.id LIMIT 1) AND big = ANY (ARRAY(SELECT 1::bigint)) AND (id, tenant) = (SELECT account, tenant FROM s.member LIMIT 1));
CREATE POLICY logic ON s.acc USING (flag IS TRUE OR flag IS NOT TRUE OR flag IS FALSE OR flag IS NOT FALSE OR flag IS UNKNOWN OR flag IS NOT UNKNOWN OR NOT flag OR name IS NULL OR p IS NOT NULL);
CREATE POLICY cases ON s.acc USING (CASE n WHEN 1 THEN flag WHEN 2 THEN true ELSE false END AND CASE WHEN n > 3 THEN flag END AND COALESCE(flag, name = 'x', false) AND GREATEST(n, 3) > LEAST(n, 4));
CREATE POLICY consts ON s.acc USING (name = 'it''s "q" {x} (y) \z' OR n = -5 OR big = 9000000000 OR small = 3::smallint OR amount = 12.50 OR amount = -0.001 OR amount = 123456789.5 OR r = 1.5::real OR d = 1e300 OR m = 'glad' OR k = 'kk' OR c = 'z' OR o = 77 OR day = '2024-02-29' OR ts = '2024-02-29 12:34:56.789' OR at = '2024-02-29 12:34:56+00' OR at > 'infinity' OR id = '11111111-2222-3333-4444-555555555555' OR sys = 'nm' OR raw = '\x0102');
CREATE POLICY consts2 ON s.acc USING (doc @> '{"a": 1, "b": [true, null, "x"], "c": {"d": 1.5}}' OR tags && ARRAY['a']::text[] OR tags = '{}' OR nums = '{1,NULL,3}' OR code = 'abc' OR pad = 'ab' OR name = ''  OR n = NULL::int OR nums = '{{1,2},{3,4}}' OR tags = '{"a b","c,d","NULL",""}' OR at < now() - interval '1 day' OR day < 'infinity');
CREATE POLICY casts ON s.acc USING (id::text = name OR name::varchar(3) = 'abc' OR nums::text[] = tags OR name::s.key = 'x' OR n::text = '1' OR n::bigint = big OR name COLLATE "C" < 'x' OR (p).b = 'x' OR tags[1] = 'x' OR tags[1:2] = tags OR tags[:2] = tags OR ROW(n, name) = ROW(1, 'x') OR (n, name) < (1, 'x') OR ROW(n, name)::s.pair = p OR name = raw::text);
CREATE POLICY session ON s.acc USING (name IN (current_user, user, session_user, current_role, current_catalog, current_schema) OR current_date = day OR current_time IS NULL OR current_timestamp = at OR localtime IS NULL OR localtimestamp = ts OR current_timestamp(2) = at OR current_time(1) IS NULL OR localtime(1) IS NULL OR localtimestamp(1) = ts);
CREATE POLICY calls ON s.acc USING (s.f(1) = 1 OR s.f(1, c => 'q') = 1 OR s.v(1, 2) = 1 OR s.v(VARIADIC nums) = 1 OR lower(name) LIKE 'a%' OR name ILIKE 'b' OR name ~ '^x' OR extract(year FROM at) = 2024 OR name SIMILAR TO 'x' OR n BETWEEN 1 AND 5 OR n BETWEEN SYMMETRIC 5 AND 1 OR at AT TIME ZONE 'UTC' = ts OR random() < 0.5 OR xmlelement(name foo, name) IS DOCUMENT OR acc IS NOT NULL OR acc.ctid IS NULL OR tableoid = 's.acc'::regclass);
CREATE POLICY weird ON s."we""ird tbl" USING ("te nant" = 'a' AND "x)(" = 1 AND ":y" = later);
CREATE POLICY real_eq ON s.acc USING (name = current_setting('app.tenant', true));
SET search_path = evil, pg_catalog;
CREATE POLICY fake_eq ON s.acc USING (name = pg_catalog.current_setting('app.tenant', true));
CREATE POLICY fake_setting ON s.acc USING (name OPERATOR(pg_catalog.=) current_setting('app.tenant', true));
RESET search_path;
CREATE POLICY real_eq_again ON s.acc USING (current_setting('app.tenant', true) = acc.name OR current_setting('app.tenant', true) = name);
CREATE POLICY ctx_forms ON s.acc USING (NULLIF(current_setting('request.jwt.claims', true), '')::jsonb #>> '{a,b}' = name OR (SELECT current_setting('request.jwt.claims'))::json -> 'app_metadata' ->> 'org' = name OR current_setting('request.jwt.claims', true)::jsonb #> ARRAY['x', 'y'] = doc OR json_extract_path_text(current_setting('my.claims')::json, 'q', 'r') = name OR jsonb_extract_path(current_setting('my.claims')::jsonb, VARIADIC ARRAY['s']) = doc OR name = current_setting('APP.Upper')::varchar OR sys = pg_catalog."current_user"() OR name = current_setting(name));
CREATE POLICY nested ON s.acc USING (EXISTS (SELECT 1 FROM s.member x WHERE EXISTS (SELECT 1 FROM s.member y WHERE y.account = acc.id AND y.tenant = x.tenant AND y.usr = ANY (SELECT z.usr FROM s.member z WHERE z.tenant = acc.tenant))));
CREATE POLICY lateral_join ON s.acc USING (EXISTS (SELECT 1 FROM s.member x JOIN s.member y USING (account) LEFT JOIN LATERAL (SELECT x.usr AS u, acc.name AS w) l ON true WHERE account = acc.id AND l.u = y.usr));
CREATE POLICY full_using ON s.acc USING (EXISTS (SELECT FROM s.member x FULL JOIN s.member y USING (account, usr) RIGHT JOIN s.acc z ON z.tenant = x.tenant WHERE account = acc.id AND usr = 'x'));
-- views
CREATE VIEW s.v_join AS SELECT a.id, m.role, a.n + 1 AS n1 FROM s.acc a LEFT JOIN s.member m ON m.account = a.id AND m.tenant = a.tenant WHERE a.flag;
CREATE VIEW s.v_barrier WITH (security_barrier) AS SELECT * FROM ONLY s.member;
CREATE VIEW s.v_agg AS SELECT tenant, count(*) AS c, count(DISTINCT n) FILTER (WHERE flag) AS f, array_agg(name ORDER BY n) AS names, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS med FROM s.acc GROUP BY tenant HAVING sum(n) > 3;
CREATE VIEW s.v_sets AS SELECT grouping(tenant, flag) AS g, tenant, flag, max(n) AS m FROM s.acc GROUP BY GROUPING SETS ((tenant), (flag), ());
CREATE VIEW s.v_win AS SELECT id, rank() OVER w AS r, sum(n) OVER (PARTITION BY tenant ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS s FROM s.acc WINDOW w AS (PARTITION BY tenant ORDER BY n);
CREATE VIEW s.v_union AS SELECT id, tenant FROM s.acc UNION ALL SELECT account, tenant FROM s.member INTERSECT SELECT account, tenant FROM s.member WHERE role = 'x' EXCEPT SELECT NULL, NULL;
CREATE VIEW s.v_cte AS WITH RECURSIVE a AS (SELECT id, n FROM s.acc WHERE n = 1 UNION ALL SELECT c.id, c.n FROM s.acc c JOIN a ON c.n = a.n + 1), b AS MATERIALIZED (SELECT * FROM a), d AS NOT MATERIALIZED (SELECT * FROM b) SELECT d.id FROM d, a;
CREATE VIEW s.v_from AS SELECT x.*, u.ordinality, vals.q FROM (SELECT id, tags FROM s.acc) x, LATERAL unnest(x.tags) WITH ORDINALITY u, (VALUES (1, 'a'), (2, 'b')) vals(p, q), generate_series(1, 3) g;
CREATE VIEW s.v_rows AS SELECT id FROM s.acc TABLESAMPLE bernoulli (10) ORDER BY n LIMIT 5 OFFSET 2 FOR UPDATE;
CREATE VIEW s.v_distinct AS SELECT DISTINCT tenant, upper(name) AS u FROM s.acc GROUP BY tenant, upper(name);
CREATE VIEW s.v_weird AS SELECT "te nant", ":y" AS ":z" FROM s."we""ird tbl";
CREATE VIEW s.v_xml AS SELECT xmlforest(name, n AS num) AS x, t.* FROM s.acc, XMLTABLE('/a' PASSING xmlparse(DOCUMENT name) COLUMNS b int PATH 'b' DEFAULT 3) t;
CREATE TABLE s.parent (a int);
CREATE TABLE s.kid (b int) INHERITS (s.parent);
CREATE VIEW s.v_row AS SELECT k::s.parent AS whole, (k::s.parent).a FROM s.kid k;
CREATE VIEW s.v_star AS SELECT m, m.* FROM s.member m;
-- rules
CREATE RULE r_ins AS ON INSERT TO s.v_join DO INSTEAD INSERT INTO s.acc (id, tenant, n) VALUES (new.id, new.id, DEFAULT) RETURNING id, NULL::text, n;
CREATE RULE r_upd AS ON UPDATE TO s.v_join WHERE old.n1 > new.n1 DO INSTEAD (UPDATE s.acc SET n = new.n1 WHERE id = old.id; DELETE FROM s.member WHERE account = old.id);
CREATE RULE r_del AS ON DELETE TO s.v_join DO INSTEAD (DELETE FROM s.acc WHERE id = old.id; NOTIFY chan, 'x');
CREATE RULE r_updall AS ON UPDATE TO s.v_join DO INSTEAD NOTHING;
CREATE RULE r_conf AS ON INSERT TO s.v_barrier DO INSTEAD INSERT INTO s.acc (id, tenant) VALUES (new.account, new.tenant) ON CONFLICT (id) DO UPDATE SET name = excluded.name, n = acc.n + 1 WHERE acc.tenant = excluded.tenant;
CREATE RULE r_conf2 AS ON UPDATE TO s.v_barrier DO INSTEAD INSERT INTO s.acc (id, tenant) SELECT m.account, m.tenant FROM s.member m ON CONFLICT DO NOTHING;
-- other expressions
ALTER TABLE s.member ADD CHECK (usr <> '' AND usr LIKE 'u%');
ALTER TABLE s.member ALTER role SET DEFAULT 'r-' || nextval('s.seq')::text;
CREATE TABLE s.gen (id int GENERATED ALWAYS AS IDENTITY, a int, b int GENERATED ALWAYS AS (a * 2) STORED);
CREATE INDEX acc_expr ON s.acc (lower(name), (n + 1)) WHERE flag;
CREATE FUNCTION s.trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t_when BEFORE UPDATE ON s.acc FOR EACH ROW WHEN (old.n IS DISTINCT FROM new.n) EXECUTE FUNCTION s.trg();
-- bodies
CREATE FUNCTION s.b_return(a uuid, b text) RETURNS boolean LANGUAGE sql RETURN a IS NOT NULL AND b = 'x';
CREATE FUNCTION s.b_atomic(a int, who text) RETURNS SETOF s.member LANGUAGE sql BEGIN ATOMIC INSERT INTO s.member (usr) VALUES (who); UPDATE s.acc SET (n, name) = (SELECT 1, who), tags[2] = 'q', p.a = 4 WHERE n = a; DELETE FROM s.acc WHERE name = b_atomic.who RETURNING id; SELECT * FROM s.member WHERE usr = who; END;
CREATE PROCEDURE s.b_empty() LANGUAGE sql BEGIN ATOMIC END;
-- from 15
CREATE FUNCTION s.b_merge(who text) RETURNS void LANGUAGE sql BEGIN ATOMIC MERGE INTO s.acc t USING s.member m ON t.id = m.account AND m.usr = who WHEN MATCHED AND t.flag THEN UPDATE SET name = m.role WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, tenant) VALUES (m.account, m.tenant); END;
-- from 16
CREATE POLICY json16 ON s.acc USING (name IS JSON OBJECT OR json_object('a': name) IS NOT NULL OR json_array(n, name) IS NOT NULL);
-- from 17
CREATE POLICY json17 ON s.acc USING (json_value(doc, '$.tenant' RETURNING text) = name OR json_exists(doc, '$.a ? (@ > $x)' PASSING n AS x) OR json_query(doc, '$.b' DEFAULT '{}' ON EMPTY) IS NOT NULL OR json_scalar(n) IS NOT NULL);
CREATE FUNCTION s.b_merge17(who text) RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC MERGE INTO s.acc t USING s.member m ON t.id = m.account WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED BY TARGET THEN DO NOTHING WHEN MATCHED THEN UPDATE SET n = 1 RETURNING merge_action() || t.name; END;
CREATE VIEW s.v_jsontable AS SELECT j.* FROM s.acc, JSON_TABLE(doc, '$.a[*]' COLUMNS (x int PATH '$.x')) j;
-- from 18
CREATE FUNCTION s.b_ret18(a int) RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC UPDATE s.acc SET n = a RETURNING old.n || new.n::text || old.name; END;
CREATE TABLE s.virt (a int, b int GENERATED ALWAYS AS (a + 1) VIRTUAL);
