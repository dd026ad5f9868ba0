package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/console"
	"github.com/ringfencehq/ringfence/internal/fleet"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// A fleet's exit is the worst of its databases', a database that is not there is unknown, and no DSN is in any document.
func TestFleet(t *testing.T) {
	good, bad := pgtest.Alone(t), pgtest.Alone(t)
	app := good.Role(t, "app", "LOGIN")
	for db, policy := range map[*pgtest.Database]string{good: "tenant_id = NULLIF(current_setting('app.tenant_id', true), '')", bad: "true"} {
		pgtest.LoadSQL(t, db, `CREATE TABLE note (id int PRIMARY KEY, tenant_id text NOT NULL); CREATE INDEX ON note (tenant_id);
			ALTER TABLE note ENABLE ROW LEVEL SECURITY; ALTER TABLE note FORCE ROW LEVEL SECURITY;
			CREATE POLICY p ON note USING (`+policy+`); GRANT SELECT, INSERT, UPDATE, DELETE ON note TO `+pg.Ident(app))
	}
	env := map[string]string{"GOOD": good.DSN(pg.Superuser), "BAD": bad.DSN(pg.Superuser), "GONE": "postgres://u:s3cret@127.0.0.1:1/x?connect_timeout=1"}
	dir := t.TempDir()
	file := filepath.Join(dir, "fleet.yaml")
	entry := func(name, group string) string {
		return "  - {name: " + strings.ToLower(name) + ", dsn_env: " + name + ", groups: [" + group + "], app_roles: [\"" + app + "\"], context: app.tenant_id, labels: {at: " + group + "}}\n"
	}
	if err := os.WriteFile(file, []byte("databases:\n"+entry("GOOD", "calm")+entry("BAD", "all")+entry("GONE", "away")+entry("NOWHERE", "away")), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (int, string) {
		var stdout, stderr bytes.Buffer
		code := Do(append(args, "-f", file), World{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Env: func(k string) (string, bool) { v, ok := env[k]; return v, ok }})
		if strings.Contains(stdout.String()+stderr.String(), "s3cret") {
			t.Errorf("%v printed a password: %s%s", args, stdout.String(), stderr.String())
		}
		return code, stdout.String()
	}
	code, text := run("fleet", "prove", "-q")
	lines := strings.Split(text, "\n")
	if code != exitFound || !strings.HasPrefix(lines[0], "found    bad") || !strings.HasPrefix(lines[1], "unknown  gone") || !strings.HasPrefix(lines[2], "unknown  nowhere  the environment has no NOWHERE") ||
		!strings.HasPrefix(lines[3], "clean    good") || lines[5] != "prove of 4 databases: 1 found, 2 unknown, 1 clean" {
		t.Errorf("exit %d:\n%s", code, text)
	}
	if code, text := run("fleet", "audit", "--group", "away", "-q"); code != exitUnknown {
		t.Errorf("what cannot be reached: exit %d:\n%s", code, text)
	}
	if code, text := run("fleet", "prove", "--group", "calm", "-q"); code != exitClean {
		t.Errorf("what is clean: exit %d:\n%s", code, text)
	}
	for _, verb := range []string{"drift", "rollout"} { // nothing was accepted, and no rollout is named
		if code, text := run("fleet", verb, "--group", "calm", "-q"); code != exitUnknown || !strings.Contains(text, "its entry names no") {
			t.Errorf("%s: exit %d:\n%s", verb, code, text)
		}
	}
	for _, args := range [][]string{{"fleet", "audit", "--group", "none"}, {"fleet", "audit", "--parallel", "0"}, {"fleet", "audit", "--format", "sarif"}, {"fleet", "audit", "--fail-on", "grave"}} {
		if code, text := run(args...); code != exitUsage || text != "" {
			t.Errorf("%v: exit %d, %q", args, code, text)
		}
	}
	code, text = run("fleet", "audit", "--format", "json", "-q")
	var doc fleet.Document
	if err := json.Unmarshal([]byte(text), &doc); err != nil || code != exitFound || doc.Schema != "ringfence/fleet/v1" || len(doc.Databases) != 4 || doc.Databases[0].Labels["at"] != "all" {
		t.Errorf("exit %d, %v: %s", code, err, text)
	}
	// The console answers the same questions about each.
	var f readFlags
	f.failOn = "high"
	cf, o := consoleFlags{fleet: fleetFlags{file: file}}, console.Options{}
	end, err := cf.ofFleet(&World{Env: func(k string) (string, bool) { v, ok := env[k]; return v, ok }}, &f, "", &o)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	want := map[string]string{"good": "audit clean, prove clean", "bad": "audit found, prove found", "gone": "not read", "nowhere": "not read"}
	for _, d := range o.Fleet {
		got := "not read"
		if p, err := d.Look(t.Context()); err == nil {
			got = fmt.Sprintf("audit %s, prove %s", p.Lines["audit"].Verdict, p.Lines["prove"].Verdict)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: a password is told: %v", d.Name, err)
		}
		if got != want[d.Name] {
			t.Errorf("%s: %s, want %s", d.Name, got, want[d.Name])
		}
	}
	if _, err := cf.ofFleet(&World{}, &f, "postgres://one", &o); err == nil {
		t.Error("a fleet and one database were taken together")
	}
	saved := filepath.Join(dir, "fleet.json")
	if err := os.WriteFile(saved, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{"html": "<td", "markdown": "| found |", "text": "found"} {
		var stdout, stderr bytes.Buffer
		if code := Do([]string{"report", "--from", saved, "--format", format}, World{Stdout: &stdout, Stderr: &stderr, Env: func(string) (string, bool) { return "", false }}); code != 0 || !strings.Contains(stdout.String(), want) || !strings.Contains(stdout.String(), "audit of 4 databases") {
			t.Errorf("%s: exit %d, %s%s", format, code, stderr.String(), stdout.String())
		}
	}
}
