package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestHostilePlans gives every verb that reads a plan's directory ones that nobody should trust. Each is turned away with a
// word, quickly, with nothing on stdout, and the database stays as it was.
func TestHostilePlans(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, 0)
	db, dir := open(t, server, shop)
	plan(t, shop, dir, db.DSN(""), "good")
	text, err := os.ReadFile(filepath.Join(dir, "good", "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	before := fingerprints(t, db.DSN(""))
	for name, spoil := range spoilers(text) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := filepath.Join(t.TempDir(), "plan")
			if err := os.CopyFS(bad, os.DirFS(filepath.Join(dir, "good"))); err != nil {
				t.Fatal(err)
			}
			spoil(t, bad)
			for _, verb := range []string{"apply", "verify", "rollback"} {
				turnedAway(t, dir, verb, bad, db.DSN(""))
			}
		})
	}
	t.Cleanup(func() { same(t, "after hostile plans", before, fingerprints(t, db.DSN(""))) })
}

// turnedAway runs the program and wants a refusal.
func turnedAway(t *testing.T, dir string, args ...string) {
	t.Helper()
	began := time.Now()
	p := start(t, dir, nil, append(args, "--format", "json")...)
	if code := p.code(); code != 1 && code != 2 && code != 4 {
		t.Errorf("%v: exit %d: %s", args[:2], code, tail(p.stderr.String()))
	}
	if d := time.Since(began); d > time.Minute {
		t.Errorf("%v: it took %s to say no", args[:2], d)
	}
	if p.stdout.Len() > 0 {
		t.Errorf("%v: stdout has %q", args[:2], tail(p.stdout.String()))
	}
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	var last struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); p.code() <= 2 && (err != nil || last.Error.Message == "") {
		t.Errorf("%v: the last line of stderr is no error: %q", args[:2], lines[len(lines)-1])
	}
	if strings.Contains(p.stderr.String(), "goroutine ") {
		t.Errorf("%v: it crashed: %s", args[:2], tail(p.stderr.String()))
	}
}

// spoilers are the ways in which a plan's directory is made bad.
func spoilers(good []byte) map[string]func(*testing.T, string) {
	put := func(text []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "plan.json"), text, 0o600))
		}
	}
	instead := func(put func(file string) error) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			file := filepath.Join(dir, "plan.json")
			must(t, os.Remove(file))
			must(t, put(file))
		}
	}
	edited := bytes.Replace(good, []byte("ENABLE ROW LEVEL SECURITY"), []byte("DISABLE ROW LEVEL SECURITY"), 1)
	return map[string]func(*testing.T, string){
		"empty":         put(nil),
		"truncated":     put(good[:len(good)/2]),
		"one byte less": put(bytes.TrimRight(good, "\n}")),
		"edited":        put(edited),
		"other schema":  put(bytes.Replace(good, []byte("ringfence/plan/v1"), []byte("ringfence/plan/v9"), 1)),
		"no schema":     put([]byte(`{"steps":[]}`)),
		"null":          put([]byte("null")),
		"twice":         put(append(bytes.Clone(good), good...)),
		"not UTF-8":     put([]byte("{\"schema\":\"\xff\"}")),
		"deep":          put([]byte(strings.Repeat("[", 1<<20))),
		"no plan":       func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "plan.json"))) },
		"no directory":  func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) },
		"a directory":   instead(func(f string) error { return os.Mkdir(f, 0o700) }),
		"link to self":  instead(func(f string) error { return os.Symlink("plan.json", f) }),
		"link to zeros": instead(func(f string) error { return os.Symlink("/dev/zero", f) }),
		"link nowhere":  instead(func(f string) error { return os.Symlink("nowhere", f) }),
		"pipe":          instead(func(f string) error { return syscall.Mkfifo(f, 0o600) }),
		"huge":          func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, "plan.json"), 1<<40)) },
		"other forward": func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "forward.sql"), []byte("DROP TABLE shop.note;\n"), 0o600))
		},
		"huge forward": func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, "forward.sql"), 1<<40)) },
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestUnreadablePlan is a plan that only somebody else may read.
func TestUnreadablePlan(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "plan.json"), []byte("{}"), 0o000))
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(dir), 0o755)) // the test's own; others pass through to be turned away at the file
	p := start(t, home, ordinary(t), "apply", dir, "host=127.0.0.1 port=1")
	if code := p.code(); code != 1 {
		t.Errorf("exit %d: %s", code, &p.stderr)
	}
	if !strings.Contains(p.stderr.String(), "permission denied") {
		t.Errorf("stderr does not say why: %s", &p.stderr)
	}
}

// formatsOf are both formats where the program comes as far as a document, or to a server that answers.
func formatsOf(dsn string) []string {
	if dsn == "works" || dsn == "nobody listens" {
		return []string{"text", "json"}
	}
	return []string{"json"}
}

// TestPasswordsStayInside gives every verb DSNs that carry a password and cannot work, and one that does, and looks for the
// password in all that is printed.
func TestPasswordsStayInside(t *testing.T) {
	t.Parallel()
	const secret = "Xq7sEcReTw9"
	server := pgtest.Server(t, 0)
	db, dir := open(t, server, shop)
	works := db.DSN("shop_owner") + "&password=" + secret
	plan(t, shop, dir, db.DSN(""), "out")
	dsns := map[string]string{
		"nobody listens":   "postgres://u:" + secret + "@127.0.0.1:1/db",
		"no such host":     "postgres://u:" + secret + "@no-such-host.invalid/db",
		"bad port":         "postgres://u:" + secret + "@127.0.0.1:99999999/db",
		"bad escape":       "postgres://u:" + secret + "%zz@127.0.0.1/db",
		"slash in it":      "postgres://u:a/" + secret + "@127.0.0.1:1/db",
		"at and hash":      "postgres://u:a#@" + secret + "@127.0.0.1:1/db",
		"bad TLS mode":     "postgres://u:" + secret + "@127.0.0.1:1/db?sslmode=nonsense",
		"bad scheme":       "mysql://u:" + secret + "@127.0.0.1/db",
		"keywords":         "host=127.0.0.1 port=1 user=u password=" + secret,
		"open quote":       "host=127.0.0.1 port=1 user=u password='" + secret,
		"bad keyword":      "host=127.0.0.1 port=1 passwort=" + secret + " password=" + secret,
		"parameter":        "postgres://u@127.0.0.1:1/db?password=" + secret,
		"no such database": strings.Replace(works, db.Name, "no_such_database", 1),
		"works":            works,
	}
	verbs := [][]string{{"audit"}, {"init", "-o", filepath.Join(t.TempDir(), "i.yaml")}, {"snapshot"}, {"prove"}, {"plan", "-o", filepath.Join(t.TempDir(), "p")},
		{"apply", "out", "--dry-run"}, {"verify", "out", "--no-attack"}, {"rollback", "out", "--dry-run"}}
	ran := 0
	for name, dsn := range dsns {
		for _, verb := range verbs {
			for _, format := range formatsOf(name) {
				var args []string
				if verb[0] == "apply" || verb[0] == "verify" || verb[0] == "rollback" {
					args = append([]string{verb[0], "out", dsn}, verb[2:]...)
				} else {
					args = append([]string{verb[0], dsn}, verb[1:]...)
				}
				if verb[0] != "init" && verb[0] != "snapshot" {
					args = append(args, "--format", format)
				}
				p := start(t, dir, nil, args...)
				code := p.code()
				ran++
				if name != "works" && code != 1 && code != 2 {
					t.Errorf("%s, %s: exit %d: %s", name, verb[0], code, tail(p.stderr.String()))
				}
				if strings.Contains(p.stdout.String()+p.stderr.String(), secret) {
					t.Errorf("%s, %s, %s: the password is printed: %s", name, verb[0], format, tail(p.stderr.String()))
				}
			}
		}
	}
	if ran < len(dsns)*len(verbs) {
		t.Errorf("%d runs of %d DSNs and %d verbs", ran, len(dsns), len(verbs))
	}
	control := start(t, dir, nil, "audit", "host=127.0.0.1 port=1 user="+secret)
	if control.code(); !strings.Contains(control.stderr.String(), secret) {
		t.Errorf("a user's name is not printed either, so that this looks for nothing: %s", &control.stderr)
	}
}
