package cli

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// newSplitDesk is a desk whose only stage is split over two databases of one server.
func newSplitDesk(t *testing.T) *desk {
	d := &desk{t: t, dir: t.TempDir(), env: map[string]string{"RINGFENCE_OPERATOR": "axel"}, clock: &stillClock{now: time.Now().UTC().Truncate(time.Second)}, lines: map[string]string{}}
	server := pgtest.Server(t, 0)
	var owner string
	for i, name := range []string{"EU", "US"} {
		db := server.DB(t)
		if i == 0 {
			d.app, owner = db.Role(t, "app", "LOGIN"), db.Role(t, "owner", "")
		}
		pgtest.LoadSQL(t, db, strings.NewReplacer("@owner", owner, "@app", d.app).Replace(rolloutShopSQL))
		d.env[name+"_DSN"], d.env[name+"_APP_DSN"] = db.DSN(""), db.DSN(d.app)
		d.dbs = append(d.dbs, db)
	}
	d.env["STAGING_DSN"] = d.env["EU_DSN"] // what papers plans from
	t.Chdir(d.dir)
	d.papers()
	for name, dsn := range map[string]string{"eu": d.env["EU_DSN"], "us": d.env["US_DSN"]} {
		write(t, "production."+name+".dsn", dsn)
	}
	write(t, "rollout.yaml", fmt.Sprintf(`author: axel@example.com
plan: out
config: ringfence.yaml
approvers: approvers.yaml
root: %s
prometheus: %s
stages:
  - name: production
    soak: 24h
    settle: 0s
    cohorts: [[public.notes], [public.orders]]
    databases:
      - {name: eu, dsn_env: EU_DSN, app_dsn_env: EU_APP_DSN}
      - {name: us, dsn_env: US_DSN, app_dsn_env: US_APP_DSN}
hooks:
  backup_age: {argv: [echo, %q]}
  restore: {argv: [sh, -c, 'cat $RINGFENCE_STAGE.dsn']}
  disk: {argv: [echo, "1000000000000"]}
  alert: {argv: ["true"]}
  deploy: {argv: [sh, -c, 'echo $RINGFENCE_STAGE >> deployed']}
`, d.lines["root"], prometheus(t), d.clock.now.Add(-10*time.Minute).Format(time.RFC3339)))
	return d
}

// stands are the stages' states, and how many cohorts of each are applied.
func (d *desk) stands() (out []string) {
	for _, name := range []string{"production.eu", "production.us"} {
		st := d.stageStatus(name)
		out = append(out, fmt.Sprintf("%s %s %d", st.Stage, st.State, st.Cohorts))
	}
	return out
}

// One rollout over the databases that hold the tenants between them: signed once, each fact found out in each, cohort by cohort over
// all. Interrupted between two databases it goes on; a fault in one stops all, and it is said where each stands; the way back takes
// all of them back; and an auditor sees one log, which every database holds.
func TestRolloutOverDatabases(t *testing.T) {
	d := newSplitDesk(t)
	eu, us := d.dbs[0], d.dbs[1]
	d.must(0, "rollout", "new", "-q")
	d.must(0, "rollout", "rehearse", "-q", "-o", "facts")
	for who, role := range map[string]string{"tess": "technical_lead", "dora": "database_administrator", "sven": "security"} {
		d.must(0, "rollout", "sign", "--stage", "production", "--role", role, "--key", who, "-q")
	}
	d.must(0, "rollout", "attest", "--fact", "on_call_answer", "--text", "answered", "--key", "olga", "-q")
	d.refusedFor(4, "nobody signed for product_owner", "rollout", "advance", "--stage", "production", "-q")
	d.must(0, "rollout", "sign", "--stage", "production.us", "--role", "product_owner", "--key", "olga", "-q") // a signature is the stage's, whichever database is named
	out, _ := d.must(0, "rollout", "check", "--stage", "production", "--format", "json")
	if !strings.Contains(out, `"GREEN"`) || !strings.Contains(out, "production.eu: ") || !strings.Contains(out, "production.us: ") {
		t.Errorf("the decision does not tell of both databases:\n%s", out)
	}
	d.refusedFor(2, "go together", "rollout", "advance", "--stage", "production.eu")

	// What is found in one database alone is the whole stage's red.
	us.Exec(t, "CREATE TABLE public.surprise (tenant_id uuid); ALTER TABLE public.notes ADD COLUMN surprise text")
	d.refusedFor(4, "the decision for production.us is red: ", "rollout", "advance", "-q")
	if got := d.stands(); !cmp.Equal(got, []string{"production.eu planned 0", "production.us planned 0"}) {
		t.Errorf("refused, and: %q", got)
	}
	us.Exec(t, "DROP TABLE public.surprise; ALTER TABLE public.notes DROP COLUMN surprise")

	us.Exec(t, `CREATE FUNCTION ringfence.boom() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN IF current_query() LIKE '%orders%' THEN RAISE 'the disk is full'; END IF; END$$`)
	us.Exec(t, "CREATE EVENT TRIGGER boom ON ddl_command_start EXECUTE FUNCTION ringfence.boom()")
	interrupt(t, us, func() string {
		code, out, errs := d.do("rollout", "advance", "-q")
		return fmt.Sprintf("exit %d\n%s%s", code, out, errs)
	})
	if got := d.stands(); !cmp.Equal(got, []string{"production.eu applying 1", "production.us applying 0"}) && !cmp.Equal(got, []string{"production.eu applying 1", "production.us returned 0"}) {
		t.Errorf("interrupted between two databases: %q", got)
	}
	_, errs := d.must(4, "rollout", "advance", "-q")
	if !strings.Contains(errs, "the disk is full") || !strings.Contains(errs, "production.eu is applying with 2 of 3 cohorts; production.us is returned with 1 of 3 cohorts") {
		t.Errorf("a fault in the second database: %s", errs)
	}
	if _, err := os.Stat("deployed"); err == nil {
		t.Error("code was deployed for a stage that was stopped")
	}
	us.Exec(t, "DROP EVENT TRIGGER boom")
	d.must(0, "rollout", "advance", "-q")
	if got := d.stands(); !cmp.Equal(got, []string{"production.eu soaking 3", "production.us soaking 3"}) {
		t.Errorf("applied: %q", got)
	}
	if text, err := os.ReadFile("deployed"); err != nil || string(text) != "production.eu\n" {
		t.Errorf("deployed: %q, %v", text, err)
	}
	d.refusedFor(4, "production is applied already", "rollout", "advance", "--stage", "production", "-q")
	for _, db := range d.dbs {
		if n := pgtest.Value[int](t, db.Super, "SELECT count(*) FROM pg_policy"); n == 0 {
			t.Errorf("%s holds no policy", db.Name)
		}
	}
	d.must(0, "rollout", "return", "--stage", "production", "--rung", "no-force", "--reason", "reports fail", "-q")
	if got := d.stands(); !cmp.Equal(got, []string{"production.eu returned 3", "production.us returned 3"}) {
		t.Errorf("taken back: %q", got)
	}
	d.must(0, "rollout", "verify", defaultRolloutDir, "--root", d.lines["root"], "-q")
	const logged = "SELECT count(*) || ' ' || (array_agg(hash ORDER BY sequence DESC))[1] FROM ringfence.rollout_log"
	if a, b := pgtest.Value[string](t, eu.Super, logged), pgtest.Value[string](t, us.Super, logged); a != b || a == "" {
		t.Errorf("the databases hold different logs: %s, %s", a, b)
	}
}

// interrupt interrupts a run, as Ctrl-C does, once it has begun in the second database and cannot get its lock there.
func interrupt(t *testing.T, db *pgtest.Database, run func() (told string)) {
	t.Helper()
	tx, err := db.Super.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE public.notes IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() { ended <- run() }()
	for waits := false; !waits; {
		if err := tx.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM ringfence.rollout_log WHERE kind = 'begun' AND stage = 'production.us')").Scan(&waits); err != nil {
			t.Fatal(err)
		}
		select {
		case told := <-ended:
			t.Fatalf("it ended before it waited: %s", told)
		default:
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-ended
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}
