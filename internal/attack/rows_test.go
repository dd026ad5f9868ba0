package attack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestRows makes rows in tables with every kind of constraint, each row of two tenants, and reads them back as their owners.
// The archive's files are schemas; "unmade" lists the tables where it cannot be done, and what stands in the way.
func TestRows(t *testing.T) {
	files, err := filepath.Glob("testdata/rows/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for _, p := range txtar.Parse(data).Files {
				parts[p.Name] = string(p.Data)
			}
			w := load(t, parts["schema.sql"])
			r := w.attack(t, Options{Probes: []Probe{read, insertForged}, Seed: 11, Clone: true})
			got := ""
			for _, u := range r.Unmade {
				got += u.Table + ": " + u.Constraint + ": " + u.Why + "\n"
			}
			if diff := cmp.Diff(parts["unmade"], got); diff != "" {
				t.Errorf("tables whose rows were not made (-want +got):\n%s", diff)
			}
			unmade := map[string]bool{}
			for _, u := range r.Unmade {
				unmade[u.Table] = true
			}
			for _, e := range r.Entries {
				if e.Outcome != Held && !unmade[e.Table] {
					t.Errorf("%s on %s: %s %s %s %s\n\t%s", e.Probe, e.Table, e.Outcome, e.Code, e.Why, e.SQLState, e.Statement)
				}
			}
		})
	}
}
