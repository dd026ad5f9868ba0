package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// guarded has a table that is proved, and open one that is not.
const guarded = `
CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO {app}, {owner};
CREATE TABLE shop.guarded (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, note text); ALTER TABLE shop.guarded OWNER TO {owner};
ALTER TABLE shop.guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE shop.guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON shop.guarded USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.guarded TO {app};
`

const open = `
CREATE TABLE shop.open (id uuid PRIMARY KEY, tenant_id uuid NOT NULL, note text); ALTER TABLE shop.open OWNER TO {owner};
GRANT SELECT, TRUNCATE ON shop.open TO {app};
`

type proving struct {
	t      *testing.T
	db     *pgtest.Database
	app    string
	attack func(context.Context, *tenancy.Model) (*attack.Result, error)
	stderr string
}

func proved(t *testing.T, schema string) *proving {
	t.Helper()
	db := pgtest.DB(t)
	p := &proving{t: t, db: db, app: db.Role(t, "app", "LOGIN")}
	pgtest.LoadSQL(t, db, strings.NewReplacer("{app}", pg.Ident(p.app), "{owner}", pg.Ident(db.Role(t, "owner", ""))).Replace(schema))
	t.Chdir(t.TempDir())
	return p
}

// run is one command line after "prove DSN --app-role app --format json".
func (p *proving) run(args ...string) (int, *report.Prove) {
	p.t.Helper()
	var out, complaints bytes.Buffer
	all := append([]string{"prove", p.db.DSN(""), "--app-role", p.app, "--format", "json", "--quiet"}, args...)
	code := Do(all, World{Stdout: &out, Stderr: &complaints, Env: func(string) (string, bool) { return "", false }, attack: p.attack})
	p.stderr = complaints.String()
	if out.Len() == 0 {
		return code, nil
	}
	doc := &report.Prove{}
	if err := json.Unmarshal(out.Bytes(), doc); err != nil {
		p.t.Fatal(err)
	}
	return code, doc
}

func (p *proving) want(code int, args ...string) *report.Prove {
	p.t.Helper()
	got, doc := p.run(args...)
	if got != code {
		p.t.Errorf("prove %q exits %d, want %d: %s", args, got, code, p.stderr)
	}
	return doc
}

// of tells a table's cells in one command: verdicts and how they were executed.
func of(d *report.Prove, table, command string) []string {
	var out []string
	for _, c := range d.Cells {
		if c.Relation == table && c.Command == command && c.Kind == "isolation" {
			executed := ""
			if c.Witness != nil {
				executed = " " + c.Witness.Executed
			}
			out = append(out, string(c.Verdict)+executed)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestProveExits(t *testing.T) {
	p := proved(t, guarded)
	p.want(exitClean)
	p.want(exitClean, "--require", "proved")
	p.want(exitUsage, "--require", "everything")
	p.want(exitUsage, "--table", "shop.guarde", "--attack")
	p.want(exitUsage, "--clone", "--yes-on", "here/there")
	pgtest.LoadSQL(t, p.db, strings.NewReplacer("{app}", pg.Ident(p.app), "{owner}", "postgres").Replace(open))
	d := p.want(exitFound)
	if diff := cmp.Diff([]string{"leak expression"}, of(d, "shop.open", "SELECT")); diff != "" {
		t.Error(diff)
	}
	p.want(exitClean, "--require", "none")
}

// TestProveAccepts counts cells that were opened on purpose, keeps their verdict, and asks for none of them.
func TestProveAccepts(t *testing.T) {
	p := proved(t, guarded+open)
	entry := func(until string) {
		yaml := "accept:\n  - id: cell\n    object: shop.open\n    reason: read by all\n    by: someone@example.com\n    until: " + until + "\n"
		if err := os.WriteFile("ringfence.yaml", []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entry("2999-01-01")
	d := p.want(exitClean)
	if d.Summary.Accepted == 0 || d.Summary.Accepted != d.Summary.Isolation.Leak {
		t.Errorf("%d accepted of %d leaks", d.Summary.Accepted, d.Summary.Isolation.Leak)
	}
	p.attack = leaks("shop.open", "SELECT")
	p.want(exitClean, "--attack")
	entry("2001-01-01")
	if _, d := p.run(); d == nil || d.Summary.Accepted != 0 {
		t.Error("an acceptance that has expired still counts")
	}
}

// leaks is an attack whose one probe reached a row, whatever the database says.
func leaks(table, command string) func(context.Context, *tenancy.Model) (*attack.Result, error) {
	return func(_ context.Context, m *tenancy.Model) (*attack.Result, error) {
		e := attack.Entry{Role: m.Applications()[0], Table: table, Command: command, Kind: "isolation", Probe: "read", Outcome: attack.Leaked, Statement: "SELECT 1"}
		return &attack.Result{Entries: []attack.Entry{e}}, nil
	}
}

// TestProveContradicted ends with 8 and a file where a probe breaks what logic proved.
func TestProveContradicted(t *testing.T) {
	p := proved(t, guarded)
	p.attack = leaks("shop.guarded", "SELECT")
	d := p.want(exitContradicted, "--attack")
	if diff := cmp.Diff([]string{"leak rows", "proved"}, of(d, "shop.guarded", "SELECT")); diff != "" {
		t.Error(diff)
	}
	files, err := filepath.Glob("ringfence-contradiction-*.json")
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files of material, want 1", len(files))
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var material []prove.Contradiction
	if err := json.Unmarshal(raw, &material); err != nil || len(material) != 1 || material[0].Cell.Relation != "shop.guarded" || material[0].Probe.Probe != "read" {
		t.Errorf("the material is %s", raw)
	}
	if !strings.Contains(p.stderr, filepath.Base(files[0])) {
		t.Errorf("stderr does not name the file: %s", p.stderr)
	}
}

// TestProveGuard writes only where the target was named to the letter, and says what stays.
func TestProveGuard(t *testing.T) {
	p := proved(t, guarded)
	host := p.db.Server.SocketDir()
	p.want(exitRefused, "--attack", "--yes-on", host+"/elsewhere")
	before := p.db.Query(t, "SELECT count(*) FROM shop.guarded")
	_, d := p.run("--attack")
	if !slices.ContainsFunc(d.Notes, func(n string) bool { return strings.Contains(n, "--yes-on "+host+"/"+p.db.Name) }) {
		t.Errorf("the notes %q do not say how to let probes write", d.Notes)
	}
	d = p.want(exitClean, "--attack", "--yes-on", host+"/"+p.db.Name)
	if !slices.ContainsFunc(d.Notes, func(n string) bool { return strings.Contains(n, "dead rows") }) {
		t.Errorf("the notes %q do not say what traces stay", d.Notes)
	}
	if diff := cmp.Diff(before, p.db.Query(t, "SELECT count(*) FROM shop.guarded")); diff != "" {
		t.Error(diff)
	}
}

// TestProveOwnLogIn attacks through the application's own log-in too: all holds where policies are right, and a forged row is
// found by that way as well.
func TestProveOwnLogIn(t *testing.T) {
	const rows = "INSERT INTO shop.guarded SELECT gen_random_uuid(), gen_random_uuid() FROM generate_series(1, 2);\n"
	p := proved(t, guarded+rows)
	yes := p.db.Server.SocketDir() + "/" + p.db.Name
	told := func(d *report.Prove, part string) bool {
		return slices.ContainsFunc(d.Notes, func(n string) bool { return strings.Contains(n, part) })
	}
	d := p.want(exitClean, "--attack", "--yes-on", yes, "--app-dsn", p.db.DSN(p.app))
	if !told(d, "app_dsn: ") || !told(d, " 0 leaked, 0 inconclusive") || told(d, "(--app-dsn)") || !told(d, "(--pooler-dsn)") {
		t.Errorf("notes of an attack that held: %q", d.Notes)
	}
	p.db.Exec(t, "CREATE POLICY forge ON shop.guarded FOR INSERT WITH CHECK (true)")
	d = p.want(exitFound, "--attack", "--yes-on", yes, "--app-dsn", p.db.DSN(p.app))
	found := slices.ContainsFunc(d.Cells, func(c prove.Cell) bool {
		return c.Command == "INSERT" && slices.ContainsFunc(c.Probes, func(x prove.Probe) bool { return x.Name == "app_dsn_insert_forged" && x.Outcome == "leaked" })
	})
	if !found {
		t.Errorf("no INSERT cell tells of the log-in's own forged row; notes %q", d.Notes)
	}
}

// TestProveClone attacks a copy: what only TRUNCATE shows is executed there, and the source is not written to.
func TestProveClone(t *testing.T) {
	p := proved(t, guarded+open)
	d := p.want(exitFound, "--clone")
	got := map[string][]string{"SELECT": of(d, "shop.open", "SELECT"), "TRUNCATE": of(d, "shop.open", "TRUNCATE"), "guarded": of(d, "shop.guarded", "INSERT")}
	want := map[string][]string{"SELECT": {"leak rows"}, "TRUNCATE": {"leak rows"}, "guarded": {"proved"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
