package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A script is one verified attack of testdata/corpus: its vulnerable state, the attack, and the repair.
type script struct {
	name, app   string
	head        string // psql's settings, before all
	vulnerable  string
	attack, fix string // fix is empty for controls and for bugs of the server that nothing but an update mends
}

var appOf = regexp.MustCompile(`(?m)^\\set app (\S+)`)

func readScript(t *testing.T, file string) script {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := script{name: strings.TrimSuffix(filepath.Base(file), ".sql")}
	parts := strings.Split(string(raw), "\n-- @@")
	s.head = parts[0]
	var into *string
	for _, p := range parts[1:] {
		title, body, _ := strings.Cut(p, "\n")
		switch title, _, _ = strings.Cut(title, " "); title {
		case "SETUP":
			into = &s.vulnerable
		case "DETECT", "ATTACK":
			into = &s.attack
		case "FIX":
			into = &s.fix
		default: // DETECT-FIXED, RECHECK: of the file itself
			into = new(string)
		}
		*into += body + "\n"
	}
	if m := appOf.FindStringSubmatch(s.head); m != nil {
		s.app = m[1]
	}
	if s.app == "" || s.vulnerable == "" {
		t.Fatalf("%s names no application role, or has no state", file)
	}
	return s
}

// TestCorpus holds the rules to verified attacks: where the catalogue shows the hole, a finding names its object; what is
// repaired, and what is no hole, has none at high or above.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	server := pgtest.Server(t, 0)
	listed := map[string]bool{}
	for _, file := range files {
		s := readScript(t, file)
		want, ok := corpus[s.name]
		if !ok {
			t.Errorf("%s is not in the table of expectations", s.name)
		}
		listed[s.name] = true
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // names are unique: all can share a cluster
			s.run(t, server, want)
		})
	}
	for name := range corpus {
		if !listed[name] {
			t.Errorf("%s is expected, and there is no such file", name)
		}
	}
}

func (s script) run(t *testing.T, server *pgtest.Instance, want expectation) {
	db := server.DB(t)
	s.load(t, db, s.vulnerable)
	found := s.audit(t, db)
	t.Logf("vulnerable:\n%s", detail(found))
	if want.rule != "" && !slices.ContainsFunc(found, want.met) {
		t.Errorf("the vulnerable state: no %s on %s at %s or above; found:\n%s", want.rule, want.object, want.severity, detail(found))
	}
	if want.rule == "" {
		s.silent(t, "the state", found, want)
	}
	if s.fix == "" {
		return
	}
	s.load(t, db, s.attack+s.fix)
	found = s.audit(t, db)
	t.Logf("fixed:\n%s", detail(found))
	s.silent(t, "the fixed state", found, want)
}

// silent wants nothing at high or above.
func (s script) silent(t *testing.T, state string, found []Finding, want expectation) {
	t.Helper()
	for _, f := range found {
		if rank(f.Severity) <= rank(High) && !slices.Contains(want.stays, f.ID+" "+f.Object) {
			t.Errorf("%s: %s %s on %s: %s", state, f.Severity, f.ID, f.Object, f.Detail)
		}
	}
}

// load runs a part of the script by psql. The attack may be refused where the server has the bug mended: what it leaves behind
// is looked at, not what it prints.
func (s script) load(t *testing.T, db *pgtest.Database, sql string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "part.sql")
	if err := os.WriteFile(file, []byte(s.head+"\n"+sql), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := pgtest.RunPSQL(t, db, file)
	if err != nil {
		t.Fatalf("loading %s: %v\n%s", s.name, err, out)
	}
}

func (s script) audit(t *testing.T, db *pgtest.Database) []Finding {
	t.Helper()
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{s.app}})
	if err != nil {
		t.Fatal(err)
	}
	out := Run(Read(m), Rules(), time.Now())
	for _, u := range out.Unchecked {
		if strings.Contains(u.Why, "ended abnormally") {
			t.Error(fmt.Sprint(u))
		}
	}
	return out.Findings
}
