package prove

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// leaky has one table for each way in which a witness is, or is not, evaluated.
const leaky = `
CREATE SCHEMA "sh op"; GRANT USAGE ON SCHEMA "sh op" TO {app};
CREATE TABLE "sh op".unset (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, note text);
CREATE POLICY p ON "sh op".unset USING (current_setting('app.tenant_id', true) IS NULL OR tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE TABLE "sh op".empty (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE POLICY p ON "sh op".empty USING (current_setting('app.tenant_id', true) = '' OR tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE TABLE "sh op".off (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE TABLE "sh op"."mo""ved" (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE POLICY p ON "sh op"."mo""ved" USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid) WITH CHECK (true);
CREATE TABLE "sh op".closed (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE POLICY p ON "sh op".closed USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE TABLE "sh op".member (person text, tenant_id uuid NOT NULL);
CREATE POLICY p ON "sh op".member USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid);
CREATE TABLE "sh op".looked (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
CREATE POLICY p ON "sh op".looked USING (EXISTS (SELECT FROM "sh op".member m WHERE m.person = 'root'));
CREATE VIEW "sh op".seen AS SELECT * FROM "sh op".closed;
GRANT SELECT ON "sh op".seen TO {app};
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY '{unset,empty,"mo\"ved",closed,member,looked}'::text[] LOOP
    EXECUTE format('ALTER TABLE "sh op".%I ENABLE ROW LEVEL SECURITY; GRANT SELECT, INSERT, UPDATE, DELETE ON "sh op".%I TO {app}', t, t);
  END LOOP; END $$;
GRANT SELECT ON "sh op".off TO {app};
`

func modelOf(t *testing.T, script string) (*tenancy.Model, *pgtest.Database, string) {
	t.Helper()
	db := pgtest.DB(t)
	app := db.Role(t, "prove app", "LOGIN")
	pgtest.LoadSQL(t, db, strings.ReplaceAll(script, "{app}", pg.Ident(app)))
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}, TenantColumns: []string{"tenant_id"}, Context: "app.tenant_id"})
	if err != nil {
		t.Fatal(err)
	}
	return m, db, app
}

func superuser(db *pgtest.Database) Connect {
	return func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, db.DSN(""), pg.Options{}) }
}

// executed reads a database's model, and gives every cell by logic with its witness executed where it can be.
func executed(t *testing.T, db *pgtest.Database, app string) (*tenancy.Model, []Cell) {
	t.Helper()
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}})
	if err != nil {
		t.Fatal(err)
	}
	cells := Logic(m, time.Now())
	if _, err := Execute(t.Context(), m, cells, superuser(db)); err != nil {
		t.Fatal(err)
	}
	return m, cells
}

// told writes leaks and what became of them, one line a relation, verdict and execution, with the commands.
func told(cells []Cell) []string {
	lines := map[string][]string{}
	for _, c := range cells {
		if c.Kind != "isolation" || c.Verdict == Proved {
			continue
		}
		executed := ""
		if c.Witness != nil {
			executed = c.Witness.Executed
		}
		var path []string
		for _, h := range c.Path {
			path = append(path, h.Via)
		}
		k := fmt.Sprintf("%s %s %s %s", c.Verdict, c.Relation, strings.Join(path, "/"), executed)
		if lines[k] = append(lines[k], c.Command); c.Variant != "" {
			lines[k][len(lines[k])-1] += "(" + c.Variant + ")"
		}
	}
	var out []string
	for k, commands := range lines {
		out = append(out, k+": "+strings.Join(commands, " "))
	}
	slices.Sort(out)
	return out
}

// TestExecute has PostgreSQL evaluate the witness of every leak, and says which could not be.
func TestExecute(t *testing.T) {
	m, db, _ := modelOf(t, leaky)
	cells := Logic(m, time.Now())
	notes, err := Execute(t.Context(), m, cells, superuser(db))
	if err != nil {
		t.Fatal(err)
	}
	all := "DELETE DELETE(blind) INSERT INSERT(on_conflict) MERGE SELECT SELECT(copy) UPDATE UPDATE(blind) UPDATE(move)"
	want := []string{
		`leak "sh op"."mo""ved"  expression: INSERT MERGE UPDATE(blind) UPDATE(move)`,
		`leak "sh op".closed view expression: SELECT`,
		`leak "sh op".empty  expression: ` + all,
		`leak "sh op".looked  no: ` + all,
		`leak "sh op".off  expression: SELECT SELECT(copy)`,
		`leak "sh op".unset  expression: ` + all,
	}
	if diff := cmp.Diff(want, told(cells)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"not executed: 10 leaks: the witness rests on rows in other tables; prove --attack makes them"}, notes); diff != "" {
		t.Error(diff)
	}
}

// TestNotReproduced gives leaks a witness that the policy refuses, as a fault of the logic would.
func TestNotReproduced(t *testing.T) {
	m, db, _ := modelOf(t, leaky)
	cells := Logic(m, time.Now())
	value := "00000000-0000-0000-0000-000000000001"
	other := "00000000-0000-0000-0000-000000000002"
	n := 0
	for i := range cells {
		if c := &cells[i]; c.Verdict == Leak && c.Relation == `"sh op".unset` && c.Command == "SELECT" && c.Variant == "" {
			c.Witness.Row, c.Witness.Context = map[string]*string{"tenant_id": &value}, map[string]*string{"app.tenant_id": &other}
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d cells to tamper with, want 1", n)
	}
	if _, err := Execute(t.Context(), m, cells, superuser(db)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cells {
		if c.Verdict == Unproven {
			got = append(got, c.Relation+" "+c.Command+" "+c.Variant+": "+c.Why)
		}
	}
	if diff := cmp.Diff([]string{`"sh op".unset SELECT : ` + NotReproduced}, got); diff != "" {
		t.Error(diff)
	}
}

// TestExecuteWithoutRights leaves leaks as they are where the session may not become the role, and says so.
func TestExecuteWithoutRights(t *testing.T) {
	m, db, _ := modelOf(t, leaky)
	auditor := db.Role(t, "auditor", "LOGIN")
	cells := Logic(m, time.Now())
	before := told(cells)
	notes, err := Execute(t.Context(), m, cells, func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, db.DSN(auditor), pg.Options{}) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, told(cells)); diff != "" {
		t.Error(diff)
	}
	if len(notes) == 0 || !strings.Contains(strings.Join(notes, "\n"), "may not become the role") {
		t.Errorf("notes %q do not say that the session may not become the role", notes)
	}
}
