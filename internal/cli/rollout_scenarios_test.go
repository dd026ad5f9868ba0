package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// guarded is a policy that notes has before the plan: it keeps tenants apart, and reads the setting for every row.
const guardedSQL = `ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY notes_guard ON notes USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid);`

// newScene is one stage, production, with everything signed. edits change rollout.yaml before.
func newScene(t *testing.T, held bool, edits ...func(string) string) *desk {
	d := &desk{t: t, held: held, dir: t.TempDir(), env: map[string]string{"RINGFENCE_OPERATOR": "axel"}, clock: &stillClock{now: time.Now().UTC().Truncate(time.Second)}, lines: map[string]string{}, app: "shop_app"}
	t.Chdir(d.dir)
	db := watchedServer(t)
	pgtest.LoadSQL(t, db, guardedSQL)
	d.dbs = []*pgtest.Database{db}
	d.env["STAGING_DSN"], d.env["PRODUCTION_DSN"], d.env["PRODUCTION_APP_DSN"] = db.DSN(""), db.DSN(""), db.DSN("shop_app")
	d.papers()
	write(t, "p95", "0.100\n")
	definition := fmt.Sprintf(`author: axel@example.com
plan: out
config: ringfence.yaml
approvers: approvers.yaml
root: %s
prometheus: %s
stages: [{name: production, dsn_env: PRODUCTION_DSN, app_dsn_env: PRODUCTION_APP_DSN, soak: 24h, settle: 0s}]
hooks:
  backup_age: {argv: [cat, backup]}
  restore: {argv: [echo, %q]}
  disk: {argv: [echo, "1000000000000"]}
  alert: {argv: ["true"]}
  deploy: {argv: [touch, deployed]}
  health: {argv: [test, -e, healthy]}
  revert: {argv: [touch, reverted]}
  p95: {argv: [cat, p95]}
watch: {calls: 4}
`, d.lines["root"], prometheus(t), db.DSN(""))
	for _, edit := range edits {
		definition = edit(definition)
	}
	write(t, "rollout.yaml", definition)
	(&shopApp{dsn: db.DSN("shop_app")}).work(t.Context(), 30)
	d.backup()
	d.must(0, "rollout", "new", "-q")
	d.ready("production", four...)
	return d
}

// protection is what keeps tenants apart: flags and policies.
func (d *desk) protection() []string {
	var out []string
	for _, row := range pgtest.Query(d.t, d.dbs[0].Super, `SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, coalesce((SELECT string_agg(polname || ' ' || pg_get_expr(polqual, polrelid), '; ' ORDER BY polname) FROM pg_policy WHERE polrelid = c.oid), '')
		FROM pg_class c WHERE c.relname IN ('orders', 'notes', 'tenant') AND c.relkind = 'r' ORDER BY 1`) {
		out = append(out, strings.Join(row, " "))
	}
	return out
}

// exists reports whether a hook left its mark, and takes it away.
func exists(file string) bool {
	err := os.Remove(file)
	return err == nil
}

// timed runs a command that has to end with the code, and tells how long it took of the time that the reference allows.
func (d *desk) timed(limit time.Duration, code int, args ...string) string {
	d.t.Helper()
	began := time.Now()
	_, errs := d.must(code, args...)
	within(d.t, "ringfence "+strings.Join(args[:2], " "), time.Since(began), limit, d.held)
	return errs
}

// within tells how long something took of the time that the reference allows, and where it is held to it fails beyond.
func within(t *testing.T, what string, took, limit time.Duration, held bool) {
	t.Helper()
	t.Logf("%s: %s, of %s that are allowed", what, took.Round(time.Millisecond), limit)
	if held && took > limit {
		t.Errorf("%s took %s, and %s are allowed", what, took, limit)
	}
}

// TestRollbackScenarios is the reference's scenarios 1, 2 and 4 and the emergency return, each with the time it took. Scenario 3 is
// TestTrailDrains. TestSystemRollbackScenarios holds all of them to the times that the reference allows.
func TestRollbackScenarios(t *testing.T) { rollbackScenarios(t, false) }

func rollbackScenarios(t *testing.T, held bool) {
	d := newScene(t, held)
	before := d.protection()

	// 1: a step fails. Code is not deployed, and the protection is what it was.
	d.dbs[0].Exec(t, `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
		IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE '%public.orders') THEN RAISE EXCEPTION 'not today'; END IF; END $$;
		CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE POLICY') EXECUTE FUNCTION refuse()`)
	if errs := d.timed(time.Minute, 4, "rollout", "advance", "-q"); !strings.Contains(errs, "not today") {
		t.Errorf("the step fails for another reason: %s", errs)
	}
	if diff := cmp.Diff(before, d.protection()); diff != "" {
		t.Errorf("after a failed step (-want +got):\n%s", diff)
	}
	if exists("deployed") {
		t.Error("the code was deployed though a step failed")
	}
	d.dbs[0].Exec(t, "DROP EVENT TRIGGER refuse; DROP FUNCTION refuse()")

	// 2: the application does not start. The code goes back, the tables stay.
	d.timed(5*time.Minute, 4, "rollout", "advance", "-q")
	closed := d.protection()
	if !exists("deployed") || !exists("reverted") || cmp.Equal(before, closed) {
		t.Errorf("an application that does not start: %v", closed)
	}

	// 4: the 95th percentile is worse by more than a fifth. Code and policy form go back; nothing is opened.
	write(t, "healthy", "")
	d.ready("production", four...)
	d.must(0, "rollout", "advance", "-q")
	exists("deployed")
	write(t, "p95", "0.119\n")
	(&shopApp{dsn: d.env["PRODUCTION_APP_DSN"]}).work(t.Context(), 10)
	d.must(0, "rollout", "watch", "--once", "-q")
	if exists("reverted") {
		t.Error("a fifth less a little took the code back")
	}
	d.clock.now = d.clock.now.Add(5 * time.Minute)
	write(t, "p95", "0.121\n")
	if errs := d.timed(10*time.Minute, 4, "rollout", "watch", "--once", "-q"); !strings.Contains(errs, "p95") {
		t.Errorf("stopped for another reason: %s", errs)
	}
	if !exists("reverted") {
		t.Error("the code did not go back")
	}
	for i, row := range d.protection() {
		table, rest, _ := strings.Cut(row, " ")
		switch {
		case table == "notes" && (!strings.Contains(rest, "t ") || !strings.Contains(rest, "notes_guard") || strings.Contains(rest, "SELECT")):
			t.Errorf("the policy of notes did not get its form back: %s", rest)
		case table != "notes" && row != closed[i]:
			t.Errorf("%s is %s, and was %s", table, rest, closed[i])
		}
	}
	s := d.stageStatus("production")
	if len(s.Open) > 0 || len(s.Exposures) > 0 {
		t.Errorf("something was opened: %v", s.Open)
	}
	if n := pgtest.Value[int64](t, d.dbs[0].Conn(t, pg.Superuser), "SELECT count(*) FROM ringfence.rollout_log"); n == 0 {
		t.Error("the evidence is gone")
	}
	d.emergency()
}

// emergency opens by hand, without a signature, and is recorded.
func (d *desk) emergency() {
	d.must(2, "rollback", "out", d.env["PRODUCTION_DSN"], "--emergency")
	d.must(2, "rollback", "out", d.env["PRODUCTION_DSN"], "--emergency", "--reason", "x", "--rung", "unique")
	d.timed(2*time.Minute, 0, "rollback", "out", d.env["PRODUCTION_DSN"], "--emergency", "--reason", "nobody can order", "--rung", "insecure-disable", "-q", "-o", "done")
	s := d.stageStatus("production")
	last := s.Returns[len(s.Returns)-1]
	if !last.Emergency || last.By != "axel" || last.Reason != "nobody can order" || len(s.Open) == 0 || len(s.Pages) == 0 {
		d.t.Errorf("the emergency return is not recorded: %+v, open %v, %d calls", last, s.Open, len(s.Pages))
	}
	d.refusedFor(4, "stand open", "rollout", "close")
}

// TestEmergencyHalfway has an emergency return fail at one of its tables. What stands open since is recorded and counted, and people are
// called, by either verb.
func TestEmergencyHalfway(t *testing.T) {
	d := newScene(t, false)
	write(t, "healthy", "")
	d.must(0, "rollout", "advance", "-q")
	d.dbs[0].Exec(t, `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = 'public.orders'::regclass) THEN RAISE EXCEPTION 'not this one'; END IF; END $$;
		CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION refuse()`)
	open := func() string {
		rows := pgtest.Query(t, d.dbs[0].Conn(t, pg.Superuser), "SELECT 'public.' || relname FROM pg_class WHERE relname IN ('orders', 'notes', 'tenant') AND relkind = 'r' AND NOT relrowsecurity ORDER BY 1")
		var out []string
		for _, row := range rows {
			out = append(out, row[0])
		}
		return strings.Join(out, " ")
	}
	for n, args := range [][]string{{"rollback", "out", d.env["PRODUCTION_DSN"], "--emergency"}, {"rollout", "return", "--stage", "production"}} {
		d.refusedFor(1, "not this one", append(args, "--reason", "x", "--rung", "insecure-disable", "-q", "-o", "done")...)
		s := d.stageStatus("production")
		if len(s.Returns) != n+1 || open() == "" || strings.Join(s.Open, " ") != open() || !strings.Contains(s.Returns[n].Left, "not this one") || len(s.Pages) <= n {
			t.Errorf("open: %q; recorded: %v, %+v, %d calls", open(), s.Open, s.Returns, len(s.Pages))
		}
	}
}
