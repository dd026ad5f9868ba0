package reach_test

import (
	"cmp"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestWays reads the schema of every testdata/*.txtar on a real server and compares the ways that are privileged with want.
//
// "roles" lists one role a line (name and attributes); the schema writes a role as <name>. "only" limits the commands that
// are shown; "version" is the server's version_num where another than that of the machine's is meant.
func TestWays(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			f := load(t, file)
			got := f.ways(t)
			if *update {
				f.Rewrite(t, got)
				return
			}
			if diff := gocmp.Diff(strings.Split(f.Part("want"), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("ways (-want +got):\n%s\nwhole:\n%s", diff, got)
			}
		})
	}
}

// ways shows the ways of the fixture's model.
func (f fixture) ways(t *testing.T) string {
	t.Helper()
	return f.Plain(show(reach.Ways(f.model(t)), strings.Fields(f.Part("only"))))
}

var update = flag.Bool("update", false, "write what was found into the fixtures; read the difference before committing it")

// A fixture is a schema on a real database.
type fixture struct{ *pgtest.Fixture }

func load(t testing.TB, file string) fixture {
	t.Helper()
	return fixture{pgtest.LoadFixture(t, pgtest.DB(t), file)}
}

func (f fixture) model(t *testing.T) *tenancy.Model {
	t.Helper()
	snap, err := catalog.Read(t.Context(), f.DB.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if v := strings.TrimSpace(f.Part("version")); v != "" {
		if snap.Server.VersionNum, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	var opts tenancy.Options
	for name := range strings.FieldsSeq(f.Part("app")) {
		opts.AppRoles = append(opts.AppRoles, f.Role(name))
	}
	m, err := tenancy.Infer(snap, opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// show writes the privileged ways, those that come to the same on one line.
func show(ways []reach.Way, only []string) string {
	var order []string
	verbs := make(map[string][]string)
	for _, w := range ways {
		if !w.Privileged || len(only) > 0 && !slices.Contains(only, string(w.Command)) {
			continue
		}
		line := line(w)
		if verbs[line] == nil {
			order = append(order, line)
		}
		verb := string(w.Command)
		if w.Variant != "" {
			verb += "/" + w.Variant
		}
		if w.Kind == reach.Inference {
			verb += "?"
		}
		verbs[line] = append(verbs[line], verb)
	}
	var b strings.Builder
	for _, line := range order {
		fmt.Fprintf(&b, "%s: %s\n", strings.Join(verbs[line], " "), line)
	}
	return b.String()
}

func line(w reach.Way) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", w.Role)
	for _, h := range w.Path {
		fmt.Fprintf(&b, " > %s %s", h.Via, h.Name)
	}
	fmt.Fprintf(&b, " > %s", w.Relation.Identity())
	if w.As != w.Role {
		fmt.Fprintf(&b, " as %s", w.As)
	}
	if w.CurrentUser != w.As {
		fmt.Fprintf(&b, " current_user %s", w.CurrentUser)
	}
	if w.Columns != nil {
		fmt.Fprintf(&b, " columns %s", strings.Join(w.Columns, ","))
	}
	if w.Unbound != "" {
		fmt.Fprintf(&b, " UNBOUND %s", w.Unbound)
	}
	if w.Opaque != "" {
		fmt.Fprintf(&b, " OPAQUE %s", w.Opaque)
	}
	if w.Asked {
		b.WriteString(" ASKED")
	}
	if w.Soft != nil {
		fmt.Fprintf(&b, " soft=%s", text(w.Soft))
	}
	if w.Args {
		b.WriteString(" args")
	}
	for _, p := range w.Policies {
		fmt.Fprintf(&b, " policy %s", p.Name)
	}
	fmt.Fprintf(&b, " old=%s new=%s", text(w.Old), text(w.New))
	return strings.TrimRight(b.String(), " ") + cmp.Or(suffix(w.Note), "")
}

func suffix(note string) string {
	if note == "" {
		return ""
	}
	return " NOTE " + note
}
