package audit

import (
	"os"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A right schema gives nothing at medium or above; the same schema with one switch thrown does.
func TestRightSchema(t *testing.T) {
	sql, err := os.ReadFile("testdata/right.sql")
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, fixture{files: map[string]string{"roles": "app"}})
	s.load(string(sql))
	if grave := atLeast(Medium, s.all()); len(grave) > 0 {
		t.Errorf("a right schema has findings:\n%s", detail(grave))
	}
	pgtest.LoadSQL(t, s.db, "ALTER TABLE core.customers DISABLE ROW LEVEL SECURITY")
	if grave := atLeast(Critical, s.all()); len(grave) == 0 {
		t.Error("the control: row security off is not found")
	}
}

// all runs every rule.
func (s *stage) all() []Finding {
	s.t.Helper()
	snap, err := catalog.Read(s.t.Context(), s.db.Super, catalog.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: s.apps})
	if err != nil {
		s.t.Fatal(err)
	}
	return Run(Read(m), Rules(), time.Now()).Findings
}

func atLeast(s Severity, found []Finding) []Finding {
	var out []Finding
	for _, f := range found {
		if rank(f.Severity) <= rank(s) {
			out = append(out, f)
		}
	}
	return out
}
