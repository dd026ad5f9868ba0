package impact_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/impact"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var update = flag.Bool("update", false, "write what is measured into the fixtures")

// A fixture is testdata/NAME.txtar: schema.sql with rows, a ringfence.yaml, and want, what each role loses by table. $app, $owner and
// $service are roles of this test.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { fixture(t, file) })
	}
}

func fixture(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*txtar.File{}
	for i := range archive.Files {
		files[archive.Files[i].Name] = &archive.Files[i]
	}
	db, names := load(t, string(files["schema.sql"].Data))
	config := ""
	if f := files["ringfence.yaml"]; f != nil {
		config = names.Replace(string(f.Data))
	}
	m, p := modelAndPlan(t, db, config, names.Replace("$app"))
	doc, err := impact.Measure(t.Context(), db.Super, m, p, impact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.NewReplacer(names.Replace("$app"), "$app", names.Replace("$owner"), "$owner").Replace(text(doc))
	if *update {
		files["want"].Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(files["want"].Data), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// load makes a database with the roles that a fixture names.
func load(t *testing.T, schema string) (*pgtest.Database, *strings.Replacer) {
	t.Helper()
	return loadInto(t, pgtest.DB(t), schema)
}

func loadInto(t testing.TB, db *pgtest.Database, schema string) (*pgtest.Database, *strings.Replacer) {
	t.Helper()
	names := strings.NewReplacer("$app", db.Role(t, "app", "LOGIN"), "$owner", db.Role(t, "owner", "LOGIN"), "$service", db.Role(t, "service", "BYPASSRLS"))
	pgtest.LoadSQL(t, db, names.Replace(schema))
	return db, names
}

func modelAndPlan(t testing.TB, db *pgtest.Database, config, app string) (*tenancy.Model, *plan.Plan) {
	t.Helper()
	m := modelOf(t, db, config, app)
	p, err := harden.Plan(m, plan.Options{Allow: []string{"drop_policy", "replace_policy"}})
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

func modelOf(t testing.TB, db *pgtest.Database, config, app string) *tenancy.Model {
	t.Helper()
	c, err := tenancy.ParseConfig("ringfence.yaml", []byte(config))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{Config: c, AppRoles: []string{app}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// text writes a document shortly.
func text(d *impact.Document) string {
	var b strings.Builder
	for _, t := range d.Impact {
		fmt.Fprintf(&b, "%s exact=%v rows=%d", t.Table, t.Counted.Exact, t.Counted.Rows)
		if t.Unknown != "" {
			fmt.Fprintf(&b, " unknown: %s", t.Unknown)
		}
		if t.Accepted != nil {
			fmt.Fprintf(&b, " accepted by %s", t.Accepted.By)
		}
		b.WriteString("\n")
		for _, e := range t.Effects {
			fmt.Fprintf(&b, "  %s %s %s: %s -> %s\n", e.Role, e.Command, e.Change, e.Before, e.After)
		}
		for _, n := range t.Tenants {
			fmt.Fprintf(&b, "  tenant %q: own %d, sees %d -> %d, loses %d\n", n.Tenant, n.Own, n.Before, n.After, n.Lost)
		}
		for _, l := range t.Losses {
			fmt.Fprintf(&b, "  loses %s %d unexpected=%v\n", l.Cause, l.Rows, l.Unexpected)
		}
	}
	if err := d.Gate(); err != nil {
		fmt.Fprintf(&b, "refused: %v\n", err)
	}
	return b.String()
}
