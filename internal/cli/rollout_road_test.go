package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/rollout"
)

// A liveClock moves when it is told to wait, and has the application work meanwhile.
type liveClock struct {
	stillClock
	meanwhile func(now time.Time)
}

func (c *liveClock) Wait(ctx context.Context, d time.Duration) error {
	err := c.stillClock.Wait(ctx, d)
	if err == nil && c.meanwhile != nil {
		c.meanwhile(c.Now())
	}
	return err
}

// watchedServer is a server that counts statements and keeps a CSV log.
func watchedServer(t *testing.T) *pgtest.Database {
	t.Helper()
	db := watchedServerEmpty(t)
	db.Exec(t, "CREATE ROLE shop_app LOGIN; CREATE ROLE shop_owner")
	db.Adopt("shop_app")
	db.Adopt("shop_owner")
	pgtest.LoadSQL(t, db, strings.NewReplacer("@owner", "shop_owner", "@app", "shop_app").Replace(rolloutShopSQL))
	return db
}

// watchedServerEmpty is an empty database on a server of its own.
func watchedServerEmpty(t *testing.T) *pgtest.Database {
	t.Helper()
	server := pgtest.ServerWith(t, pg.EmbeddedOptions{InMemory: true, NoFsync: true, Config: map[string]string{"shared_preload_libraries": "pg_stat_statements",
		"logging_collector": "on", "log_destination": "csvlog", "max_connections": "50", "autovacuum": "off"}})
	db := server.DB(t)
	db.Exec(t, "CREATE EXTENSION pg_stat_statements")
	return db
}

// A shop is the application at work on one database.
type shopApp struct {
	dsn  string
	conn *pgx.Conn
	last int64 // rows of the last call
}

// work reads and writes as each of two tenants, n times. Errors are the application's own.
func (s *shopApp) work(ctx context.Context, n int) {
	for i := range n {
		if s.conn == nil || s.conn.IsClosed() {
			conn, err := pg.Connect(ctx, s.dsn, pg.Options{SimpleProtocol: true})
			if err != nil {
				return
			}
			s.conn = conn
		}
		tenant := fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", 1+i%2)
		_ = pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT set_config('app.tenant_id', $1, true)", tenant); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, "SELECT id, total FROM orders WHERE tenant_id = $1 ORDER BY created_at DESC LIMIT 5", tenant)
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, func(pgx.CollectableRow) (int, error) { return 0, nil })
			s.last = rows.CommandTag().RowsAffected()
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "UPDATE notes SET text = $2 WHERE tenant_id = $1", tenant, fmt.Sprint(i))
			return err
		})
	}
}

// post takes what is sent to a webhook.
type post struct {
	mu   sync.Mutex
	sent []map[string]any
}

func (p *post) serve(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var m map[string]any
		if json.Unmarshal(raw, &m) == nil {
			p.mu.Lock()
			p.sent = append(p.sent, m)
			p.mu.Unlock()
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func (p *post) about(word string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, m := range p.sent {
		if raw, _ := json.Marshal(m); strings.Contains(string(raw), word) {
			n++
		}
	}
	return n
}

// newRoad is a desk whose stages stand on two servers that count statements, with an application at work on each.
func newRoad(t *testing.T, soak time.Duration, held bool) (*desk, *liveClock, map[string]*shopApp, *post) {
	clock := &liveClock{stillClock: stillClock{now: time.Now().UTC().Truncate(time.Second)}}
	d := &desk{t: t, held: held, dir: t.TempDir(), env: map[string]string{"RINGFENCE_OPERATOR": "axel"}, clock: &clock.stillClock, time: clock, lines: map[string]string{}, app: "shop_app"}
	apps, mail := map[string]*shopApp{}, &post{}
	t.Chdir(d.dir)
	for stage, name := range map[string]string{"staging": "STAGING", "production": "PRODUCTION"} {
		db := watchedServer(t)
		d.env[name+"_DSN"], d.env[name+"_APP_DSN"] = db.DSN(""), db.DSN("shop_app")
		apps[stage] = &shopApp{dsn: db.DSN("shop_app")}
		write(t, stage+".dsn", db.DSN(""))
		if d.dbs = append(d.dbs, db); stage == "staging" {
			d.dbs = append(d.dbs[len(d.dbs)-1:], d.dbs[:len(d.dbs)-1]...)
		}
	}
	d.env["PAGER_URL"] = mail.serve(t)
	d.papers()
	d.definition(prometheus(t), `open_allowed: [public.orders]
watch: {calls: 4}
roster:
  roles:
    on_call: [{name: Otto, url_env: PAGER_URL}]
    database_administrator: [{name: Dora, url_env: PAGER_URL}]
    security: [{name: Sven, url_env: PAGER_URL}]
  ticket: [{name: tracker, url_env: PAGER_URL}]
`)
	text, err := os.ReadFile("rollout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	hooks := strings.NewReplacer("settle: 0s, window", "settle: 5m, window", "hooks:\n", "hooks:\n  revert: {argv: [touch, reverted]}\n")
	script := strings.Replace(hooks.Replace(string(text)), "soak: 24h", "soak: "+soak.String(), 1)
	for _, line := range strings.Split(script, "\n") {
		switch {
		case strings.HasPrefix(line, "  backup_age:"):
			script = strings.Replace(script, line, "  backup_age: {argv: [cat, backup]}", 1)
		case strings.HasPrefix(line, "  restore:"):
			script = strings.Replace(script, line, "  restore: {argv: [sh, -c, 'cat $RINGFENCE_STAGE.dsn']}", 1)
		}
	}
	write(t, "rollout.yaml", script)
	d.backup()
	return d, clock, apps, mail
}

// backup says that one has just ended.
func (d *desk) backup() {
	write(d.t, "backup", d.clock.Now().Add(-10*time.Minute).Format(time.RFC3339)+"\n")
}

// ready finds out and signs everything for a stage.
func (d *desk) ready(stage string, signers ...string) {
	d.t.Helper()
	roles := map[string]string{"tess": "technical_lead", "dora": "database_administrator", "sven": "security", "olga": "product_owner"}
	d.backup()
	d.must(0, "rollout", "rehearse", "--stage", stage, "-q", "-o", "facts")
	d.must(0, "rollout", "attest", "--stage", stage, "--fact", "on_call_answer", "--text", "answered", "--key", "olga", "-q")
	for _, who := range signers {
		d.must(0, "rollout", "sign", "--stage", stage, "--role", roles[who], "--key", who, "-q")
	}
}

// refusedFor runs a command that has to be refused for a reason.
func (d *desk) refusedFor(code int, why string, args ...string) {
	d.t.Helper()
	if _, errs := d.must(code, args...); !strings.Contains(errs, why) {
		d.t.Errorf("ringfence %s is refused, but not since %q:\n%s", strings.Join(args, " "), why, errs)
	}
}

// stageStatus reads how far a stage is.
func (d *desk) stageStatus(stage string) rollout.StageStatus {
	d.t.Helper()
	out, _ := d.must(0, "rollout", "status", "--format", "json", "-q")
	var s rollout.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		d.t.Fatal(err)
	}
	for _, st := range s.Stages {
		if st.Stage == stage {
			return st
		}
	}
	d.t.Fatalf("no stage %s", stage)
	return rollout.StageStatus{}
}

var four = []string{"tess", "dora", "sven", "olga"}

// TestRolloutRoad goes the whole road on two servers: plan, rehearse, sign, staging, a soak of a day, production, a fault, and back by
// itself; with each refusal on the way for its own reason.
func TestRolloutRoad(t *testing.T) { rolloutRoad(t, 20*time.Minute, false) }

func rolloutRoad(t *testing.T, soak time.Duration, held bool) {
	d, clock, apps, mail := newRoad(t, soak, held)
	ctx := t.Context()
	apps["staging"].work(ctx, 40)
	apps["production"].work(ctx, 40)
	d.must(0, "rollout", "new", "-q")

	d.ready("staging", "tess", "sven", "olga")
	d.refusedFor(4, "nobody signed for database_administrator", "rollout", "advance", "--stage", "staging")
	d.refusedFor(4, "made the change, and cannot approve it", "rollout", "sign", "--stage", "staging", "--role", "technical_lead", "--key", "axel")
	d.must(0, "rollout", "sign", "--stage", "staging", "--role", "database_administrator", "--key", "dora", "-q")
	d.edited()
	d.must(0, "rollout", "advance", "--stage", "staging", "-q")
	if s := d.stageStatus("staging"); s.State != "soaking" {
		t.Fatalf("staging is %s after it was applied", s.State)
	}

	// Nothing runs: the clock of the soak stands.
	d.must(0, "rollout", "watch", "--stage", "staging", "--for", "10m", "-q")
	if s := d.stageStatus("staging"); s.Soaked != "0s" || s.Samples < 3 {
		t.Errorf("without a call, %d samples soaked %s", s.Samples, s.Soaked)
	}
	d.unsoaked(clock)
	clock.meanwhile = func(time.Time) { apps["staging"].work(ctx, 4); d.backup() }
	d.must(0, "rollout", "watch", "--stage", "staging", "--for", "16m", "-q")
	if s := d.stageStatus("staging"); s.Soaked != "10m0s" {
		t.Fatalf("sixteen minutes with calls soaked %s: %s", s.Soaked, s.Why)
	}
	for what, anew := range map[string]func(){"the server": func() { d.crash(apps["staging"]) }, "its statistics": func() {
		pgtest.Query(t, d.dbs[0].Conn(t, pg.Superuser), "SELECT pg_stat_statements_reset()")
	}} {
		anew()
		d.must(0, "rollout", "watch", "--stage", "staging", "--for", "11m", "-q")
		d.unsoaked(clock)
		if s := d.stageStatus("staging"); s.Soaked != "10m0s" {
			t.Errorf("after %s began anew the soak stands at %s", what, s.Soaked)
		}
	}
	began := time.Now()
	d.must(0, "rollout", "watch", "--stage", "staging", "--for", (soak + soak/24 + 30*time.Minute).String(), "-q")
	t.Logf("%s of watch took %s", soak+soak/24+30*time.Minute, time.Since(began).Round(time.Millisecond))
	if s := d.stageStatus("staging"); s.State != "soaked" || len(s.Signals) > 0 {
		t.Fatalf("staging is %s at %s with %v", s.State, s.Soaked, s.Signals)
	}

	clock.meanwhile = func(time.Time) { apps["production"].work(ctx, 6); d.backup() }
	d.must(0, "rollout", "watch", "--stage", "production", "--before", "-q")
	clock.now = nightOf(clock.now).Add(4 * time.Hour)
	d.refusedFor(4, "the window of production is shut", "rollout", "advance", "--stage", "production", "-q")
	clock.now = nightOf(clock.now)
	d.ready("production", four...)
	was := clock.now
	clock.now = was.Add(24 * time.Hour)
	d.backup()
	d.refusedFor(6, "is stale", "rollout", "advance", "--stage", "production", "-q")
	clock.now = was.Add(time.Minute) // set back, what has expired would count again
	d.backup()
	d.refusedFor(4, "the clock was set back", "rollout", "advance", "--stage", "production", "-q")
	clock.now = was.Add(24 * time.Hour)
	d.ready("production")
	d.must(0, "rollout", "advance", "--stage", "production", "-q")
	if s := d.stageStatus("production"); s.State != "soaking" || s.Cohorts != 3 {
		t.Fatalf("production is %s with %d cohorts", s.State, s.Cohorts)
	}
	d.fault(clock, apps["production"], mail)

	d.must(0, "rollout", "verify", defaultRolloutDir, "--root", d.lines["root"], "-q", "-o", "decision")
	d.written()
	if files, err := os.ReadDir(defaultRolloutDir + "/log"); err != nil || len(files) < 100 {
		t.Errorf("the log has %d entries, %v", len(files), err)
	}
}

// written has the papers made from the evidence, and looks into each.
func (d *desk) written() {
	t := d.t
	t.Helper()
	d.must(0, "rollout", "papers", defaultRolloutDir, "-q")
	for file, want := range map[string][]string{
		"RUNBOOK.md":    {"## 1. Back up", "## 8. Rotate logs", "| public.orders |", "AccessExclusiveLock", "| insecure-disable |", "3 tables; by itself only where the definition names them: public.orders", "## Four troubles"},
		"INCIDENT.md":   {"## Contain", "| security | Sven |"},
		"SIGNOFF.md":    {"## production: GREEN", "### product owner", "Signed by dora", "said by the signature", "evidence "},
		"compliance.md": {"| SOC 2 CC8.1 |", "| PCI DSS 11 |", "1 of 2", "and counting", "Time to restore"},
		"REPORT.md":     {"## Windows of success", "stands open to every tenant", "canary_tenants: a tenant sees 0 of its", "| production | returned |"},
	} {
		text, err := os.ReadFile(defaultRolloutDir + "/papers/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s lacks %q:\n%s", file, w, text)
			}
		}
		if strings.Contains(string(text), "postgres://") || strings.Contains(string(text), d.env["PRODUCTION_DSN"]) {
			t.Errorf("%s holds a DSN", file)
		}
		if items := strings.Count(string(text), "said by the signature"); file == "SIGNOFF.md" && items != 10 {
			t.Errorf("%d items of two stages are said by signatures, want 10", items)
		}
	}
	d.refusedFor(4, "stand open", "rollout", "close")
}

// unsoaked sees production refused in its window, since staging was not watched for a day.
func (d *desk) unsoaked(clock *liveClock) {
	d.t.Helper()
	was := clock.now
	clock.now = nightOf(was)
	d.refusedFor(4, "soaked "+d.stageStatus("staging").Soaked+" of ", "rollout", "advance", "--stage", "production", "-q")
	clock.now = was
}

// nightOf is when the window of production is open next.
func nightOf(at time.Time) time.Time {
	night := time.Date(at.Year(), at.Month(), at.Day(), 3, 10, 0, 0, time.UTC)
	if night.Before(at) {
		night = night.AddDate(0, 0, 1)
	}
	return night
}

// edited changes the plan after it was signed, which is refused, and puts it back.
func (d *desk) edited() {
	d.t.Helper()
	text, err := os.ReadFile("out/plan.json")
	if err != nil {
		d.t.Fatal(err)
	}
	write(d.t, "out/plan.json", strings.Replace(string(text), "ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY", 1))
	d.refusedFor(4, "holds another plan than", "rollout", "advance", "--stage", "staging")
	write(d.t, "out/plan.json", string(text))
}

// crash has the server lose its counters, as a restart does.
func (d *desk) crash(app *shopApp) {
	d.t.Helper()
	conn := d.dbs[0].Conn(d.t, pg.Superuser)
	pid := pgtest.Value[int32](d.t, conn, "SELECT pg_backend_pid()")
	witness := d.dbs[0].Conn(d.t, pg.Superuser)
	if err := syscall.Kill(int(pid), syscall.SIGKILL); err != nil {
		d.t.Fatal(err)
	}
	for witness.Ping(d.t.Context()) == nil { // the server ends every session before it begins anew
	}
	for deadline := time.Now().Add(time.Minute); ; {
		again, err := pg.Connect(d.t.Context(), d.env["STAGING_DSN"], pg.Options{})
		if err == nil {
			err = again.Ping(d.t.Context())
			again.Close(d.t.Context())
		}
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("the server does not come back: %v", err)
		}
	}
	app.conn = nil
}

// fault drops an index and narrows a policy while the application works, and sees the stage come back by itself.
func (d *desk) fault(clock *liveClock, app *shopApp, mail *post) {
	t := d.t
	t.Helper()
	var injected time.Time
	minutes := 0
	clock.meanwhile = func(now time.Time) {
		defer app.work(t.Context(), 6)
		d.backup()
		if minutes++; minutes != 20 {
			return
		}
		injected = now
		conn, err := pgx.Connect(t.Context(), d.env["PRODUCTION_DSN"])
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(t.Context())
		var index, policy string
		if err := conn.QueryRow(t.Context(), "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'orders'::regclass AND NOT indisprimary").Scan(&index); err != nil {
			t.Error(err)
		}
		if err := conn.QueryRow(t.Context(), "SELECT quote_ident(polname) FROM pg_policy WHERE polrelid = 'orders'::regclass").Scan(&policy); err != nil {
			t.Error(err)
		}
		if _, err := conn.Exec(t.Context(), "DROP INDEX "+index+"; ALTER POLICY "+policy+" ON orders USING (total < 0)"); err != nil {
			t.Error(err)
		}
	}
	began := time.Now()
	d.must(4, "rollout", "watch", "--stage", "production", "-q")
	s := d.stageStatus("production")
	if s.State != "returned" || injected.IsZero() {
		t.Fatalf("production is %s: %+v", s.State, s.Signals)
	}
	seen := map[string]bool{}
	for _, signal := range s.Signals {
		seen[signal.Name] = true
		if late := signal.At.Sub(injected); late < 0 || late > 5*time.Minute {
			t.Errorf("%s was seen %s after the fault", signal.Name, late)
		}
	}
	if !seen["rows_collapse"] || !seen["canary_tenants"] || !seen["step_undone"] {
		t.Errorf("seen: %v", seen)
	}
	rungs := map[string]bool{}
	for _, r := range s.Returns {
		rungs[r.Rung] = true
		within(t, fmt.Sprintf("the return by %s of %d tables", r.Rung, len(r.Tables)), r.Took, 5*time.Minute, d.held)
	}
	t.Logf("the watch, with 20 minutes of load before the fault, took %s", time.Since(began).Round(time.Millisecond))
	if !rungs["code"] || !rungs["insecure-disable"] || strings.Join(s.Open, " ") != "public.orders" {
		t.Errorf("returned by %v, open: %v", rungs, s.Open)
	}
	if _, err := os.Stat("reverted"); err != nil {
		t.Error("the code did not go back")
	}
	app.work(t.Context(), 1)
	if app.last == 0 {
		t.Error("after the return the application still sees nothing")
	}
	if mail.about("rows_collapse") == 0 || mail.about("stand open to every tenant") == 0 {
		t.Errorf("nobody was called: %v", mail.sent)
	}
}
