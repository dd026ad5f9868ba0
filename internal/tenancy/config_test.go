package tenancy_test

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestWriteConfig writes the model of every fixture, loads it again, and expects the same decisions: confidence, sources and
// questions aside, which the file answers.
func TestWriteConfig(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			f := load(t, file)
			snap := f.snapshot(t)
			m, err := tenancy.Infer(snap, tenancy.Options{Config: f.config(t)})
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := tenancy.WriteConfig(&b, m); err != nil {
				t.Fatal(err)
			}
			c, err := tenancy.ParseConfig("ringfence.yaml", b.Bytes())
			if err != nil {
				t.Fatalf("%v\n%s", err, b.String())
			}
			again, err := tenancy.Infer(snap, tenancy.Options{Config: c})
			if err != nil {
				t.Fatalf("%v\n%s", err, b.String())
			}
			if diff := gocmp.Diff(decisions(m), decisions(again)); diff != "" {
				t.Errorf("decisions (-inferred +loaded):\n%s\n%s", diff, b.String())
			}
		})
	}
}

// decisions is show without what the file answers.
func decisions(m *tenancy.Model) []string {
	var out []string
	for line := range strings.Lines(show(m)) {
		if strings.HasPrefix(line, "question ") {
			continue
		}
		if strings.HasPrefix(line, "table ") {
			line = line[:strings.LastIndexByte(strings.TrimSpace(line), ' ')]
			for _, source := range []string{"(policy)", "(foreign_key)", "(membership)", "(name)", "(config)"} {
				line = strings.TrimSpace(strings.TrimSuffix(line, source))
			}
		}
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

func TestParseConfigErrors(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"unknown field": {"tenant_columns: [a]\ntenant_colour: b\n", `f:2: unknown field "tenant_colour"`},
		"unknown class": {"tables:\n  s.t:\n    class: mine\n",
			`f:3: tables.s.t.class: "mine" is no class; there are owned, child, root, global, infrastructure and unknown`},
		"key and parent": {"tables:\n  s.t:\n    key: [a]\n    parent: b -> s.u(id)\n", `f:4: tables.s.t.parent: a table has a key of its own or a parent, not both`},
		"role kind":      {"roles:\n  boss: [a]\n", `f:2: roles.boss: "boss" is no kind of role; there are application, owner and service`},
		"no reason": {"accept:\n  - id: X\n    object: o\n    by: me\n    until: 2030-01-01\n",
			`f:2: accept[0]: an acceptance needs a reason`},
		"no date": {"accept:\n  - {id: X, object: o, reason: r, by: me, until: soon}\n",
			`f:2: accept[0].until: "soon" is no date of the form 2006-01-02`},
		"type":  {"tenant_columns: [[a]]\n", `f:1: a list cannot stand here, which wants a text`},
		"claim": {"context: claim:a.b\n", `f:1: context: a claim is written as claim:SETTING#path`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := tenancy.ParseConfig("f", []byte(test.text))
			var bad *tenancy.ConfigError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a ConfigError", err)
			}
			if bad.Error() != test.want {
				t.Errorf("got  %s\nwant %s", bad, test.want)
			}
		})
	}
	if c, err := tenancy.ParseConfig("f", nil); err != nil || c == nil {
		t.Errorf("an empty file: %v, %v; want a configuration", c, err)
	}
	if _, err := tenancy.LoadConfig("testdata/absent.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v, want fs.ErrNotExist", err)
	}
}

func TestAcceptance(t *testing.T) {
	a := tenancy.Acceptance{ID: "cell", Object: "public.log_*", Role: "app", Until: "2030-06-30"}
	covers := map[[4]string]bool{
		{"cell", "public.log_in", "app", "SELECT"}:    true,
		{"cell", "public.log_", "app", "DELETE"}:      true,
		{"cell", "public.log_in", "web", "SELECT"}:    false,
		{"RLS001", "public.log_in", "app", ""}:        false,
		{"cell", "public.catalogue", "app", "SELECT"}: false,
	}
	for x, want := range covers {
		if got := a.Covers(x[0], x[1], x[2], x[3]); got != want {
			t.Errorf("Covers(%v) = %v, want %v", x, got, want)
		}
	}
	last := time.Date(2030, 6, 30, 23, 59, 0, 0, time.UTC)
	if !a.Counts(last) || a.Counts(last.Add(time.Hour)) {
		t.Error("an acceptance counts through its last day and no longer")
	}
	if (&tenancy.Acceptance{Until: "never"}).Counts(last) {
		t.Error("an acceptance without a date counts")
	}
}

func TestUnknownNames(t *testing.T) {
	f := load(t, "testdata/one_table.txtar")
	snap := f.snapshot(t)
	tests := map[string]struct {
		opts tenancy.Options
		want tenancy.UnknownNameError
	}{
		"column": {tenancy.Options{TenantColumns: []string{"tennant_id"}}, tenancy.UnknownNameError{Kind: "tenant column", Name: "tennant_id", Near: []string{"tenant_id"}}},
		"schema": {tenancy.Options{Schemas: []string{"z"}}, tenancy.UnknownNameError{Kind: "schema", Name: "z", Near: []string{"s"}}},
		"role":   {tenancy.Options{AppRoles: []string{"nobody_is_called_that"}}, tenancy.UnknownNameError{Kind: "role", Name: "nobody_is_called_that"}},
		"table": {tenancy.Options{Config: &tenancy.Config{Tables: map[string]tenancy.TableConfig{"s.docs": {Class: tenancy.Global}}}},
			tenancy.UnknownNameError{Kind: "table", Name: "s.docs", Near: []string{"s.doc"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := tenancy.Infer(snap, test.opts)
			var got *tenancy.UnknownNameError
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want an UnknownNameError", err)
			}
			if diff := gocmp.Diff(test.want, *got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := tenancy.Infer(snap, tenancy.Options{TenantColumns: []string{"tenant_id"}, Schemas: []string{"s"}}); err != nil {
		t.Errorf("names that exist: %v", err)
	}
}
