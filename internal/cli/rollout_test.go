package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/rollout"
)

const rolloutShopSQL = `
CREATE TABLE tenant (id uuid PRIMARY KEY);
CREATE TABLE orders (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL REFERENCES tenant, total int, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE notes (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL REFERENCES tenant, text text);
ALTER TABLE tenant OWNER TO @owner; ALTER TABLE orders OWNER TO @owner; ALTER TABLE notes OWNER TO @owner;
GRANT SELECT ON tenant TO @app; GRANT SELECT, INSERT, UPDATE, DELETE ON orders, notes TO @app;
INSERT INTO tenant SELECT ('00000000-0000-4000-8000-00000000000' || i)::uuid FROM generate_series(1, 3) i;
INSERT INTO orders (tenant_id, total, created_at) SELECT t.id, n, now() - n * interval '1 hour' FROM tenant t, generate_series(1, 40) n WHERE extract(hour FROM (now() - n * interval '1 hour') AT TIME ZONE 'UTC') NOT IN (3, 4);
INSERT INTO notes (tenant_id, text) SELECT id, 'x' FROM tenant;
SELECT pg_stat_force_next_flush(); -- what was loaded is counted as loaded, before the application writes`

// stillClock stands still until it is told to wait.
type stillClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *stillClock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *stillClock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

// A desk is a working directory with everything that a rollout needs, and people with keys.
type desk struct {
	t     *testing.T
	dir   string
	env   map[string]string
	clock *stillClock
	time  rollout.Clock     // what commands see; nil: clock
	lines map[string]string // public keys
	dbs   []*pgtest.Database
	app   string
	// config is ringfence.yaml; empty: the shop's.
	config string
	// held has what the reference gives a time for held to that time, beside being measured: in the system tier.
	held bool
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, dir: t.TempDir(), env: map[string]string{"RINGFENCE_OPERATOR": "axel"}, clock: &stillClock{now: time.Now().UTC()}, lines: map[string]string{}}
	server := pgtest.Server(t, 0)
	for i, name := range []string{"STAGING_DSN", "PRODUCTION_DSN"} {
		db := server.DB(t)
		if i == 0 {
			d.app = db.Role(t, "app", "LOGIN")
			db.Role(t, "owner", "")
		}
		owner := db.Role(t, "owner", "")
		pgtest.LoadSQL(t, db, strings.NewReplacer("@owner", owner, "@app", d.app).Replace(rolloutShopSQL))
		d.env[name], d.env[strings.Replace(name, "_DSN", "_APP_DSN", 1)] = db.DSN(""), db.DSN(d.app)
		d.dbs = append(d.dbs, db)
	}
	t.Chdir(d.dir)
	d.papers()
	return d
}

// papers writes keys, a plan for staging, and the sealed approvers.
func (d *desk) papers(more ...string) {
	t := d.t
	for _, who := range []string{"root", "tess", "dora", "sven", "olga", "axel", "ci"} {
		d.lines[who] = writeKey(t, who)
	}
	if d.config == "" {
		d.config = fmt.Sprintf("tenant_columns: [tenant_id]\ncontext: app.tenant_id\nroles:\n  application: [%s]\n", d.app)
	}
	write(t, "ringfence.yaml", d.config)
	if code, _, errs := d.do(append([]string{"plan", d.env["STAGING_DSN"], "-o", "out", "-q"}, more...)...); code != 0 {
		t.Fatalf("planning: %d\n%s", code, errs)
	}
	people := "people:\n"
	for _, p := range [][2]string{{"tess", "technical_lead"}, {"dora", "database_administrator"}, {"sven", "security"}, {"olga", "product_owner"}, {"axel", "technical_lead"}} {
		people += fmt.Sprintf("  - name: %s\n    emails: [%s@example.com]\n    roles: [%s]\n    keys: [%q]\n", p[0], p[0], p[1], d.lines[p[0]])
	}
	write(t, "approvers.yaml", people+fmt.Sprintf("machines:\n  - name: ci\n    keys: [%q]\n", d.lines["ci"]))
	code, out, errs := d.do("rollout", "seal", "approvers.yaml", "--key", "root")
	if code != 0 || out != "root: "+d.lines["root"]+"\n" {
		t.Fatalf("sealing: %d\n%s%s", code, out, errs)
	}
}

// definition writes rollout.yaml; more is added at its end.
func (d *desk) definition(prometheus, more string) {
	write(d.t, "rollout.yaml", fmt.Sprintf(`author: axel@example.com
plan: out
config: ringfence.yaml
approvers: approvers.yaml
root: %s
prometheus: %s
stages:
  - {name: staging, dsn_env: STAGING_DSN, app_dsn_env: STAGING_APP_DSN, soak: 24h, settle: 0s}
  - {name: production, dsn_env: PRODUCTION_DSN, app_dsn_env: PRODUCTION_APP_DSN, soak: 24h, settle: 0s, window: {cron: quietest}, cohorts: [[public.notes], [public.orders]]}
hooks:
  backup_age: {argv: [echo, %q]}
  restore: {argv: [echo, %q]}
  disk: {argv: [echo, "1000000000000"]}
  alert: {argv: ["true"]}
%s`, d.lines["root"], prometheus, d.clock.now.Add(-10*time.Minute).Format(time.RFC3339), d.env["STAGING_DSN"], more))
}

// writeKey makes a key pair and returns its public line.
func writeKey(t *testing.T, name string) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, name+".pub", line+"\n")
	return line
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) do(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	when := d.time
	if when == nil {
		when = d.clock
	}
	code = Do(args, World{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Width: 140, Clock: when,
		Env: func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }})
	return code, out.String(), errs.String()
}

// must runs a command that has to end with the code.
func (d *desk) must(want int, args ...string) (stdout, stderr string) {
	d.t.Helper()
	code, out, errs := d.do(args...)
	if code != want {
		d.t.Fatalf("ringfence %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return out, errs
}

// prometheus is a server that has every rule loaded.
func prometheus(t *testing.T) string {
	var rules []map[string]string
	for _, n := range rollout.AlertNames {
		rules = append(rules, map[string]string{"name": n})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"groups": []any{map[string]any{"rules": rules}}}})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestRolloutPapers goes from a plan to GREEN by the commands alone, and finds each refusal on the way.
func TestRolloutPapers(t *testing.T) {
	d := newDesk(t)
	d.definition(prometheus(t), "")
	d.must(2, "rollout", "check")
	_, errs := d.must(0, "rollout", "new")
	if !strings.Contains(errs, `production is quietest at "0 3 * * *" UTC`) {
		t.Errorf("the window: %s", errs)
	}
	out, _ := d.must(4, "rollout", "check")
	if !strings.HasPrefix(out, "RED  May this change") || !strings.Contains(out, "rehearsal_apply: missing") {
		t.Errorf("nothing is known, and check says:\n%s", out)
	}
	d.must(0, "rollout", "rehearse", "-q")
	d.must(4, "rollout", "sign", "--role", "technical_lead", "--key", "axel")
	d.must(4, "rollout", "sign", "--role", "security", "--key", "ci")
	d.must(4, "rollout", "sign", "--role", "security", "--key", "tess")
	d.must(4, "rollout", "waive", "--fact", "drift", "--reason", "because", "--key", "dora")
	d.must(0, "rollout", "attest", "--fact", "on_call_answer", "--text", "I answered", "--key", "olga")
	for who, role := range map[string]string{"tess": "technical_lead", "sven": "security", "olga": "product_owner"} {
		_, errs := d.must(0, "rollout", "sign", "--role", role, "--key", who)
		if !strings.Contains(errs, who+" signed for "+role) {
			t.Errorf("%s: %s", who, errs)
		}
	}
	out, _ = d.must(4, "rollout", "check")
	if !strings.Contains(out, "nobody signed for database_administrator") || strings.Count(out, "  fail ") != 2 {
		t.Errorf("three signatures:\n%s", out)
	}
	d.must(0, "rollout", "sign", "--role", "database_administrator", "--key", "dora.pub", "--prepare", "message")
	d.must(0, "rollout", "sign", "--role", "database_administrator", "--key", "dora")
	out, _ = d.must(0, "rollout", "check")
	if !strings.HasPrefix(out, "GREEN  May this change") {
		t.Errorf("all is there:\n%s", out)
	}
	for _, format := range []string{"json", "html", "markdown"} {
		if out, _ := d.must(0, "rollout", "check", "--format", format); !strings.Contains(out, "GREEN") || strings.Contains(out, d.env["STAGING_DSN"]) {
			t.Errorf("%s:\n%s", format, out)
		}
	}
	d.must(0, "rollout", "verify", defaultRolloutDir, "--root", d.lines["root"])
	d.must(7, "rollout", "verify", defaultRolloutDir, "--root", d.lines["tess"])
	d.clock.now = d.clock.now.Add(30 * time.Hour)
	d.must(6, "rollout", "verify", defaultRolloutDir, "-q")
	d.clock.now = d.clock.now.Add(-30 * time.Hour)
	d.tampered()
	d.lost()
}

// tampered changes a log and its evidence, a copy for each, and has verify see it.
func (d *desk) tampered() {
	for _, dir := range []string{"log", "evidence"} {
		files, err := filepath.Glob(filepath.Join(defaultRolloutDir, dir, "*"))
		if err != nil || len(files) < 3 {
			d.t.Fatalf("%v, %v", files, err)
		}
		text, err := os.ReadFile(files[2])
		if err != nil {
			d.t.Fatal(err)
		}
		changed := bytes.Clone(text)
		changed[len(text)/2] ^= 1
		for _, other := range [][]byte{changed, text[:len(text)/2]} {
			write(d.t, files[2], string(other))
			d.must(7, "rollout", "verify", defaultRolloutDir, "-q")
		}
		write(d.t, files[2], string(text))
	}
}

// lost goes on with either of the two logs alone.
func (d *desk) lost() {
	whole, _ := d.must(0, "rollout", "status", "--format", "json")
	if err := os.RemoveAll(defaultRolloutDir); err != nil {
		d.t.Fatal(err)
	}
	d.must(2, "rollout", "status")
	again, _ := d.must(0, "rollout", "status", "--from-database", d.env["STAGING_DSN"], "--format", "json")
	if again != whole {
		d.t.Errorf("from the database alone:\n%s\nwas\n%s", again, whole)
	}
	d.must(0, "rollout", "verify", defaultRolloutDir, "-q")
	dsn := d.env["STAGING_DSN"]
	delete(d.env, "STAGING_DSN")
	_, errs := d.must(0, "rollout", "attest", "--fact", "on_call_answer", "--text", "I answered again", "--key", "olga")
	if !strings.Contains(errs, "is not read") {
		d.t.Errorf("without the database: %s", errs)
	}
	d.env["STAGING_DSN"] = dsn
	if _, errs := d.must(0, "rollout", "check"); !strings.Contains(errs, "the log in the database is 1 entries behind") {
		d.t.Errorf("a database that is behind: %s", errs)
	}
	// Another entry of that number, written to the database by other hands.
	d.dbs[0].Exec(d.t, `INSERT INTO ringfence.rollout_log SELECT rollout, sequence + 1, at, kind, stage, body, hash, hash FROM ringfence.rollout_log ORDER BY sequence DESC LIMIT 1`)
	d.must(7, "rollout", "check")
}

// A file that is far larger than people write is refused, and not read into memory.
func TestPapersAreBounded(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "large", "")
	if err := os.Truncate("large", 1<<40); err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, clock: &stillClock{now: time.Now()}}
	for _, args := range [][]string{{"rollout", "new", "--file", "large"}, {"rollout", "seal", "large", "--key", "x"}} {
		if code, out, errs := d.do(args...); code == 0 || out != "" || !strings.Contains(errs, "larger than 4 MiB") {
			t.Errorf("%v: exit %d, %s%s", args, code, out, errs)
		}
	}
}

// The files to begin with can be read as they are, but for the keys, which are one's own.
func TestRolloutTemplates(t *testing.T) {
	if _, err := rollout.ParseDefinition([]byte(rolloutTemplate)); err != nil {
		t.Error(err)
	}
	key := writeKey(t, filepath.Join(t.TempDir(), "key"))
	if _, err := attest.ParseApprovers([]byte(strings.Replace(strings.Replace(approversTemplate, "ssh-ed25519 AAAA…", key, 1), "sk-ssh-ed25519@openssh.com AAAA…", writeKey(t, filepath.Join(t.TempDir(), "key")), 1))); err != nil {
		t.Error(err)
	}
}
