package pgtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A Script is a verified attack for psql: its vulnerable state, the attack, and
// the repair, in parts that begin with "-- @@SETUP", "-- @@DETECT" or
// "-- @@ATTACK", and "-- @@FIX".
type Script struct {
	Name, App   string
	head        string // psql's settings, before all
	Vulnerable  string
	Attack, Fix string // Fix is empty for controls, and for bugs of the server that nothing but an update mends
}

var appOf = regexp.MustCompile(`(?m)^\\set app (\S+)`)

// readScript reads a script, which has to name the application's role.
func readScript(t testing.TB, file string) Script {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := Script{Name: strings.TrimSuffix(filepath.Base(file), ".sql")}
	parts := strings.Split(string(raw), "\n-- @@")
	s.head = parts[0]
	var into *string
	for _, p := range parts[1:] {
		title, body, _ := strings.Cut(p, "\n")
		switch title, _, _ = strings.Cut(title, " "); title {
		case "SETUP":
			into = &s.Vulnerable
		case "DETECT", "ATTACK":
			into = &s.Attack
		case "FIX":
			into = &s.Fix
		default: // DETECT-FIXED, RECHECK: of the file itself
			into = new(string)
		}
		*into += body + "\n"
	}
	if m := appOf.FindStringSubmatch(s.head); m != nil {
		s.App = m[1]
	}
	if s.App == "" || s.Vulnerable == "" {
		t.Fatalf("%s names no application role, or has no state", file)
	}
	return s
}

// Scripts reads all scripts of a folder; there is at least one.
func Scripts(t testing.TB, dir string) []Script {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	all := make([]Script, len(files))
	for i, file := range files {
		all[i] = readScript(t, file)
	}
	return all
}

// Load runs a part of the script. The attack may be refused where the server
// has the bug mended: what it leaves behind is to be looked at, not what it
// prints.
func (s Script) Load(t testing.TB, db *Database, sql string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "part.sql")
	if err := os.WriteFile(file, []byte(s.head+"\n"+sql), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := RunPSQL(t, db, file); err != nil {
		t.Fatalf("loading %s: %v\n%s", s.Name, err, out)
	}
}
