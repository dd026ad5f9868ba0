package tenancy_test

import (
	"cmp"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestInfer reads the schema of every testdata/*.txtar on a real server and compares the whole model with want.
//
// "roles" lists one role a line (name and attributes); the schema writes a role as <name>.
func TestInfer(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			f := load(t, file)
			m, err := tenancy.Infer(f.snapshot(t), tenancy.Options{Config: f.config(t)})
			got := ""
			if err != nil {
				got = "error: " + err.Error() + "\n"
			} else {
				got = show(m)
			}
			if *update {
				f.Rewrite(t, f.Plain(got))
				return
			}
			if diff := gocmp.Diff(strings.Split(f.Part("want"), "\n"), strings.Split(f.Plain(got), "\n")); diff != "" {
				t.Errorf("model (-want +got):\n%s\nwhole:\n%s", diff, f.Plain(got))
			}
		})
	}
}

var update = flag.Bool("update", false, "write what was found into the fixtures; read the difference before committing it")

// A fixture is a schema on a real database.
type fixture struct{ *pgtest.Fixture }

func load(t *testing.T, file string) fixture {
	t.Helper()
	return fixture{pgtest.LoadFixture(t, pgtest.DB(t), file)}
}

func (f fixture) snapshot(t *testing.T) *catalog.Snapshot {
	t.Helper()
	snap, err := catalog.Read(t.Context(), f.DB.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func (f fixture) config(t *testing.T) *tenancy.Config {
	t.Helper()
	text := f.SQL(f.Part("ringfence.yaml"))
	if text == "" {
		return nil
	}
	c, err := tenancy.ParseConfig("ringfence.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// show writes a model for comparison.
func show(m *tenancy.Model) string {
	var b strings.Builder
	fmt.Fprintf(&b, "columns %s\n", strings.Join(m.TenantColumns, " "))
	for _, c := range m.Contexts {
		fmt.Fprintf(&b, "context %s %s", c.Kind, c.Name)
		if len(c.Path) > 0 {
			fmt.Fprintf(&b, "#%s", strings.Join(c.Path, "."))
		}
		fmt.Fprintf(&b, " uses=%d", c.Uses)
		if c.Principal {
			b.WriteString(" principal")
		}
		b.WriteByte('\n')
	}
	for _, r := range m.Roles {
		fmt.Fprintf(&b, "role %s %s\n", r.Kind, r.Name)
	}
	for _, t := range m.Tables {
		fmt.Fprintf(&b, "table %s %s", strings.ReplaceAll(t.Relation.Identity(), "\n", `\n`), t.Class)
		if len(t.Key) > 0 {
			fmt.Fprintf(&b, " key=%s", strings.Join(t.Key, ","))
		}
		if t.Nullable {
			b.WriteString(" nullable")
		}
		if len(t.Principals) > 0 {
			fmt.Fprintf(&b, " of=%s", strings.Join(t.Principals, ","))
		}
		if t.Parent != nil {
			fmt.Fprintf(&b, " by %s (%s)", t.Parent, t.Parent.Source)
		}
		fmt.Fprintf(&b, " %s\n", cmp.Or(string(t.Confidence), "-"))
	}
	if len(m.Sentinels) > 0 {
		fmt.Fprintf(&b, "sentinels %q\n", m.Sentinels)
	}
	for _, q := range m.Questions {
		fmt.Fprintf(&b, "question %s: %s\n", q.About, strings.Join(slices.Clone(q.Candidates), " or "))
	}
	return b.String()
}
