package plan

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// planFixture is what a fixture's input.json may say beside its schema and configuration.
type planFixture struct {
	Wants   []Want
	Options Options
	Holds   []string // policies that are vouched for, by identity
	Session string   // who plans
	Super   bool     // whether the session that plans counts as one that sees all rows; else no superuser does
}

// TestPlans plans for every schema of testdata/plan: want is the plan in one line a step. The steps are then done, planning again
// must give an empty plan but for what is withheld, and going back must give the catalogue from before.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/plan/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	server := pgtest.Server(t, 15)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for _, f := range archive.Files {
				parts[f.Name] = string(f.Data)
			}
			got := holdPlan(t, newWorld(t, server, parts["schema.sql"], parts["ringfence.yaml"]), parts)
			if *update {
				rewrite(t, file, archive, got)
			}
		})
	}
}

var update = flag.Bool("update", false, "write the plans as they are into testdata/plan, to be read before they are committed")

// rewrite puts what was planned in the place of what was wanted.
func rewrite(t *testing.T, file string, archive *txtar.Archive, got string) {
	t.Helper()
	for i := range archive.Files {
		if archive.Files[i].Name == "want" {
			archive.Files[i].Data = []byte(got)
		}
	}
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// holdPlan holds one fixture to its promises and returns its plan, a line a step.
func holdPlan(t *testing.T, w *world, parts map[string]string) string {
	var fixture planFixture
	if text := parts["input.json"]; text != "" {
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&fixture); err != nil {
			t.Fatal(err)
		}
	}
	if fixture.Session == "" {
		fixture.Session = "somebody"
	}
	in := Input{Wants: fixture.Wants, Options: fixture.Options}
	if fixture.Holds != nil {
		in.Judge = func(r *catalog.Relation, p *catalog.Policy) Verdict {
			for _, identity := range fixture.Holds {
				if p.Identity(r) == identity {
					return Holds
				}
			}
			return Leaks
		}
	}
	w.ordinary, w.session = !fixture.Super, fixture.Session
	before := catalogue(t, w.Database)
	p := w.plan(t, in)
	planned := summary(p)
	if diff := cmp.Diff(strings.Split(parts["want"], "\n"), strings.Split(planned, "\n")); diff != "" && !*update {
		t.Errorf("the plan (-want +got):\n%s\nwhole:\n%s", diff, summary(p))
	}
	w.do(t, p)
	if again := w.plan(t, in); len(again.Steps) > 0 {
		t.Errorf("planning again is not empty:\n%s", summary(again))
	}
	w.undo(t, p)
	w.Exec(t, "DROP SCHEMA IF EXISTS ringfence")
	if _, comparable := parts["not-undone"]; comparable {
		return planned // says why in its first line
	}
	if diff := cmp.Diff(before, catalogue(t, w.Database)); diff != "" {
		t.Errorf("after going back the catalogue differs (-before +after):\n%s", diff)
	}
	return planned
}
