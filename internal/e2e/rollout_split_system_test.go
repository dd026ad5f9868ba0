//go:build system

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/rollout"
)

const splitSchema = `
CREATE TABLE tenant (id uuid PRIMARY KEY);
CREATE TABLE orders (id int PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenant, total int);
CREATE TABLE notes (id int PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenant, text text);
ALTER TABLE tenant OWNER TO split_owner; ALTER TABLE orders OWNER TO split_owner; ALTER TABLE notes OWNER TO split_owner;
GRANT SELECT ON tenant TO split_app; GRANT SELECT, INSERT, UPDATE, DELETE ON orders, notes TO split_app;
INSERT INTO tenant SELECT ('00000000-0000-4000-8000-00000000000' || i)::uuid FROM generate_series(1, 2) i;
INSERT INTO orders SELECT i, ('00000000-0000-4000-8000-00000000000' || 1 + i % 2)::uuid, i FROM generate_series(1, 6000) i;
INSERT INTO notes SELECT i, ('00000000-0000-4000-8000-00000000000' || 1 + i % 2)::uuid, 'x' FROM generate_series(1, 20) i;
CREATE EXTENSION pg_stat_statements; ANALYZE;
SELECT pg_stat_force_next_flush(); -- what was loaded is counted as loaded, before the application reads`

// A splitRig is a rollout of one stage over two databases, by the binary, with a roster that is answered by local receivers.
type splitRig struct {
	t    *testing.T
	dir  string
	env  []string
	dbs  map[string]*pgtest.Database
	mu   sync.Mutex
	sent []string // to whom, and what
}

func newSplitRig(t *testing.T) *splitRig {
	r := &splitRig{t: t, dir: t.TempDir(), dbs: map[string]*pgtest.Database{}}
	server := pgtest.ServerWith(t, pg.EmbeddedOptions{InMemory: true, NoFsync: true, Config: map[string]string{"shared_preload_libraries": "pg_stat_statements", "autovacuum": "off"}})
	for _, name := range []string{"EU", "US"} {
		db := server.DB(t)
		if name == "EU" {
			db.Exec(t, "CREATE ROLE split_app LOGIN; CREATE ROLE split_owner")
		}
		pgtest.LoadSQL(t, db, splitSchema)
		r.dbs[name] = db
		r.env = append(r.env, name+"_DSN="+db.DSN(""), name+"_APP="+db.DSN("split_app"))
		must(t, os.WriteFile(filepath.Join(r.dir, "production."+strings.ToLower(name)), []byte(db.DSN("")), 0o600))
	}
	receiver := httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(receiver.Close)
	r.env = append(r.env, "RINGFENCE_OPERATOR=axel", "PD_URL="+receiver.URL+"/pagerduty", "PD_KEY=0123456789abcdef0123456789abcdef")
	for _, who := range []string{"dora", "olga", "tracker"} {
		r.env = append(r.env, strings.ToUpper(who)+"="+receiver.URL+"/"+who)
	}
	must(t, os.WriteFile(filepath.Join(r.dir, "ringfence.yaml"), []byte("tenant_columns: [tenant_id]\ncontext: app.tenant_id\nroles: {application: [split_app]}\n"), 0o644))
	r.ring(0, "plan", r.dbs["EU"].DSN(""), "-o", "out", "-q")
	people := "people:\n"
	for who, role := range signersOf {
		people += fmt.Sprintf("  - {name: %s, roles: [%s], keys: [%q]}\n", who, role, signingKey(t, r.dir, who))
	}
	must(t, os.WriteFile(filepath.Join(r.dir, "approvers.yaml"), []byte(people), 0o644))
	root := signingKey(t, r.dir, "root")
	r.ring(0, "rollout", "seal", "approvers.yaml", "--key", "root")
	must(t, os.WriteFile(filepath.Join(r.dir, "rollout.yaml"), fmt.Appendf(nil, `author: axel@example.com
plan: out
config: ringfence.yaml
approvers: approvers.yaml
root: %s
prometheus: %s
stages:
  - name: production
    soak: 1h
    settle: 0s
    cohorts: [[public.notes], [public.orders]]
    databases: [{name: eu, dsn_env: EU_DSN, app_dsn_env: EU_APP}, {name: us, dsn_env: US_DSN, app_dsn_env: US_APP}]
hooks:
  backup_age: {argv: [date, -u, "+%%Y-%%m-%%dT%%H:%%M:%%SZ"]}
  restore: {argv: [sh, -c, 'cat $RINGFENCE_STAGE']}
  disk: {argv: [echo, "1000000000000"]}
  alert: {argv: ["true"]}
watch: {calls: 4}
roster:
  deadline: {1: 1s, 2: 1s}
  roles:
    on_call: [{name: pager, url_env: PD_URL, routing_env: PD_KEY}]
    database_administrator: [{name: dora, url_env: DORA}]
    product_owner: [{name: olga, url_env: OLGA}]
  ticket: [{name: tracker, url_env: TRACKER}]
`, root, prometheus(t)), 0o644))
	return r
}

var signersOf = map[string]string{"tess": "technical_lead", "dora": "database_administrator", "sven": "security", "olga": "product_owner"}

// receive takes what is sent to people: PagerDuty's events and webhooks.
func (r *splitRig) receive(w http.ResponseWriter, request *http.Request) {
	raw, _ := io.ReadAll(request.Body)
	var event struct {
		Action   string `json:"event_action"`
		Payload  struct{ Summary, Severity string }
		Summary  string `json:"summary"`
		Severity string `json:"severity"`
	}
	_ = json.Unmarshal(raw, &event)
	r.mu.Lock()
	r.sent = append(r.sent, strings.Join(strings.Fields(strings.Join([]string{strings.TrimPrefix(request.URL.Path, "/"), event.Action, event.Payload.Severity, event.Severity, event.Payload.Summary, event.Summary}, " ")), " "))
	r.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprint(w, `{"status":"success"}`)
}

// told are the messages since the last call.
func (r *splitRig) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.sent)
	r.sent = nil
	return out
}

func (r *splitRig) begin(args ...string) *process {
	return start(r.t, r.dir, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, r.env...) }, args...)
}

func (r *splitRig) ring(want int, args ...string) string {
	r.t.Helper()
	p := r.begin(args...)
	if got := p.code(); got != want {
		r.t.Fatalf("ringfence %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, want, tail(p.stdout.String()), tail(p.stderr.String()))
	}
	return p.stdout.String() + p.stderr.String()
}

// stands are the databases' states, cohorts and returns.
func (r *splitRig) stands() (out []string) {
	r.t.Helper()
	var s rollout.Status
	must(r.t, json.Unmarshal([]byte(r.ring(0, "rollout", "status", "--format", "json", "-q")), &s))
	for _, st := range s.Stages {
		out = append(out, fmt.Sprintf("%s %s %d %d", st.Stage, st.State, st.Cohorts, len(st.Returns)))
	}
	return out
}

func (r *splitRig) standing(want ...string) {
	r.t.Helper()
	if got := r.stands(); !slices.Equal(got, want) {
		r.t.Errorf("they stand %q, want %q", got, want)
	}
}

// work has the application of each database read its tenants' orders by id; far has it read them from end to end.
func (r *splitRig) work(far bool) {
	r.t.Helper()
	ctx := r.t.Context()
	for _, db := range r.dbs {
		conn, err := pg.Connect(ctx, db.DSN("split_app"), pg.Options{SimpleProtocol: true})
		must(r.t, err)
		if far {
			_, err = conn.Exec(ctx, "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off")
			must(r.t, err)
		}
		for i := range 40 {
			tenant := fmt.Sprintf("00000000-0000-4000-8000-00000000000%d", 1+i%2)
			must(r.t, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, "SELECT set_config('app.tenant_id', $1, true)", tenant); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, "SELECT total FROM orders WHERE tenant_id = $1 AND id = $2", tenant, i)
				return err
			}))
		}
		must(r.t, conn.Close(ctx))
	}
}

// held has somebody read a table of a database until the returned func ends that, so that no step gets its lock there.
func (r *splitRig) held(db *pgtest.Database) (release func()) {
	r.t.Helper()
	tx, err := db.Conn(r.t, pg.Superuser).Begin(r.t.Context())
	must(r.t, err)
	_, err = tx.Exec(r.t.Context(), "LOCK TABLE public.notes IN ACCESS SHARE MODE")
	must(r.t, err)
	return func() { must(r.t, tx.Rollback(r.t.Context())) }
}

const begunThere = "SELECT count(*) >= $1 FROM ringfence.rollout_log WHERE kind = 'begun' AND stage = 'production.us'"

// TestSystemRolloutSplit takes a stage of two databases through observation, a kill between them, two operators at once, and a watch, by the
// binary: nothing is lost, and nobody's work is taken for another's.
func TestSystemRolloutSplit(t *testing.T) {
	r := newSplitRig(t)
	us := r.dbs["US"]
	r.ring(0, "rollout", "new", "-q")
	r.work(false)
	r.ring(0, "rollout", "watch", "--before", "-q")
	r.ring(0, "rollout", "rehearse", "-q", "-o", "facts")
	r.ring(0, "rollout", "attest", "--fact", "on_call_answer", "--text", "answered", "--key", "olga", "-q")
	for who, role := range signersOf {
		r.ring(0, "rollout", "sign", "--role", role, "--key", who, "-q")
	}

	// Observed in both: what one of them counts keeps the stage from both.
	r.ring(0, "rollout", "advance", "--observe", "1s", "-q")
	r.standing("production.eu observing 0 0", "production.us observing 0 0")
	app := us.Conn(t, "split_app")
	if n := pgtest.Value[int64](t, app, "SELECT count(*) FROM orders"); n == 0 {
		t.Error("under observation a statement without a tenant is answered with nothing")
	}
	must(t, app.Close(t.Context()))
	time.Sleep(time.Second)
	if text := r.ring(4, "rollout", "advance", "-q"); !strings.Contains(text, "statements named no tenant") {
		t.Errorf("a statement without a tenant in one of two databases: %s", text)
	}
	r.ring(0, "rollout", "advance", "--observe", "1s", "-q")
	r.standing("production.eu observing 0 0", "production.us observing 0 0")
	time.Sleep(time.Second)

	// Killed between two databases. The observation, which is taken away first, needs the lock as well.
	p := r.begin("rollout", "advance", "-q")
	whileRunning(t, p, us.Super, "the second observation is taken away", "SELECT count(*) = 2 FROM ringfence.rollout_log WHERE kind = 'observing' AND stage = 'production.us' AND body LIKE '%\"ended\":true%'")
	release := r.held(us)
	whileRunning(t, p, us.Super, "the second database is begun", begunThere, 1)
	p.kill(t)
	r.standing("production.eu applying 1 0", "production.us applying 0 0")

	// Two operators at once: one goes on, the other one is turned away, and what it saw is not taken for a fault.
	p = r.begin("rollout", "advance", "-q")
	whileRunning(t, p, us.Super, "the second database is begun again", begunThere, 2)
	if text := r.ring(4, "rollout", "advance", "-q"); !strings.Contains(text, "another run is under way in production.us") && !strings.Contains(text, "somebody else went on with it meanwhile") {
		t.Errorf("the second of two operators: %s", text)
	}
	release()
	if code := p.code(); code != 0 {
		t.Fatalf("the first of two operators: exit %d\n%s", code, &p.stderr)
	}
	r.standing("production.eu soaking 3 0", "production.us soaking 3 0")

	r.work(false)
	r.ring(0, "rollout", "watch", "--once", "-q")
	r.ring(0, "rollout", "verify", "ringfence-rollout", "-q", "-o", "decision")
	r.escalate()
	report := r.ring(0, "rollout", "papers", "ringfence-rollout", "-q")
	text, err := os.ReadFile(filepath.Join(r.dir, "ringfence-rollout", "papers", "REPORT.md"))
	must(t, err)
	for _, want := range []string{"| production.eu | returned |", "| production.us | returned |", "nobody had answered step_undone: dora was called", "production.eu: ", "At production.eu the change **was taken back**. At production.us the change **was taken back**."} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q: %s\n%s", want, report, text)
		}
	}
}

// escalate has signals of each severity, and sees whom they reach: severity 3 a ticket, 2 and 1 the one on call, and silence the next.
func (r *splitRig) escalate() {
	t := r.t
	t.Helper()
	expect := func(what string, prefixes ...string) {
		t.Helper()
		told := r.told()
		for _, want := range prefixes {
			if !slices.ContainsFunc(told, func(m string) bool { return strings.HasPrefix(m, want) }) {
				t.Errorf("%s: nobody got %q: %q", what, want, told)
			}
		}
		told = slices.DeleteFunc(told, func(m string) bool { return strings.HasPrefix(m, "tracker") })
		if len(prefixes) == 0 && len(told) > 0 {
			t.Errorf("%s somebody was called: %q", what, told)
		}
	}
	r.told()
	r.work(true)
	r.work(true)
	r.ring(0, "rollout", "watch", "--once", "-q")
	expect("a table read from end to end, severity 3", "tracker warning seq_scans: ")

	r.dbs["US"].Exec(t, pgtest.Value[string](t, r.dbs["US"].Super, "SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index WHERE indrelid = 'notes'::regclass AND NOT indisprimary"))
	r.ring(4, "rollout", "watch", "--once", "-q")
	expect("an index that is gone, severity 2", "pagerduty trigger error step_undone: ")
	r.ring(0, "rollout", "watch", "--once", "-q")
	expect("before the deadline is over")
	time.Sleep(time.Second)
	r.ring(0, "rollout", "watch", "--once", "-q")
	expect("silence", "dora error step_undone: ")
	time.Sleep(time.Second)
	r.ring(0, "rollout", "watch", "--once", "-q")
	expect("more silence", "olga error step_undone: ")
	r.ring(0, "rollout", "answer", "--alarm", "step_undone", "-q")
	expect("the answer", "pagerduty acknowledge")
	time.Sleep(time.Second)
	r.ring(0, "rollout", "watch", "--once", "-q")
	expect("after the answer")

	r.ring(0, "rollout", "return", "--stage", "production", "--rung", "no-force", "--reason", "reports fail", "-q")
	expect("an emergency, severity 1", "pagerduty trigger critical emergency: reports fail")
	if text := r.ring(4, "rollout", "answer", "--alarm", "nothing", "-q"); !strings.Contains(text, "nobody was called for it") {
		t.Errorf("an alarm that nobody was called for: %s", text)
	}
	r.ring(0, "rollout", "answer", "--alarm", "emergency", "-q")
}
