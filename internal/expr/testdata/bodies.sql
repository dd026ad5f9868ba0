-- One statement a line. Each is put into a function twice, as a SQL-standard body, which the server resolves, and as a
-- string, which this package resolves; both must read the same. Parameters: a uuid, t text, n int.
SELECT id FROM acc WHERE tenant = a
SELECT current_setting('app.tenant', true)::uuid
SELECT NULLIF(current_setting('app.tenant', true), '')::uuid
SELECT (current_setting('request.jwt.claims', true)::json ->> 'tenant_id')::uuid
SELECT COALESCE(NULLIF(current_setting('request.jwt.claim.sub', true), ''), (NULLIF(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))::uuid
SELECT x.id, x.name FROM s.acc x JOIN member m ON m.account = x.id AND m.usr = current_user WHERE m.role IN ('admin', 'owner')
SELECT EXISTS (SELECT 1 FROM member m WHERE m.account = a AND m.usr = t)
SELECT a IN (SELECT account FROM member WHERE usr = session_user)
SELECT account FROM member WHERE usr = t AND n > 3
SELECT m.* FROM member m WHERE m.tenant IS NOT DISTINCT FROM a
SELECT count(*), max(n) FROM acc WHERE flag AND NOT (name IS NULL) GROUP BY tenant HAVING count(*) > 1
SELECT name || 'x', n + 1, big * 2, amount / 3, -n, n % 2 FROM acc
SELECT * FROM acc JOIN member USING (tenant)
SELECT tenant, usr FROM acc LEFT JOIN member USING (tenant) WHERE role = t
SELECT * FROM acc NATURAL JOIN member
SELECT id FROM acc WHERE name = ANY (ARRAY['a', 'b']) OR tags @> ARRAY[t] OR n = ANY (nums)
SELECT id FROM acc WHERE name LIKE 'a%' OR name ILIKE t OR name ~ 'x' OR n BETWEEN 1 AND 5 OR n NOT BETWEEN 2 AND 3
SELECT CASE WHEN flag THEN name ELSE 'none' END, CASE n WHEN 1 THEN 'one' WHEN 2 THEN 'two' END FROM acc
SELECT id::text, n::text, name::varchar, code::text, '12'::int, 'true'::boolean, at::date, name::s.key FROM acc
SELECT GREATEST(n, 3), LEAST(big, n), lower(name), upper(code), length(pad) FROM acc
SELECT s.f(1), s.f(1, 2), s.f(a => n, c => t), s.v(1, 2, 3)
SELECT id FROM acc WHERE (n, name) = (1, t) AND flag IS NOT TRUE
SELECT id FROM acc UNION ALL SELECT account FROM member
WITH x AS (SELECT id FROM acc), y AS MATERIALIZED (SELECT account FROM member) SELECT x.id FROM x, y WHERE x.id = y.account
WITH RECURSIVE r AS (SELECT id, n FROM acc WHERE n = 1 UNION ALL SELECT c.id, c.n FROM acc c JOIN r ON c.n = r.n) SELECT id FROM r
SELECT q.id FROM (SELECT id, tenant FROM acc WHERE name = t) q WHERE q.tenant = a
SELECT x.id, l.u FROM acc x, LATERAL (SELECT m.usr AS u FROM member m WHERE m.account = x.id) l
SELECT u FROM acc, unnest(tags) u
SELECT g FROM generate_series(1, 3) g
SELECT v.p FROM (VALUES (1, 'a'), (2, 'b')) v(p, q) WHERE v.q = t
SELECT id FROM acc ORDER BY name LIMIT 3
SELECT (SELECT m.tenant FROM member m WHERE m.account = acc.id LIMIT 1), ARRAY(SELECT usr FROM member) FROM acc
SELECT id FROM acc WHERE id = b_x.a OR acc.tenant = b_x.a
SELECT doc ->> 'x', doc #>> '{a,b}', js -> 'y' ->> 'z', doc @> '{"a":1}' FROM acc
SELECT id FROM acc WHERE m = 'glad' AND k = 'kk' AND day = current_date AND at > now()
SELECT (p).b, tags[1], tags[1:2] FROM acc
INSERT INTO member (account, usr) VALUES (a, t)
INSERT INTO member (account, tenant) SELECT id, tenant FROM acc WHERE name = t
INSERT INTO acc (id, tenant) VALUES (a, a) ON CONFLICT (id) DO UPDATE SET name = excluded.name, n = acc.n + 1 WHERE acc.tenant = excluded.tenant
UPDATE acc SET name = t, n = n + 1 WHERE id = a
UPDATE acc SET name = m.usr FROM member m WHERE m.account = acc.id RETURNING acc.id
DELETE FROM member USING acc WHERE member.account = acc.id AND acc.name = t
DELETE FROM member WHERE account = a RETURNING *
MERGE INTO acc x USING member m ON x.id = m.account WHEN MATCHED AND x.flag THEN UPDATE SET name = m.role WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, tenant) VALUES (m.account, m.tenant)
SELECT at AT TIME ZONE 'UTC', extract(year FROM at), coalesce(name, t), position('a' IN name), substring(name FROM 1 FOR 2), trim(name) FROM acc
SELECT bool_or(flag), array_agg(id), string_agg(name, ','), count(DISTINCT tenant) FROM acc
SELECT rank() OVER (ORDER BY n) FROM acc
SELECT name COLLATE "C" < t, name = sys FROM acc
SELECT a = tenant, t = name, n = big, n = small, r = d FROM acc
SELECT set_config('app.tenant', a::text, true)
