package prove

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// corpusDir holds verified attacks, each with its vulnerable state and its repair; package audit has them too.
const corpusDir = "../audit/testdata/corpus"

// A script is one verified attack of the corpus.
type script struct{ pgtest.Script }

// TestCorpus holds the verdicts to verified attacks: the vulnerable state leaks, by logic with a witness that PostgreSQL
// executed, or by the probe of its kind; nothing that was repaired leaks, and what is no hole never does.
func TestCorpus(t *testing.T) {
	server := pgtest.Server(t, 0)
	listed := map[string]bool{}
	for _, read := range pgtest.Scripts(t, corpusDir) {
		s := script{read}
		want, ok := corpus[s.Name]
		if !ok || len(want.vulnerable) == 0 && want.why == "" {
			t.Errorf("%s is not in the table of expectations, or without a reason", s.Name)
		}
		listed[s.Name] = true
		t.Run(s.Name, func(t *testing.T) { s.run(t, server, want) })
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
	s.Load(t, db, s.Vulnerable)
	s.compare(t, db, "vulnerable", want.vulnerable)
	if s.Fix != "" {
		s.Load(t, db, s.Attack+s.Fix)
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

// prove gives the lines of plain prove, and of the attack where it found what logic did not.
func (s script) prove(t *testing.T, db *pgtest.Database) []string {
	t.Helper()
	m, cells := executed(t, db, s.App)
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
