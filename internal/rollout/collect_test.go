package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

const shopSQL = `
CREATE TABLE tenant (id uuid PRIMARY KEY);
CREATE TABLE orders (id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenant, total int);
ALTER TABLE tenant OWNER TO @owner; ALTER TABLE orders OWNER TO @owner;
GRANT SELECT ON tenant TO @app; GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO @app;
INSERT INTO tenant VALUES ('00000000-0000-4000-8000-000000000001');
CREATE SCHEMA ringfence; ALTER SCHEMA ringfence OWNER TO @owner; -- the operator applied something before
CREATE TABLE ringfence.apply_lease (name text PRIMARY KEY, fence bigint); ALTER TABLE ringfence.apply_lease OWNER TO @owner;`

// newTarget gives a database with a plan made for it, and a rollout whose only stage it is.
func newTarget(t *testing.T) (*Target, *ledger.Log, *pgtest.Database) {
	t.Helper()
	ctx := t.Context()
	db := pgtest.Server(t, 15).DB(t)
	app := db.Role(t, "app", "LOGIN")
	pgtest.LoadSQL(t, db, strings.NewReplacer("@owner", db.Role(t, "owner", ""), "@app", app).Replace(shopSQL))
	connect := func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, db.DSN(""), pg.Options{}) }
	conn, err := connect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(ctx)) })
	s, err := catalog.Read(ctx, conn, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	config := &tenancy.Config{TenantColumns: []string{"tenant_id"}, Context: "app.tenant_id", Roles: map[string][]string{"application": {app}}}
	m, err := tenancy.Infer(s, tenancy.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	p, err := harden.Plan(m, plan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := plan.Write(dir, p); err != nil {
		t.Fatal(err)
	}
	files, err := plan.Files(p)
	if err != nil {
		t.Fatal(err)
	}
	r := Rollout{Schema: Version, ID: "shop", Created: noon, Author: "axel", Plan: attest.DigestOf(files[plan.PlanFile]), Rollback: attest.DigestOf(files[plan.RollbackFile]),
		Approvers: attest.DigestOf(nil), Roles: DefaultRoles, Stages: []Stage{{Name: "production", SystemIdentifier: s.Server.SystemIdentifier, Database: s.Server.Database}}}
	l := startLog(t, conn, r)
	target := &Target{Rollout: &r, Stage: &r.Stages[0], Connect: connect, DSN: db.DSN(""), Config: config, Plan: p, PlanDir: dir, Now: time.Now,
		AppDial: func(ctx context.Context) (*pgx.Conn, error) { return pg.Connect(ctx, db.DSN(app), pg.Options{}) }}
	return target, l, db
}

// startLog keeps the log in a directory and in the database.
func startLog(t *testing.T, conn *pgx.Conn, r Rollout) *ledger.Log {
	t.Helper()
	inside := &ledger.Database{Conn: conn, Rollout: r.ID}
	for range 2 { // a second time changes nothing
		if err := inside.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l, err := ledger.Open(t.Context(), ledger.Directory(t.TempDir()), inside)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), noon, ledger.KindCreated, "", r); err != nil {
		t.Fatal(err)
	}
	return l
}

// inDatabase is the log that the database keeps, over a session of its own.
func inDatabase(t *testing.T, db *pgtest.Database) *ledger.Database {
	t.Helper()
	return &ledger.Database{Conn: db.Conn(t, pg.Superuser), Rollout: "shop"}
}

func outcomes(facts []Fact) map[string]string {
	out := map[string]string{}
	for _, f := range facts {
		out[f.Name] = f.Outcome.String()
	}
	return out
}

// TestCollect finds out every fact about a database that is as it should be, and sees each turn when the database does.
func TestCollect(t *testing.T) {
	target, l, db := newTarget(t)
	facts, err := target.Collect(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	got := outcomes(facts)
	for _, name := range []string{"rehearsal_apply", "rehearsal_rollback", "statements_traced", "lock_hold", "reversible_until", "index_planned", "server_clock", "isolation", "negative_control", "application_rights", "application_path",
		"drift", "identity", "transactions", "replicas", "load", "secrets", "documents"} {
		if got[name] != "pass" {
			t.Errorf("%s is %s: %s", name, got[name], sentence(facts, name))
		}
	}
	for _, name := range []string{"backup_age", "backup_restore", "earlier_verified", "earlier_soaked", "disk", "alert_rules", "alert_arrival"} {
		if got[name] != "unknown" {
			t.Errorf("%s is %s, and nothing was given to tell", name, got[name])
		}
	}
	again, err := ledger.Open(t.Context(), inDatabase(t, db))
	if err != nil || len(again.Entries()) != len(l.Entries()) {
		t.Errorf("the database's log has %d of %d entries: %v", len(again.Entries()), len(l.Entries()), err)
	}
	for name, turn := range map[string]func(){
		"drift": func() { db.Exec(t, "ALTER TABLE orders DISABLE TRIGGER ALL; ALTER TABLE orders ADD surprise int") },
		"secrets": func() {
			write(t, filepath.Join(target.PlanDir, "notes.txt"), "postgres://app:hunter22@db/app")
		},
		"documents": func() { write(t, filepath.Join(target.PlanDir, plan.RunbookFile), "another plan") },
		"identity":  func() { target.Stage.SystemIdentifier = "1" },
	} {
		turn()
		if facts, err := target.Collect(t.Context(), l, name); err != nil || outcomes(facts)[name] != "fail" {
			t.Errorf("%s is %s after it turned: %v", name, outcomes(facts)[name], err)
		}
	}
}

func sentence(facts []Fact, name string) string {
	i := slices.IndexFunc(facts, func(f Fact) bool { return f.Name == name })
	if i < 0 {
		return "it was not collected"
	}
	return facts[i].Why
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLogInTheDatabaseIsKept(t *testing.T) {
	_, l, db := newTarget(t)
	conn := db.Conn(t, pg.Superuser)
	for _, sql := range []string{"UPDATE ringfence.rollout_log SET body = '{}'", "DELETE FROM ringfence.rollout_log", "TRUNCATE ringfence.rollout_log"} {
		if _, err := conn.Exec(t.Context(), sql); pg.SQLState(err) != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
	digest, err := l.Keep(t.Context(), []byte("raw"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []ledger.Store{l.Store(), inDatabase(t, db)} {
		if raw, err := s.Evidence(t.Context(), digest); err != nil || string(raw) != "raw" {
			t.Errorf("%T: %q, %v", s, raw, err)
		}
	}
}

func TestHooks(t *testing.T) {
	h := Hooks{
		"well":  {Argv: []string{"sh", "-c", "echo postgres://app:hunter22@db/app; echo last"}},
		"fails": {Argv: []string{"sh", "-c", "exit 3"}},
		"hangs": {Argv: []string{"sleep", "60"}, Timeout: 50 * time.Millisecond},
		"gone":  {Argv: []string{"/no/such/program"}},
	}
	r := h.Run(t.Context(), "well")
	if r.Exit != 0 || r.Last() != "last" || strings.Contains(r.Output, "hunter22") || !strings.Contains(r.Output, "[redacted]") {
		t.Errorf("%+v", r)
	}
	if raw, _ := json.Marshal(r); strings.Contains(string(raw), "hunter22") {
		t.Errorf("the evidence holds the secret: %s", raw)
	}
	for name, exit := range map[string]int{"fails": 3, "hangs": -1, "gone": -1} {
		if r := h.Run(t.Context(), name); r.Exit != exit {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if h.Run(t.Context(), "none") != nil {
		t.Error("a hook that is not there ran")
	}
}

func TestAlertRules(t *testing.T) {
	names := slices.Clone(AlertNames)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var rules []map[string]string
		for _, n := range names {
			rules = append(rules, map[string]string{"name": n})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"groups": []any{map[string]any{"rules": rules}}}})
	}))
	defer server.Close()
	target := &Target{Prometheus: server.URL}
	if f := collectAlertRules(t.Context(), target); f.Outcome != Pass {
		t.Errorf("all loaded: %+v", f)
	}
	names = names[1:]
	if f := collectAlertRules(t.Context(), target); f.Outcome != Fail || !strings.Contains(f.Why, AlertNames[0]) {
		t.Errorf("one is missing: %+v", f)
	}
	server.Close()
	if f := collectAlertRules(t.Context(), target); f.Outcome != Unknown {
		t.Errorf("nobody answers: %+v", f)
	}
}

func TestSoaked(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(5*time.Hour + time.Duration(minutes)*time.Minute) }
	for name, c := range map[string]struct {
		samples []Sample
		want    time.Duration
	}{
		"watched":             {[]Sample{{At: at(0), Enough: true}, {At: at(60), Enough: true}, {At: at(120), Enough: true}}, 2 * time.Hour},
		"no samples":          {nil, 0},
		"too few calls":       {[]Sample{{At: at(0), Enough: true}, {At: at(60)}, {At: at(120), Enough: true}}, 0},
		"a hole in the watch": {[]Sample{{At: at(0), Enough: true}, {At: at(300), Enough: true}, {At: at(310), Enough: true}}, 10 * time.Minute},
		"a restart":           {[]Sample{{At: at(0), Enough: true}, {At: at(60), Enough: true}, {At: at(70), Enough: true, Restart: true}, {At: at(90), Enough: true}}, 20 * time.Minute},
		"before it began":     {[]Sample{{At: at(-360), Enough: true}, {At: at(-300), Enough: true}}, 0},
		"seldom at first":     {[]Sample{{At: at(-300), Enough: true}, {At: at(-280), Enough: true}, {At: at(-275), Enough: true}}, 5 * time.Minute},
	} {
		st := &StageState{Applied: noon, Samples: c.samples}
		if got := st.Soaked(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What stands in the plan's directory and is not of the plan is found: people copy commands from there.
func TestPlanDirectory(t *testing.T) {
	p := &plan.Plan{Schema: plan.SchemaVersion}
	for name, c := range map[string]struct {
		change func(dir string) error
		says   string
	}{
		"as it was written": {func(string) error { return nil }, "pass every document names this plan"},
		"with who loses what, and a migration tool's files": {func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, plan.ImpactFile), []byte("{}"), 0o644), os.Mkdir(filepath.Join(dir, "goose"), 0o755))
		}, "pass every document names this plan"},
		"another letter": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "fоrward.sql"), nil, 0o644) }, `fail in the plan's directory stands what is not of the plan: "f\u043erward.sql"`},
		"another case":   {func(dir string) error { return os.WriteFile(filepath.Join(dir, "Forward.sql"), nil, 0o644) }, `fail in the plan's directory stands what is not of the plan: "Forward.sql"`},
		"a link in place of a file": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, plan.ForwardFile), filepath.Join(dir, "..", "elsewhere.sql")), os.Symlink("../elsewhere.sql", filepath.Join(dir, plan.ForwardFile)))
		}, `fail in the plan's directory stands what is not of the plan: "forward.sql"`},
		"a directory": {func(dir string) error { return os.Mkdir(filepath.Join(dir, "more"), 0o755) }, `fail in the plan's directory stands what is not of the plan: "more"`},
		"edited SQL": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, plan.RollbackFile), []byte("DROP TABLE orders"), 0o644)
		}, "fail superseded, or not of plan"},
		"a lost file": {func(dir string) error { return os.Remove(filepath.Join(dir, plan.VerifyFile)) }, "fail superseded, or not of plan"},
		"a secret deep in": {func(dir string) error {
			return errors.Join(os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755), os.WriteFile(filepath.Join(dir, "a", "b", "c"), []byte("postgres://app:hunter22@db/app"), 0o644))
		}, "fail c line 1 holds a password in a connection string"},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := errors.Join(plan.Write(dir, p), c.change(dir)); err != nil {
			t.Fatal(err)
		}
		files, err := plan.Files(p)
		if err != nil {
			t.Fatal(err)
		}
		target := &Target{Plan: p, PlanDir: dir, Rollout: &Rollout{Plan: attest.DigestOf(files[plan.PlanFile])}}
		said := ""
		for _, f := range []Finding{collectDocuments(t.Context(), target), collectSecrets(t.Context(), target)} {
			said += f.Outcome.String() + " " + f.Why + "\n"
		}
		if !strings.Contains(said, c.says) {
			t.Errorf("%s: %s, want %s", name, said, c.says)
		}
	}
}

// The schedule of samples is the reference's: every 5 minutes in the first hour, every 15 until the fourth, hourly after.
func TestEvery(t *testing.T) {
	for since, want := range map[time.Duration]time.Duration{0: 5 * time.Minute, 59 * time.Minute: 5 * time.Minute, time.Hour: 15 * time.Minute,
		4*time.Hour - 1: 15 * time.Minute, 4 * time.Hour: time.Hour, 24 * time.Hour: time.Hour} {
		if got := Every(since); got != want {
			t.Errorf("after %s every %s, want %s", since, got, want)
		}
	}
}
