//go:build system

package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
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
	"golang.org/x/crypto/ssh"

	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/metrics/alerts"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestSystemEmergencyReturn takes back what the plan closed on the 39 tables of reference system B, by the binary while its application works:
// all rungs of an emergency together in under two minutes, without an error for the application. Tables that had row security before the
// plan keep it, in the form that they had.
func TestSystemEmergencyReturn(t *testing.T) {
	server := pgtest.ServerWith(t, pg.EmbeddedOptions{InMemory: true, NoFsync: true})
	db, dir := open(t, server, center)
	dsn, all := db.DSN(""), len(callcenter.Tables())
	had := protected(t, db, "c.relrowsecurity")
	plan(t, center, dir, dsn, "out")
	run(t, 0, dir, "apply", "out", dsn, "-q", "-o", "applied")
	if closed := protected(t, db, "c.relrowsecurity"); closed != all {
		t.Fatalf("%d of the %d tables are closed", closed, all)
	}
	stop := busy(t, db.DSN("callcenter_app"))
	var sum time.Duration
	for _, rung := range []string{"no-force", "policy-form", "insecure-disable"} {
		began := time.Now()
		run(t, 0, dir, "rollback", "out", dsn, "--emergency", "--reason", "a drill", "--rung", rung, "-q", "-o", "returned")
		took := time.Since(began)
		sum += took
		t.Logf("%s in %s: of %d tables %d are forced, %d have row security", rung, took.Round(time.Millisecond), all, protected(t, db, "c.relforcerowsecurity"), protected(t, db, "c.relrowsecurity"))
	}
	n, longest, errs := stop()
	t.Logf("all rungs in %s, of 2m0s that are allowed; %d transactions of the application meanwhile, the longest took %s", sum.Round(time.Millisecond), n, longest.Round(time.Millisecond))
	if sum > 2*time.Minute {
		t.Errorf("the return took %s", sum)
	}
	if forced, left := protected(t, db, "c.relforcerowsecurity"), protected(t, db, "c.relrowsecurity"); forced != 0 || left != had || had == all {
		t.Errorf("after the return %d tables are forced, %d have row security, and %d had it before the plan", forced, left, had)
	}
	if n < 100 || len(errs) > 0 {
		t.Errorf("%d transactions, and %d of them failed: %v", n, len(errs), errs[:min(3, len(errs))])
	}
}

// protected counts those of the 39 tables of which a column of pg_class is true.
func protected(t *testing.T, db *pgtest.Database, column string) int {
	t.Helper()
	return int(pgtest.Value[int64](t, db.Super, "SELECT count(*) FROM pg_class c WHERE c.oid = ANY (SELECT unnest($1::text[])::regclass) AND "+column, callcenter.Tables()))
}

// busy has four sessions of the application read and write until stop, which gives the number of their transactions, the longest, and errors.
func busy(t *testing.T, dsn string) (stop func() (n int, longest time.Duration, errs []error)) {
	t.Helper()
	done := make(chan struct{})
	var mu sync.Mutex
	var wg sync.WaitGroup
	var n int
	var longest time.Duration
	var errs []error
	for range 4 {
		conn, err := pg.Connect(t.Context(), dsn, pg.Options{})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer conn.Close(context.Background())
			for {
				select {
				case <-done:
					return
				default:
				}
				began := time.Now()
				err := oneRequest(conn)
				mu.Lock()
				if n++; err != nil {
					errs = append(errs, err)
				}
				longest = max(longest, time.Since(began))
				mu.Unlock()
			}
		})
	}
	return func() (int, time.Duration, []error) {
		close(done)
		wg.Wait()
		return n, longest, errs
	}
}

func oneRequest(conn *pgx.Conn) error {
	ctx := context.Background()
	const tenant = "00000000-0000-4000-8000-000000000001"
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, sql := range []string{"SELECT set_config('app.current_org_id', $1, true)", "SELECT count(*) FROM callcenter.telnyx_call_events WHERE organization_id = $1",
			"SELECT id FROM callcenter.collection_accounts WHERE organization_id = $1", "INSERT INTO callcenter.ai_call_events (organization_id, event_type) VALUES ($1, 'intent')"} {
			if _, err := tx.Exec(ctx, sql, tenant); err != nil {
				return err
			}
		}
		return nil
	})
}

// published is the rollout that stands in the documentation.
const published = "../../docs/examples/callcenter-rollout"

// TestSystemRolloutVerify holds the binary's answers to an auditor apart: each of its exit codes is given for its own reason.
func TestSystemRolloutVerify(t *testing.T) {
	root, err := os.ReadFile(filepath.Join(published, "root.pub"))
	must(t, err)
	green := bundle(t)
	run(t, 0, green, "rollout", "verify", ".", "--root", strings.TrimSpace(string(root)), "-q", "-o", "decision")

	stranger := signingKey(t, t.TempDir(), "stranger")
	run(t, 7, green, "rollout", "verify", ".", "--root", stranger, "-q")
	for _, what := range []string{"evidence/*", "log/*-signature.json", "log/*-fact.json"} {
		dir := bundle(t)
		files, err := filepath.Glob(filepath.Join(dir, what))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", what, err)
		}
		text, err := os.ReadFile(files[0])
		must(t, err)
		text[len(text)/2] ^= 1
		must(t, os.WriteFile(files[0], text, 0o644))
		run(t, 7, dir, "rollout", "verify", ".", "-q")
	}

	expired := bundle(t) // up to where staging was begun: all was there, and all of it is old by now
	begun, err := filepath.Glob(filepath.Join(expired, "log", "*-begun.json"))
	if err != nil || len(begun) == 0 {
		t.Fatalf("%v, %v", begun, err)
	}
	entries, err := filepath.Glob(filepath.Join(expired, "log", "*.json"))
	must(t, err)
	for _, e := range entries {
		if e >= begun[0] {
			must(t, os.Remove(e))
		}
	}
	run(t, 6, expired, "rollout", "verify", ".", "--stage", "staging", "-q", "-o", "decision")

}

// bundle is a copy of the published rollout.
func bundle(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(published)))
	return dir
}

// TestSystemRolloutBinary takes a rollout of one stage, on a real database and by the binary alone, to red, to unknown and to green; has a secret
// found and a window kept; and returns in an emergency, which calls people by PagerDuty until somebody answers.
func TestSystemRolloutBinary(t *testing.T) {
	server := pgtest.ServerWith(t, pg.EmbeddedOptions{InMemory: true, NoFsync: true})
	db, dir := open(t, server, shop)
	rules := prometheus(t)
	pager, events := pagerDuty(t)
	with := func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "TARGET="+db.DSN(""), "APP="+db.DSN("shop_app"), "RINGFENCE_OPERATOR=axel", "PD_URL="+pager, "PD_KEY=0123456789abcdef0123456789abcdef")
	}
	ring := func(want int, args ...string) string {
		t.Helper()
		p := start(t, dir, with, args...)
		if got := p.code(); got != want {
			t.Fatalf("ringfence %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, want, tail(p.stdout.String()), tail(p.stderr.String()))
		}
		return p.stdout.String() + p.stderr.String()
	}
	plan(t, shop, dir, db.DSN(""), "out")
	people := "people:\n"
	roles := map[string]string{"tess": "technical_lead", "dora": "database_administrator", "sven": "security", "olga": "product_owner"}
	for who, role := range roles {
		people += fmt.Sprintf("  - {name: %s, roles: [%s], keys: [%q]}\n", who, role, signingKey(t, dir, who))
	}
	must(t, os.WriteFile(filepath.Join(dir, "approvers.yaml"), []byte(people), 0o644))
	root := signingKey(t, dir, "root")
	ring(0, "rollout", "seal", "approvers.yaml", "--key", "root")
	must(t, os.WriteFile(filepath.Join(dir, "rollout.yaml"), fmt.Appendf(nil, `author: axel@example.com
plan: out
config: ringfence.yaml
approvers: approvers.yaml
root: %s
prometheus: %s
stages: [{name: production, dsn_env: TARGET, app_dsn_env: APP, window: {cron: "30 2 1 1 *", zone: Asia/Kolkata, for: 1h}}]
hooks:
  backup_age: {argv: [date, -u, "+%%Y-%%m-%%dT%%H:%%M:%%SZ"]}
  disk: {argv: [echo, "1000000000000"]}
  alert: {argv: ["true"]}
roster: {roles: {on_call: [{name: otto, url_env: PD_URL, routing_env: PD_KEY}]}}
`, root, rules), 0o644))
	ring(0, "rollout", "new", "-q")
	verify := func(want int, why string) {
		t.Helper()
		if text := ring(want, "rollout", "verify", "ringfence-rollout", "--root", root, "-q"); !strings.Contains(text, why) {
			t.Errorf("exit %d, and it does not say %q:\n%s", want, why, text)
		}
	}
	ring(0, "rollout", "rehearse", "-q", "-o", "facts")
	verify(4, "nobody signed for technical_lead")
	ring(0, "rollout", "attest", "--fact", "on_call_answer", "--text", "answered", "--key", "olga", "-q")
	for who, role := range roles {
		ring(0, "rollout", "sign", "--role", role, "--key", who, "-q")
	}
	again := func() { // what passes within a minute
		t.Helper()
		ring(0, "rollout", "rehearse", "--fact", "transactions", "--fact", "load", "-q", "-o", "facts")
	}
	again()
	verify(5, "no hook restore is given")
	ring(0, "rollout", "waive", "--fact", "backup_restore", "--reason", "a drill", "--key", "sven", "-q")
	again()
	verify(0, "GREEN")
	text := ring(0, "rollout", "check", "-q")
	if at, after := strings.Index(text, "backup_restore: a drill"), strings.Index(text, "A backup is under an hour old"); at < 0 || after < at {
		t.Errorf("the waiver does not come first:\n%s", text)
	}

	const secret = "correct-horse-battery"
	must(t, os.WriteFile(filepath.Join(dir, "out", "notes.md"), []byte("postgres://app:"+secret+"@db/app\n"), 0o644))
	ring(0, "rollout", "rehearse", "--fact", "secrets", "-q", "-o", "facts")
	verify(4, "notes.md line 1 holds a password in a connection string")
	must(t, os.Remove(filepath.Join(dir, "out", "notes.md")))
	ring(0, "rollout", "rehearse", "--fact", "secrets", "-q", "-o", "facts")

	if text := ring(4, "rollout", "advance", "-q"); !strings.Contains(text, "the window of production is shut; next ") || !strings.Contains(text, "-12-31T21:00:00Z") { // half past two in Kolkata
		t.Errorf("outside of its window: %s", text)
	}

	ring(0, "apply", "out", db.DSN(""), "-q", "-o", "applied")
	ring(0, "rollback", "out", db.DSN(""), "--emergency", "--reason", "orders fail", "-q", "-o", "returned")
	ring(0, "rollout", "answer", "--alarm", "emergency", "-q")
	ring(4, "rollout", "answer", "--alarm", "emergency", "-q")
	got := events()
	if len(got) != 2 || got[0].Action != "trigger" || got[0].Payload.Severity != "critical" || !strings.Contains(got[0].Payload.Summary, "orders fail") ||
		got[1].Action != "acknowledge" || got[1].Dedup != got[0].Dedup || got[0].Routing != "0123456789abcdef0123456789abcdef" {
		t.Errorf("PagerDuty was sent %+v", got)
	}
	err := filepath.WalkDir(dir, func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(file, "ringfence-rollout") {
			return err
		}
		text, err := os.ReadFile(file)
		if strings.Contains(string(text), secret) || strings.Contains(string(text), got[0].Routing) {
			t.Errorf("%s holds a secret", file)
		}
		return err
	})
	must(t, err)
}

// A pdEvent is what PagerDuty reads of an event.
type pdEvent struct {
	Routing string `json:"routing_key"`
	Action  string `json:"event_action"`
	Dedup   string `json:"dedup_key"`
	Payload struct{ Summary, Severity string }
}

// pagerDuty takes events as the Events API v2 does.
func pagerDuty(t *testing.T) (at string, events func() []pdEvent) {
	t.Helper()
	var mu sync.Mutex
	var all []pdEvent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e pdEvent
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Errorf("an event cannot be read: %v", err)
		}
		mu.Lock()
		all = append(all, e)
		mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
		fmt.Fprintf(w, `{"status":"success","dedup_key":%q}`, e.Dedup)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []pdEvent { mu.Lock(); defer mu.Unlock(); return slices.Clone(all) }
}

// signingKey makes a key as ssh-keygen does, in a directory, and gives its public line.
func signingKey(t *testing.T, dir, name string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(t, err)
	key, err := ssh.NewPublicKey(public)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// prometheus is a server that says that every rule is loaded.
func prometheus(t *testing.T) string {
	t.Helper()
	var rules []string
	for _, name := range alerts.Names() {
		rules = append(rules, fmt.Sprintf(`{"name":%q}`, name))
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"data":{"groups":[{"rules":[%s]}]}}`, strings.Join(rules, ","))
	}))
	t.Cleanup(server.Close)
	return server.URL
}
