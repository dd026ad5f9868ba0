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
SELECT acc, acc.ctid, acc.tableoid FROM acc WHERE acc IS NOT NULL
INSERT INTO member (account, usr) VALUES (a, 'x'), (a, t)
INSERT INTO member VALUES (a, t, 'r', NULL)
INSERT INTO member (account) VALUES (DEFAULT)
INSERT INTO member DEFAULT VALUES
SELECT name::varchar(3), code::char(2), name::bpchar FROM acc
SELECT id FROM acc WHERE id = 'AAAAAAAA-bbbb-4ccc-8ddd-eeeeeeeeeeee' AND flag = 'yes' AND flag <> 'off' AND tags = '{}' AND nums = '{1,2}' AND n = '5'
SELECT j.tenant, j.usr FROM (acc JOIN member USING (tenant)) AS j WHERE j.role = t
SELECT tenant FROM acc FULL JOIN member USING (tenant) WHERE tenant = a
SELECT x.id FROM acc x RIGHT JOIN member m ON m.account = x.id CROSS JOIN acc z
SELECT id FROM acc WHERE id = ANY (SELECT account FROM member) AND n > ALL (SELECT 3) AND (id, tenant) IN (SELECT account, tenant FROM member)
SELECT id FROM acc WHERE tenant NOT IN (SELECT tenant FROM member WHERE usr = t)
SELECT id FROM acc WHERE n IN (1, big) OR n IN (1) OR name NOT IN ('a', 'b')
SELECT id FROM acc WHERE flag IS UNKNOWN OR (flag IS FALSE) IS NOT FALSE OR name = user OR name = current_catalog
SELECT id FROM acc EXCEPT (SELECT account FROM member INTERSECT SELECT id FROM acc)
SELECT current_timestamp, localtimestamp, current_time, localtime, current_role, current_schema
SELECT 1.5, 10000000000, -1.5, -n, +n, NULL, 'x', true, e'a\n', 1e3 FROM acc
SELECT ARRAY[1, 2, NULL], ARRAY[]::text[], ARRAY[t, 'x'], ARRAY[ARRAY[1], ARRAY[2]], ROW(1, t)
SELECT id FROM acc WHERE name IS DISTINCT FROM t OR n IS NOT DISTINCT FROM 3 OR NULLIF(n, 3) = 2
SELECT coalesce(n, 0), coalesce(big, n), coalesce(NULL, t), coalesce(name, 'x') FROM acc
SELECT v.x FROM (SELECT 1 AS x UNION SELECT n FROM acc) v
SELECT md5(name), encode(raw, 'hex'), to_jsonb(acc), row_to_json(acc), pg_has_role(t, 'x'), has_table_privilege('s.acc', 'SELECT') FROM acc
SELECT jsonb_build_object('a', n, 'b', name), jsonb_extract_path_text(doc, 'a', 'b'), doc ? 'x', doc || '{"b":2}', doc -> 0, jsonb_array_elements_text(doc) FROM acc
SELECT age(at), day + 1, date_trunc('day', at), now() - at, to_char(at, 'YYYY') FROM acc
SELECT string_to_array(name, ','), array_length(tags, 1), unnest(nums), tags || t, array_position(tags, t), cardinality(nums), array_append(nums, n) FROM acc
SELECT string_to_array(current_setting('app.tenants', true), ',')::uuid[]
SELECT a = ANY (string_to_array(current_setting('app.tenants', true), ',')::uuid[])
SELECT e.k, e.v FROM acc, jsonb_each_text(doc) AS e(k, v)
SELECT x.key FROM acc, jsonb_each(doc) x WHERE x.value = doc
SELECT r.a, r.b FROM jsonb_to_record('{}') AS r(a int, b text)
SELECT g.n, g.ordinality FROM generate_series(1, 3) WITH ORDINALITY g(n)
SELECT member.* FROM member, LATERAL (SELECT 1 AS one) x WHERE x.one = 1
SELECT DISTINCT tenant FROM acc ORDER BY tenant DESC LIMIT 1 OFFSET 2
SELECT DISTINCT ON (tenant) id FROM acc ORDER BY tenant, n
SELECT id FROM acc FOR UPDATE
SELECT sum(n) FILTER (WHERE flag), percentile_cont(0.5) WITHIN GROUP (ORDER BY n), avg(amount) FROM acc
SELECT row_number() OVER w, lag(n) OVER (PARTITION BY tenant ORDER BY id) FROM acc WINDOW w AS (ORDER BY name)
SELECT tenant, count(*) FROM acc GROUP BY 1
SELECT name AS x FROM acc GROUP BY x
UPDATE acc SET (name, n) = (t, 3) WHERE id = a
UPDATE acc SET name = DEFAULT WHERE id = a
UPDATE acc x SET name = (SELECT usr FROM member WHERE account = x.id) FROM member m JOIN acc y ON y.id = m.account WHERE m.account = x.id
WITH gone AS (DELETE FROM member WHERE usr = t RETURNING account) SELECT account FROM gone
WITH x AS (SELECT id FROM acc) INSERT INTO member (account) SELECT id FROM x
SELECT (SELECT (SELECT acc.tenant) FROM member WHERE member.account = acc.id) FROM acc
SELECT EXISTS (SELECT FROM member WHERE usr = session_user::text AND account IN (SELECT id FROM acc WHERE acc.n = member.role::int))
SELECT s.acc.id FROM s.acc
SELECT uuid(t), int4(n), text(sys) FROM acc
SELECT inet_client_addr(), pg_backend_pid(), txid_current(), gen_random_uuid(), version()
SELECT regexp_replace(name, 'a', 'b', 'g'), split_part(name, '@', 2), left(name, 2), concat(name, n, t), format('%s', n), starts_with(name, t) FROM acc
SELECT (at AT TIME ZONE 'UTC')::date = day, extract(epoch FROM at)::int, n::numeric / 3, n / 2.0, round(amount, 1), n::text || t FROM acc
SELECT name SIMILAR TO 'a%', name NOT LIKE 'x', name !~* 'y', name ~~ 'z', name LIKE 'a!%' ESCAPE '!' FROM acc
SELECT n BETWEEN SYMMETRIC 1 AND 5, (n, big) < (1, 2), (n, name) <> (1, t) FROM acc
SELECT CASE WHEN flag THEN 1 ELSE 2.5 END, CASE t WHEN 'a' THEN NULL ELSE n END FROM acc
SELECT id FROM acc WHERE p = ROW(1, 'x')::s.pair
SELECT 's.acc'::regclass, 'x'::name, '2024-01-01'::date, '{1,2}'::int[], 'sad'::s.mood
SELECT nextval('s.seq'), currval('s.seq'::regclass)
