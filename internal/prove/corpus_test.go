package prove

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// corpusDir holds verified attacks, each with its vulnerable state and its repair; package audit has them too.
const corpusDir = "../audit/testdata/corpus"

// A script is one verified attack: its vulnerable state, the attack, and the repair.
type script struct {
	name, app, head    string
	vulnerable, attack string
	fix                string // empty for controls, and for bugs of the server that nothing but an update mends
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
		default:
			into = new(string)
		}
		*into += body + "\n"
	}
	m := appOf.FindStringSubmatch(s.head)
	if m == nil || s.vulnerable == "" {
		t.Fatalf("%s names no application role, or has no state", file)
	}
	s.app = m[1]
	return s
}

// TestCorpus holds the verdicts to verified attacks: the vulnerable state leaks, by logic with a witness that PostgreSQL
// executed, or by the probe of its kind; nothing that was repaired leaks, and what is no hole never does.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob(corpusDir + "/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	server := pgtest.Server(t, 0)
	listed := map[string]bool{}
	for _, file := range files {
		s := readScript(t, file)
		want, ok := corpus[s.name]
		if !ok || len(want.vulnerable) == 0 && want.why == "" {
			t.Errorf("%s is not in the table of expectations, or without a reason", s.name)
		}
		listed[s.name] = true
		t.Run(s.name, func(t *testing.T) { s.run(t, server, want) })
	}
	for name := range corpus {
		if !listed[name] {
			t.Errorf("%s is expected, and there is no such file", name)
		}
	}
}

func (s script) run(t *testing.T, server *pgtest.Instance, want expectation) {
	defer server.Reset(t)
	db := server.DB(t)
	s.load(t, db, s.vulnerable)
	s.compare(t, db, "vulnerable", want.vulnerable)
	if s.fix != "" {
		s.load(t, db, s.attack+s.fix)
		s.compare(t, db, "fixed", want.fixed)
	}
}

// compare wants exactly these lines of isolation: what leaks or is unproven, directly or on which path, and how it was executed;
// and of what can be guessed at least those that are named.
func (s script) compare(t *testing.T, db *pgtest.Database, state string, want []string) {
	t.Helper()
	got := slices.DeleteFunc(s.prove(t, db), func(l string) bool { return strings.HasPrefix(l, "inference") && !slices.Contains(want, l) })
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", state, quoted(got), quoted(want))
	}
}

func quoted(lines []string) string {
	var out []string
	for _, l := range lines {
		out = append(out, fmt.Sprintf("%q", l))
	}
	return "{" + strings.Join(out, ", ") + "}"
}

func (s script) load(t *testing.T, db *pgtest.Database, sql string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "part.sql")
	if err := os.WriteFile(file, []byte(s.head+"\n"+sql), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := pgtest.RunPSQL(t, db, file); err != nil {
		t.Fatalf("loading %s: %v\n%s", s.name, err, out)
	}
}

// prove gives the lines of plain prove, and of the attack where it found what logic did not.
func (s script) prove(t *testing.T, db *pgtest.Database) []string {
	t.Helper()
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{s.app}})
	if err != nil {
		t.Fatal(err)
	}
	cells := Logic(m, time.Now())
	if _, err := Execute(t.Context(), m, cells, superuser(db)); err != nil {
		t.Fatal(err)
	}
	logic := lines(cells)
	conn, err := superuser(db)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tried, err := attack.Run(t.Context(), attack.Options{Conn: conn, Model: m, AllowWrites: true, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	cells, wrong := Merge(m, cells, tried.Entries, time.Now())
	for _, w := range wrong {
		t.Errorf("proved and broken: %s %s %v by %s: %s", w.Cell.Command, w.Cell.Relation, w.Cell.Path, w.Probe.Probe, w.Probe.Statement)
	}
	for _, l := range lines(cells) {
		if strings.HasSuffix(l, " rows") && !slices.ContainsFunc(logic, func(k string) bool { return strings.HasPrefix(k, strings.TrimSuffix(l, "rows")) }) {
			logic = append(logic, l)
		}
	}
	slices.Sort(logic)
	return logic
}

// lines names what is not proved: verdict, relation, path and how far the best witness was executed.
func lines(cells []Cell) []string {
	best := map[string]string{}
	for _, c := range cells {
		if c.Verdict == Proved || c.Verdict == Probed {
			continue
		}
		k := string(c.Verdict) + " " + c.Relation
		if c.Kind != "isolation" {
			k = c.Kind + " " + k
		}
		for _, h := range c.Path {
			k += " " + h.Via + ":" + h.Name
		}
		executed := ""
		if c.Witness != nil {
			executed = c.Witness.Executed
		}
		if old, ok := best[k]; !ok || rankOf(executed) > rankOf(old) {
			best[k] = executed
		}
	}
	var out []string
	for k, executed := range best {
		out = append(out, strings.TrimSpace(k+" "+executed))
	}
	slices.Sort(out)
	return out
}

func rankOf(executed string) int {
	return slices.Index([]string{"", "no", "expression", "rows"}, executed)
}
