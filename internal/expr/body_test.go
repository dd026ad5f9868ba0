package expr

import (
	"fmt"
	goparser "go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// fixture makes the objects of trees.sql that every version knows, and whatever else is given, and reads them.
func fixture(t testing.TB, more ...string) *Reader {
	t.Helper()
	sql, err := os.ReadFile("testdata/trees.sql")
	if err != nil {
		t.Fatal(err)
	}
	base, _, ok := strings.Cut(string(sql), "-- from 15")
	if !ok {
		t.Fatal("trees.sql has no section for 15")
	}
	db := pgtest.DB(t)
	pgtest.LoadSQL(t, db, base)
	for _, m := range more {
		db.Exec(t, m)
	}
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return NewReader(snap)
}

// TestStringBodies has the server and the analyzer resolve the same statements; they must agree.
func TestStringBodies(t *testing.T) {
	text, err := os.ReadFile("testdata/bodies.sql")
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			statements = append(statements, line)
		}
	}
	if len(statements) == 0 {
		t.Fatal("no statement to compare")
	}
	var make strings.Builder
	make.WriteString("SET search_path = s, pg_temp; CREATE SCHEMA one; CREATE SCHEMA two;\n")
	for i, s := range statements {
		s = strings.ReplaceAll(s, "b_x.", fmt.Sprintf("b_%d.", i))
		atomic := s
		if strings.HasPrefix(s, "MERGE") {
			atomic = "MERGE" + strings.TrimPrefix(s, "MERGE")
		}
		result := "void"
		if strings.Contains(s, "RETURNING") || strings.HasPrefix(s, "SELECT") || strings.HasPrefix(s, "WITH") {
			result = "void" // what is returned is not the matter here
		}
		fmt.Fprintf(&make, "CREATE FUNCTION one.b_%d(a uuid, t text, n int) RETURNS %s LANGUAGE sql BEGIN ATOMIC %s; END;\n", i, result, atomic)
		fmt.Fprintf(&make, "CREATE FUNCTION two.b_%d(a uuid, t text, n int) RETURNS %s LANGUAGE sql SET search_path = s, pg_temp AS $body$%s$body$;\n", i, result, s)
	}
	r := fixture(t, make.String())
	for i, s := range statements {
		args := "(uuid,text,integer)"
		stored, parsed := r.body(t, fmt.Sprintf("one.b_%d%s", i, args)), r.body(t, fmt.Sprintf("two.b_%d%s", i, args))
		if len(stored.Statements) != 1 || len(parsed.Statements) != 1 {
			t.Errorf("%s: %d and %d statements, %v", s, len(stored.Statements), len(parsed.Statements), parsed.Opaque)
			continue
		}
		want, got := r.QueryIdentity(stored.Statements[0]), r.QueryIdentity(parsed.Statements[0])
		if want != got || len(parsed.Opaque) > 0 {
			t.Errorf("%s\n opaque %q\n server %s\n ours   %s", s, parsed.Opaque, want, got)
		}
	}
}

// body reads a function's body by its identity.
func (r *Reader) body(t testing.TB, identity string) *Body {
	t.Helper()
	f := r.Snapshot().Function(identity)
	if f == nil {
		t.Fatalf("no function %s", identity)
	}
	b, err := r.Body(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A bodyFacts is what TestBodies compares of a body.
type bodyFacts struct {
	Reads, Calls, Dynamic, Opaque, Temp []string
	Statements                          int
	Mutable, Value, Rows                bool
}

// TestBodies reads bodies of every sort that can and cannot be read.
func TestBodies(t *testing.T) {
	r := fixture(t, `CREATE SCHEMA p;
CREATE TABLE p.log (id int, what text);
CREATE FUNCTION p.writes(x uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = p, s, pg_temp AS $$
DECLARE r record; n int := 0;
BEGIN
  INSERT INTO log (what) VALUES ('a');
  FOR r IN SELECT * FROM s.acc WHERE tenant = x LOOP
    UPDATE s.acc SET n = writes.n + 1 WHERE id = r.id;
  END LOOP;
  EXECUTE 'DELETE FROM ' || 'log' USING x;
  EXECUTE format('DELETE FROM %I', 'member');
  PERFORM set_config('app.tenant', x::text, true);
  RAISE NOTICE 'done %', (SELECT count(*) FROM s.member);
EXCEPTION WHEN OTHERS THEN
  DELETE FROM s.member WHERE usr = 'x';
END $$;
CREATE FUNCTION p.temp() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = p AS $$ SELECT count(*) FROM log $$;
CREATE FUNCTION p.free() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM p.log $$;
CREATE FUNCTION p.unqualified() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM log); END $$;
CREATE TABLE p.twin (id int);
CREATE TABLE s.twin (id int);
CREATE FUNCTION p.ambiguous() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM twin); END $$;
CREATE FUNCTION p.qualified() RETURNS SETOF p.log LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT * FROM p.log; RETURN; END $$;
CREATE FUNCTION p.dynrows() RETURNS SETOF p.log LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT * FROM p.log'; END $$;
CREATE FUNCTION p.two() RETURNS int LANGUAGE sql AS $$ INSERT INTO p.log (id) VALUES (1); SELECT 1 $$;
CREATE FUNCTION p.out(OUT o text) LANGUAGE plpgsql AS $$ BEGIN o := current_user; END $$;
CREATE FUNCTION p.trg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO p.log (id, what) VALUES (NEW.id, OLD.what); RETURN NEW; END $$;
CREATE TRIGGER trg AFTER UPDATE ON p.log FOR EACH ROW EXECUTE FUNCTION p.trg();
CREATE FUNCTION p.clash() RETURNS int LANGUAGE plpgsql AS $$ DECLARE id int; BEGIN RETURN (SELECT count(*) FROM p.log WHERE id = 3); END $$;
CREATE FUNCTION p.atomic() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM p.log; END;
CREATE FUNCTION p.opens(refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$ BEGIN OPEN $1 FOR SELECT * FROM p.log; RETURN $1; END; $$;
CREATE FUNCTION p.opens_named(c refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN OPEN c FOR SELECT * FROM p.log; RETURN c; END $$;
CREATE FUNCTION p.rowtype() RETURNS int LANGUAGE plpgsql AS $$ DECLARE r p.log%ROWTYPE; BEGIN SELECT * INTO r FROM p.log; r.id := 3; RETURN r.id; END $$;`)
	got := map[string]bodyFacts{}
	for i := range r.Snapshot().Functions {
		f := &r.Snapshot().Functions[i]
		if f.Schema != "p" {
			continue
		}
		b, err := r.Body(f)
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name] = bodyFacts{b.Reads(), b.Calls(), b.Dynamic, b.Opaque, b.TempShadowed, len(b.Statements), b.SearchPathMutable, b.Value != nil, b.Rows != nil}
	}
	log := []string{"p.log"}
	count := []string{}
	want := map[string]bodyFacts{
		"writes": {Reads: []string{"p.log", "s.acc", "s.member"}, Calls: []string{"pg_catalog.format(pg_catalog.text,pg_catalog.\"any\")", "pg_catalog.set_config(pg_catalog.text,pg_catalog.text,boolean)"},
			Dynamic: []string{"'DELETE FROM ' || 'log'", "format('DELETE FROM %I', 'member')"}, Statements: 8},
		"temp":        {Reads: log, Calls: count, Temp: []string{"log"}, Statements: 1, Value: true},
		"free":        {Reads: log, Calls: count, Statements: 1, Mutable: true, Value: true},
		"unqualified": {Reads: log, Calls: count, Temp: []string{"log"}, Statements: 1, Mutable: true, Value: true},
		"ambiguous":   {Reads: []string{}, Calls: count, Opaque: []string{`relation "twin" is not known`}, Temp: []string{"twin"}, Statements: 1, Mutable: true, Value: true},
		"qualified":   {Reads: log, Calls: count, Statements: 1, Mutable: true, Rows: true},
		"dynrows":     {Reads: log, Calls: count, Statements: 1, Mutable: true}, // EXECUTE of a constant is a statement like any other
		"two":         {Reads: log, Calls: count, Statements: 2, Mutable: true},
		"out":         {Reads: []string{}, Calls: count, Statements: 1, Mutable: true, Value: true},
		"trg":         {Reads: log, Calls: count, Statements: 1, Mutable: true},
		"clash":       {Reads: log, Calls: count, Opaque: []string{`"id" is a column and a variable`}, Statements: 1, Mutable: true, Value: true},
		"atomic":      {Reads: log, Calls: count, Statements: 1, Value: true},
		"opens":       {Reads: log, Calls: count, Statements: 1, Mutable: true, Value: true},
		"opens_named": {Reads: log, Calls: count, Statements: 1, Mutable: true, Value: true},
		"rowtype":     {Reads: log, Calls: count, Statements: 1, Mutable: true, Value: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
}

// TestImports keeps regular expressions out: what is judged here is read, never matched.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		f, err := goparser.ParseFile(token.NewFileSet(), name, nil, goparser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if i.Path.Value == `"regexp"` {
				t.Errorf("%s imports regexp", name)
			}
		}
	}
}

// TestInjected tells the texts into which somebody else's text gets from those that hold what is quoted, or cannot hurt.
func TestInjected(t *testing.T) {
	r := fixture(t, `CREATE SCHEMA p;
CREATE TYPE p.mood AS ENUM ('up', 'down');
CREATE FUNCTION p.whole(q text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE q; END $$;
CREATE FUNCTION p.built(q text) RETURNS void LANGUAGE plpgsql AS $$ DECLARE s text := 'SELECT '; BEGIN s := s || q; EXECUTE s; END $$;
CREATE FUNCTION p.pattern(q text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SELECT %I, %2$s', 'a', q); END $$;
CREATE FUNCTION p.setting() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT ''' || current_setting('app.x') || ''''; END $$;
CREATE FUNCTION p.xml(q text) RETURNS xml LANGUAGE sql AS $$ SELECT query_to_xml(lower(q), true, false, '') $$;
CREATE FUNCTION p.named(t regclass) RETURNS xml LANGUAGE sql AS $$ SELECT table_to_xml(t, true, false, '') $$;
CREATE FUNCTION p.quoted(q text) RETURNS void LANGUAGE plpgsql AS $$ DECLARE s text := 'SELECT '; BEGIN s := s || quote_literal(q); EXECUTE s; END $$;
CREATE FUNCTION p.verbs(q text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SELECT %I, %L, 5 %% 2', q, q); END $$;
CREATE FUNCTION p.number(n int, m p.mood, u uuid[]) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SELECT %s, %s, %s', n, m, u); END $$;
CREATE FUNCTION p.looped(q text) RETURNS text[] LANGUAGE plpgsql AS $$ DECLARE part record; kept text; gone text[] := '{}'; BEGIN
  FOR part IN SELECT relname FROM pg_class WHERE relname ~ q LOOP
    kept := 'old_' || substr(part.relname, 3);
    EXECUTE format('ALTER TABLE p.%I RENAME TO %I', part.relname, kept);
    gone := gone || part.relname::text;
  END LOOP; RETURN gone; END $$;
CREATE FUNCTION p.looped_plain(q text) RETURNS void LANGUAGE plpgsql AS $$ DECLARE part record; BEGIN
  FOR part IN SELECT relname FROM pg_class WHERE relname ~ q LOOP EXECUTE 'ALTER TABLE p.' || part.relname || ' RENAME TO x'; END LOOP; END $$;
CREATE FUNCTION p.passed(q text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT $1' USING q; END $$;
CREATE FUNCTION p.constant() RETURNS xml LANGUAGE sql AS $$ SELECT query_to_xml('SELECT id FROM s.acc', true, false, '') $$;`)
	got := map[string]int{}
	for i := range r.snap.Functions {
		f := &r.snap.Functions[i]
		if f.Schema != "p" {
			continue
		}
		b, err := r.Body(f)
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name] = len(b.Injected)
		if f.Name == "constant" && (len(b.Dynamic) > 0 || len(b.Statements) != 2) {
			t.Errorf("a constant text is no statement: %d statements, dynamic %q", len(b.Statements), b.Dynamic)
		}
	}
	want := map[string]int{"whole": 1, "built": 1, "pattern": 1, "setting": 1, "xml": 1, "named": 1, "quoted": 0, "verbs": 0, "number": 0, "looped": 0, "looped_plain": 1, "passed": 0, "constant": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("injected texts (-want +got):\n%s", diff)
	}
}
