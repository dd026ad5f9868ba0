package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A script is one verified attack of testdata/corpus.
type script struct{ pgtest.Script }

// TestCorpus holds the rules to verified attacks: where the catalogue shows the hole, a finding names its object; what is
// repaired, and what is no hole, has none at high or above.
func TestCorpus(t *testing.T) {
	server := pgtest.Server(t, 0)
	listed := map[string]bool{}
	for _, read := range pgtest.Scripts(t, "testdata/corpus") {
		s := script{read}
		want, ok := corpus[s.Name]
		if !ok {
			t.Errorf("%s is not in the table of expectations", s.Name)
		}
		listed[s.Name] = true
		t.Run(s.Name, func(t *testing.T) {
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
	s.Load(t, db, s.Vulnerable)
	found := s.audit(t, db)
	t.Logf("vulnerable:\n%s", detail(found))
	if want.rule != "" && !slices.ContainsFunc(found, want.met) {
		t.Errorf("the vulnerable state: no %s on %s at %s or above; found:\n%s", want.rule, want.object, want.severity, detail(found))
	}
	if want.rule == "" {
		s.silent(t, "the state", found, want)
	}
	if s.Fix == "" {
		return
	}
	s.Load(t, db, s.Attack+s.Fix)
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

func (s script) audit(t *testing.T, db *pgtest.Database) []Finding {
	t.Helper()
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{s.App}})
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
