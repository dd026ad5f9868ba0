package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// scriptWorld is a small database with what a script may stumble over: hostile names, rows to fill, a build that cannot stand in a
// transaction, and a role.
const scriptWorld = `
CREATE ROLE "the app"; CREATE ROLE backup BYPASSRLS;
CREATE SCHEMA "Sch""ema :x \ %s";
SET search_path = "Sch""ema :x \ %s";
CREATE TABLE orders (id uuid PRIMARY KEY, tenant_id uuid, created_at timestamptz DEFAULT now());
CREATE TABLE "it's; -- a :'table'
\! \q $$ \." (id uuid PRIMARY KEY, tenant_id uuid, "order" uuid REFERENCES orders, created_at timestamptz DEFAULT now());
CREATE TABLE lines (id int PRIMARY KEY, order_id uuid NOT NULL REFERENCES orders, updated_at timestamptz);
INSERT INTO orders SELECT gen_random_uuid(), gen_random_uuid() FROM generate_series(1, 3);
INSERT INTO lines SELECT row_number() OVER (), id FROM orders;
CREATE TABLE events (id int, tenant_id uuid NOT NULL, created_at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_2 PARTITION OF events DEFAULT;
GRANT ALL ON orders TO "the app";
GRANT USAGE ON SCHEMA "Sch""ema :x \ %s" TO "the app";
RESET search_path;`

const scriptConfig = `tenant_columns: [tenant_id]
context: app.tenant
roles: {application: ["the app"], service: [backup]}
tables:
  '"Sch""ema :x \ %s".lines': {class: child, parent: 'order_id -> "Sch""ema :x \ %s".orders(id)', add_key: tenant_id}
updated_at: {backfill: created_at, tables: ["*"]}
`

// TestScripts runs the three scripts with plain psql: forward, forward again, verify, rollback without and with the dangers
// allowed, and wants the catalogue from before.
func TestScripts(t *testing.T) {
	w := newWorld(t, pgtest.Server(t, 15), scriptWorld, scriptConfig)
	before := catalogue(t, w.Database)
	p := w.plan(t, Input{})
	dir := t.TempDir()
	if err := Write(dir, p); err != nil {
		t.Fatal(err)
	}
	script := func(name string) string { return filepath.Join(dir, name) }
	if out, err := pgtest.RunPSQL(t, w.Database, script(VerifyFile)); err == nil {
		t.Errorf("verify.sql is content before anything was done:\n%s", out)
	}
	pgtest.PSQL(t, w.Database, script(ForwardFile))
	after := catalogue(t, w.Database)
	pgtest.PSQL(t, w.Database, script(ForwardFile))
	if diff := cmp.Diff(after, catalogue(t, w.Database)); diff != "" {
		t.Errorf("run again, forward.sql changed the catalogue:\n%s", diff)
	}
	pgtest.PSQL(t, w.Database, script(VerifyFile))
	checkBehaviour(t, w)
	if again := w.plan(t, Input{}); len(again.Steps) > 0 {
		t.Errorf("planning again is not empty:\n%s", summary(again))
	}
	pgtest.PSQL(t, w.Database, script(RollbackFile))
	if columns := w.Query(t, "SELECT 1 FROM pg_attribute WHERE attname = 'updated_at' AND NOT attisdropped AND attnum > 0 AND attrelid > 16384"); len(columns) < 3 {
		t.Error("rollback.sql dropped columns that nobody allowed it to")
	}
	pgtest.PSQL(t, w.Database, script(RollbackFile), "-v", "drops_values=1", "-v", "locks_partitions=1")
	w.Exec(t, "DROP SCHEMA ringfence")
	if diff := cmp.Diff(before, catalogue(t, w.Database)); diff != "" {
		t.Errorf("after rollback.sql the catalogue is not as before (-before +after):\n%s", diff)
	}
}

// checkBehaviour asks whether what was made does what it is for: the key is filled, the trigger fires, the policy lets a tenant's own
// rows through (the control) and no others.
func checkBehaviour(t *testing.T, w *world) {
	t.Helper()
	const schema = `"Sch""ema :x \ %s"`
	w.Exec(t, "INSERT INTO "+schema+".lines (id, order_id) SELECT 100, id FROM "+schema+".orders LIMIT 1")
	filled := w.Query(t, "SELECT l.tenant_id = o.tenant_id FROM "+schema+".lines l JOIN "+schema+".orders o ON o.id = l.order_id WHERE l.id = 100")
	if diff := cmp.Diff([][]string{{"t"}}, filled); diff != "" {
		t.Errorf("a line without a key (-want +got):\n%s", diff)
	}
	w.Exec(t, "UPDATE "+schema+".orders SET updated_at = '2000-01-01' WHERE id = (SELECT id FROM "+schema+".orders LIMIT 1)")
	if fired := w.Query(t, "SELECT count(*) FROM "+schema+".orders WHERE updated_at > now() - interval '1 minute' AND updated_at > created_at"); fired[0][0] != "1" {
		t.Errorf("the trigger has set updated_at on %s rows, not 1", fired[0][0])
	}
	tenant := w.Query(t, "SELECT tenant_id FROM "+schema+".orders LIMIT 1")[0][0]
	for context, want := range map[string]string{tenant: "1", "": "0", "00000000-0000-0000-0000-000000000000": "0"} {
		w.Exec(t, "BEGIN")
		w.Exec(t, `SET LOCAL ROLE "the app"`)
		if unset := w.Query(t, "SELECT count(*) FROM "+schema+".orders"); unset[0][0] != "0" {
			t.Errorf("without a context %s rows are seen", unset[0][0])
		}
		w.Exec(t, "SELECT set_config('app.tenant', $1, true)", context)
		if got := w.Query(t, "SELECT count(*) FROM "+schema+".orders"); got[0][0] != want {
			t.Errorf("in the context %q %s rows are seen, not %s", context, got[0][0], want)
		}
		w.Exec(t, "ROLLBACK")
	}
}

// TestRead gives what was written and refuses everything else.
func TestRead(t *testing.T) {
	w := newWorld(t, pgtest.Server(t, 15), scriptWorld, scriptConfig)
	p := w.plan(t, Input{})
	dir := t.TempDir()
	if err := Write(dir, p); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Steps, got.Steps); diff != "" {
		t.Errorf("read differs from written (-written +read):\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(dir, PlanFile))
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	first := p.Steps[0]
	for name, bad := range map[string]string{
		"not UTF-8":          good + "\xff",
		"something after it": good + "{}",
		"unknown field":      strings.Replace(good, `"schema"`, `"extra": 1, "schema"`, 1),
		"doubled key":        strings.Replace(good, `"steps"`, `"steps": [], "steps"`, 1),
		"other letters":      strings.Replace(good, `"steps"`, `"Steps"`, 1),
		"other schema":       strings.Replace(good, SchemaVersion, "ringfence/plan/v2", 1),
		"changed statement":  strings.Replace(good, "CREATE INDEX CONCURRENTLY", "DROP TABLE x; CREATE INDEX CONCURRENTLY", 1),
		"changed id":         strings.ReplaceAll(good, first.ID, first.Kind+"-000000000000"),
		"changed print":      strings.Replace(good, p.Fingerprint, strings.Repeat("0", 64), 1),
		"unknown kind":       strings.ReplaceAll(good, `"force_rls"`, `"force_all"`),
		"empty":              "",
		"null":               "null",
		"deep":               strings.Repeat("[", 100000),
	} {
		if bad == good {
			t.Fatalf("%s: the replacement found nothing", name)
		}
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, ForwardFile), []byte("DROP DATABASE x;"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir); err == nil {
		t.Error("a forward.sql that is not the plan's was accepted")
	}
}

// TestCheckRefuses breaks one rule of order at a time in a good plan.
func TestCheckRefuses(t *testing.T) {
	w := newWorld(t, pgtest.Server(t, 15), scriptWorld+`
		ALTER TABLE "Sch""ema :x \ %s".orders ENABLE ROW LEVEL SECURITY;
		CREATE POLICY open ON "Sch""ema :x \ %s".orders USING (true);`, scriptConfig)
	in := Input{Options: Options{Allow: []string{"drop_policy"}}}
	good := w.plan(t, in)
	if err := Check(good, Allowed{Dangers: []string{"drop_policy", "application_role"}}); err != nil {
		t.Fatalf("the control: %v", err)
	}
	if err := Check(good, Allowed{}); err == nil {
		t.Error("a danger that nobody allowed went through")
	}
	at := func(kind string) int {
		for i, s := range good.Steps {
			if s.Kind == kind {
				return i
			}
		}
		t.Fatalf("the plan has no %s", kind)
		return 0
	}
	swap := func(a, b int) func(*Plan) {
		return func(p *Plan) { p.Steps[a], p.Steps[b] = p.Steps[b], p.Steps[a] }
	}
	for name, spoil := range map[string]func(*Plan){
		"index after columns":      swap(at("tenant_index"), at("tenant_column")),
		"force before enable":      swap(at("force_rls"), at("enable_rls")),
		"policy after enable":      swap(at("create_policy"), at("create_policy")+1),
		"group torn":               swap(at("create_policy"), len(good.Steps)-1),
		"index in a transaction":   func(p *Plan) { edit(p, at("tenant_index"), func(s *Step) { s.Transaction = "own" }) },
		"column outside of one":    func(p *Plan) { edit(p, at("tenant_column"), func(s *Step) { s.Transaction = "none" }) },
		"enable alone":             func(p *Plan) { edit(p, at("enable_rls"), func(s *Step) { s.Transaction = "own" }) },
		"danger hidden":            func(p *Plan) { edit(p, at("drop_policy"), func(s *Step) { s.Danger = nil }) },
		"lock hidden":              func(p *Plan) { edit(p, at("force_rls"), func(s *Step) { s.Lock = NoLock }) },
		"no undo, no reason":       func(p *Plan) { edit(p, at("force_rls"), func(s *Step) { s.Undo = nil }) },
		"nothing done":             func(p *Plan) { edit(p, at("force_rls"), func(s *Step) { s.Do = nil }) },
		"no Done":                  func(p *Plan) { edit(p, at("force_rls"), func(s *Step) { s.Done = "" }) },
		"twice":                    func(p *Plan) { p.Steps = append(p.Steps, p.Steps[len(p.Steps)-1]) },
		"content without its id":   func(p *Plan) { p.Steps[0].Do = []string{"SELECT 1"} },
		"a wave of another kind's": func(p *Plan) { edit(p, at("force_rls"), func(s *Step) { s.Wave = 8 }) },
	} {
		spoiled := *good
		spoiled.Steps = append([]Step{}, good.Steps...)
		spoil(&spoiled)
		if err := Check(&spoiled, Allowed{Any: AnyDanger}); err == nil {
			t.Errorf("%s: went through", name)
		}
	}
}

// edit changes a step and gives it the id of its new content, so that only the rule in question is broken.
func edit(p *Plan, i int, change func(*Step)) {
	change(&p.Steps[i])
	p.Steps[i].ID = p.Steps[i].hash()
}
