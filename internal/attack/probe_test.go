package attack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestProbes has every probe earn each of its verdicts on a real database. A probe without fixtures fails.
func TestProbes(t *testing.T) {
	for _, p := range All() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(filepath.Join("testdata", p.Name+".txtar"))
			if err != nil {
				t.Fatalf("a probe needs fixtures: %v", err)
			}
			files := map[string]string{}
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}
			for _, want := range []Outcome{Held, Leaked, Inconclusive} {
				script, ok := files[string(want)+".sql"]
				if !ok {
					t.Errorf("%s.sql is missing", want)
					continue
				}
				t.Run(string(want), func(t *testing.T) { earn(t, p, files["schema.sql"]+script, want) })
			}
		})
	}
}

// earn runs one probe on one script and compares the outcome.
func earn(t *testing.T, p Probe, script string, want Outcome) {
	t.Helper()
	w := load(t, script)
	r := w.attack(t, Options{Probes: []Probe{p}, Seed: 7, Clone: p.Clone, Tables: tablesOf(script)})
	var got []Outcome
	for _, e := range r.Entries {
		t.Logf("%s %s %s %s: %s %s %s\n\t%s", e.Probe, e.Table, e.Command, e.Path, e.Outcome, e.Code, e.Why, e.Statement)
		got = append(got, e.Outcome)
		if e.Outcome == Leaked && (e.Witness == nil || e.Statement == "") {
			t.Errorf("a leak of %s without its witness or statement", e.Table)
		}
	}
	if o := overall(got); o != want {
		t.Errorf("outcome %s, want %s; notes %q, unmade %v", o, want, r.Notes, r.Unmade)
	}
	if slices.ContainsFunc(r.Unmade, func(u Unmade) bool { return want != Inconclusive }) {
		t.Errorf("rows could not be made: %v", r.Unmade)
	}
}

// tablesOf returns the tables that a script's header limits the attack to.
func tablesOf(script string) []string {
	var out []string
	for _, h := range headers(script)["attack"] {
		out = append(out, h...)
	}
	return out
}

// overall is the worst of several outcomes; none at all is inconclusive.
func overall(outcomes []Outcome) Outcome {
	switch {
	case slices.Contains(outcomes, Leaked):
		return Leaked
	case slices.Contains(outcomes, Inconclusive) || len(outcomes) == 0:
		return Inconclusive
	default:
		return Held
	}
}

// TestListed holds the list against the files: every probe file has its probe in All, under the file's name.
func TestListed(t *testing.T) {
	files, err := filepath.Glob("probe_*.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range files {
		if name := strings.TrimSuffix(strings.TrimPrefix(f, "probe_"), ".go"); !strings.HasSuffix(name, "test") {
			want = append(want, name)
		}
	}
	for _, p := range All() {
		got = append(got, p.Name)
		if p.Doc == "" || p.Command == "" || (p.Kind != "isolation" && p.Kind != "inference") || p.Try == nil {
			t.Errorf("probe %s is not complete", p.Name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("All() lists %v, the files are %v", got, want)
	}
	data, _ := os.ReadDir("testdata")
	for _, d := range data {
		if name := strings.TrimSuffix(d.Name(), ".txtar"); !slices.Contains(got, name) && strings.HasSuffix(d.Name(), ".txtar") {
			t.Errorf("testdata/%s belongs to no probe", d.Name())
		}
	}
}
