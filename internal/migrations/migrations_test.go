package migrations

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestSplit(t *testing.T) {
	script := `-- first; not a statement
\set ON_ERROR_STOP on
CREATE TABLE "a;b" (c text DEFAULT 'x;''y'); /* nested /* ; */ ; */
SELECT E'\';', $tag$ ; $x$ ; $tag$, $1;
CREATE FUNCTION f() RETURNS int
BEGIN ATOMIC
  SELECT CASE WHEN true THEN 1 ELSE 2 END;
  SELECT 2;
END;
CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);
COPY t (a) FROM stdin;
1;2
\.
;;
SELECT 3`
	got, left := split("f.sql", script, 1)
	var lines []int
	var firsts []string
	for _, s := range got {
		lines = append(lines, s.Line)
		firsts = append(firsts, strings.Fields(s.SQL)[1])
	}
	if diff := cmp.Diff([]int{3, 4, 5, 10, 15}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s\n%+v", diff, got)
	}
	if diff := cmp.Diff([]string{"TABLE", `E'\';',`, "FUNCTION", "RULE", "3"}, firsts); diff != "" {
		t.Errorf("statements (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Failure{{Place{"f.sql", 2}, "psql's own command is not run"}, {Place{"f.sql", 11}, "rows of COPY are not loaded"}}, left); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("SELECT $a$;$a$; COPY t FROM stdin;\n\\.\n/* /* ")
	f.Add("\u3000;\u0085SELECT 1\u00a0")
	f.Fuzz(func(t *testing.T, text string) {
		statements, _ := split("f", text, 1)
		lines := strings.Count(text, "\n") + 1
		for _, s := range statements {
			if s.SQL == "" || s.Line < 1 || s.Line > lines || !strings.Contains(text, s.SQL) {
				t.Fatalf("%q gives %+v", text, s)
			}
		}
	})
}

func TestFind(t *testing.T) {
	for name, c := range map[string]struct {
		files fstest.MapFS
		tool  string
		want  []string
	}{
		"plain, without what goes back": {files("2_b.sql", "", "10_c.sql", "", "1_a.sql", "", "1_a.down.sql", "", "rollback.sql", ""), "plain", []string{"1_a.sql", "2_b.sql", "10_c.sql"}},
		"golang-migrate":                {files("000002_b.up.sql", "", "000002_b.down.sql", "", "000001_a.up.sql", ""), "golang-migrate", []string{"000001_a.up.sql", "000002_b.up.sql"}},
		"flyway":                        {files("V1.10__c.sql", "", "V1.2__b.sql", "", "R__views.sql", "", "U1.2__b.sql", ""), "flyway", []string{"V1.2__b.sql", "V1.10__c.sql", "R__views.sql"}},
		"sqitch":                        {files("sqitch.plan", "%project=x\n\nb 2026-01-01T00:00:00Z x <x> # b\na 2026-01-01T00:00:00Z x <x> # a\n", "deploy/a.sql", "", "deploy/b.sql", "", "revert/a.sql", ""), "sqitch", []string{"deploy/b.sql", "deploy/a.sql"}},
		"prisma":                        {files("20260101000000_b/migration.sql", "", "20250101000000_a/migration.sql", ""), "prisma", []string{"20250101000000_a/migration.sql", "20260101000000_b/migration.sql"}},
	} {
		t.Run(name, func(t *testing.T) {
			tool, files, _, err := Find(c.files)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range files {
				got = append(got, f.Name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || tool != c.tool {
				t.Errorf("%s (-want +got):\n%s", tool, diff)
			}
		})
	}
	if _, _, _, err := Find(fstest.MapFS{}); err != ErrNone {
		t.Errorf("an empty directory: %v", err)
	}
	_, goose, _, err := Find(files("1_a.sql", "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose StatementEnd\n-- +goose Down\nSELECT 2;\n"))
	want := []File{{Name: "1_a.sql", Statements: []Statement{{Place{"1_a.sql", 3}, "SELECT 1"}}}}
	if diff := cmp.Diff(want, goose); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func files(namesAndTexts ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for i := 0; i < len(namesAndTexts); i += 2 {
		out[namesAndTexts[i]] = &fstest.MapFile{Data: []byte(namesAndTexts[i+1])}
	}
	return out
}

func TestExecute(t *testing.T) {
	ctx := context.Background()
	db := pgtest.Server(t, 0).DB(t)
	app := db.Role(t, "app", "")
	_, all, _, err := Find(files(
		"1_a.sql", `SET search_path = public;
CREATE ROLE `+app+`;
CREATE TABLE doc (id int PRIMARY KEY, tenant_id uuid);
CREATE TYPE mood AS ENUM ('a');
BEGIN;
ALTER TYPE mood ADD VALUE 'b';
SELECT 'b'::mood;
CREATE INDEX CONCURRENTLY i ON doc (tenant_id);
COMMIT;
SELECT nonsense;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY;`,
		"2_b.sql", `CREATE POLICY p ON doc USING (true);
DO $$ BEGIN EXECUTE 'GRANT SELECT ON doc TO `+app+`'; END $$;
ALTER TABLE doc ADD title text;
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE VIEW gone AS SELECT 1;
DROP VIEW gone;`))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pg.Connect(ctx, db.DSN(""), pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	run, err := Execute(ctx, conn, all, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Failure{{Place{"1_a.sql", 10}, `column "nonsense" does not exist (SQLSTATE 42703)`}}, run.Failed); diff != "" {
		t.Errorf("failed (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		kind, object, table string
		words               []string
		want                string
	}{
		{"relation", "public.doc", "public.doc", []string{"create"}, "1_a.sql:3"},
		{"row_security", "public.doc", "public.doc", []string{"row level security"}, "1_a.sql:11"},
		{"policy", "p on public.doc", "public.doc", nil, "2_b.sql:1"},
		{"grant", "public.doc", "public.doc", nil, "2_b.sql:2"},
		{"column", "title of public.doc", "public.doc", nil, "2_b.sql:3"},
		{"function", "public.f(integer)", "", nil, "2_b.sql:4"},
		{"index", "public.i", "public.doc", nil, "1_a.sql:8"},
		{"relation", "public.gone", "public.gone", nil, "2_b.sql:6"},
	} {
		if got, ok := run.Place(c.kind, c.object, c.table, c.words...); !ok || got.String() != c.want {
			t.Errorf("%s %s: %v, %t; want %s", c.kind, c.object, got, ok, c.want)
		}
	}
	var left int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = 'ringfence_trace'").Scan(&left); err != nil || left != 0 {
		t.Errorf("the trace is still there: %d, %v", left, err)
	}
}
