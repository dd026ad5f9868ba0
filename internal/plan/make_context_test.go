package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// No policy is written on a parameter that no session can set: which those are, PostgreSQL says.
func TestContextThatCannotBeSet(t *testing.T) {
	w := newWorld(t, pgtest.Server(t, 15), "CREATE TABLE notes (id int PRIMARY KEY, tenant_id int NOT NULL);", "tenant_columns: [tenant_id]\n")
	for _, name := range []string{"app.tenant_id", "app.Tenant$1", "a.b.c_", "_x.y", "app.tenánt", "a b; drop", "app.1tenant", ".tenant", "app.", "app..tenant", "app.$tenant", "app.tenant-id", "app.'; x"} {
		_, err := w.conn.Exec(t.Context(), "SELECT set_config($1, 'x', true)", name)
		p := w.plan(t, Input{Options: Options{Context: name}})
		policies := slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Kind == "create_policy" })
		withheld := slices.ContainsFunc(p.Withheld, func(h Withheld) bool { return strings.Contains(h.Why, "no session can set") })
		if can := err == nil; policies != can || withheld == can {
			t.Errorf("%q: set_config says %v; policies are planned: %v, withheld: %v", name, err, policies, withheld)
		}
	}
}
