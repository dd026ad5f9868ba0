CREATE EXTENSION citext;
CREATE EXTENSION ltree;
CREATE SCHEMA o;
GRANT USAGE ON SCHEMA o TO <app>;
CREATE DOMAIN o.word AS text CHECK (VALUE <> 'x');
CREATE COLLATION o.fold (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE o.members (who text NOT NULL, tenant_id text NOT NULL);
CREATE TABLE o.projects (id int PRIMARY KEY, tenant_id text NOT NULL);
GRANT SELECT ON o.members, o.projects TO <app>;
CREATE FUNCTION o.number_or(value text, otherwise text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN value::int::text;
EXCEPTION WHEN OTHERS THEN
  RETURN otherwise;
END $$;

-- Runs a predicate on every row of a table in each of some contexts, and returns where it is TRUE. Where the scan raises,
-- each row is tried alone: an error hides the rows of its own statement only.
CREATE FUNCTION o.run(rel text, predicate text, contexts jsonb) RETURNS TABLE (context int, id int) LANGUAGE plpgsql AS $$
DECLARE
  c jsonb;
  s record;
  r record;
BEGIN
  EXECUTE format('PREPARE scan AS SELECT t.id FROM %s t WHERE %s', rel, predicate);
  EXECUTE format('PREPARE one (int) AS SELECT t.id FROM (SELECT * FROM %s x WHERE x.id = $1 OFFSET 0) t WHERE %s', rel, predicate);
  FOR c IN SELECT * FROM jsonb_array_elements(contexts) LOOP
    FOR s IN SELECT * FROM jsonb_each_text(c -> 's') LOOP
      PERFORM set_config(s.key, s.value, false);
    END LOOP;
    BEGIN
      FOR r IN EXECUTE 'EXECUTE scan' LOOP
        context := (c ->> 'i')::int; id := r.id;
        RETURN NEXT;
      END LOOP;
    EXCEPTION WHEN OTHERS THEN
      FOR s IN EXECUTE format('SELECT x.id FROM %s x', rel) LOOP
        BEGIN
          FOR r IN EXECUTE format('EXECUTE one(%s)', s.id) LOOP
            context := (c ->> 'i')::int; id := r.id;
            RETURN NEXT;
          END LOOP;
        EXCEPTION WHEN OTHERS THEN
          NULL;
        END;
      END LOOP;
    END;
  END LOOP;
  DEALLOCATE scan;
  DEALLOCATE one;
END $$;

-- Evaluates a predicate on one row that is not stored; NULL and an error are alike.
CREATE FUNCTION o.witness(rel text, predicate text, row_text jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  out boolean;
BEGIN
  EXECUTE format('SELECT coalesce(%s, false) FROM jsonb_populate_record(NULL::%s, $1) t', predicate, rel) INTO out USING row_text;
  RETURN out;
EXCEPTION WHEN OTHERS THEN
  RAISE NOTICE '%', SQLERRM;
  RETURN false;
END $$;
