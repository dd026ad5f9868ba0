package expr

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var update = flag.Bool("update", false, "rewrite golden files")

// versions are the majors that testdata/trees_N.json was recorded on.
var versions = []int{14, 15, 16, 17, 18}

// A recording is what testdata/record.sql prints.
type recording struct {
	Version   int
	Relations []catalog.Relation
	Functions []catalog.Function
	Operators []catalog.Operator
	Types     []catalog.Type
	Trees     map[string]struct{ Relation, Node, Text string }

	reader *Reader
}

func record(t testing.TB, version int) *recording {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("testdata/trees_%d.json", version))
	if err != nil {
		t.Fatal(err)
	}
	var rec recording
	if err := json.Unmarshal(data, &rec); err != nil {
		t.Fatal(err)
	}
	snap := &catalog.Snapshot{Server: catalog.Server{VersionNum: rec.Version}, Relations: rec.Relations, Functions: rec.Functions,
		Operators: rec.Operators, Types: rec.Types}
	snap.Reindex()
	rec.reader = NewReader(snap)
	return &rec
}

// read returns the identity of one recorded tree.
func (rec *recording) read(t testing.TB, name string) string {
	t.Helper()
	tree, ok := rec.Trees[name]
	if !ok {
		t.Fatalf("version %d has no tree %q", rec.Version, name)
	}
	stored := &catalog.Tree{Node: tree.Node}
	if strings.HasPrefix(name, "rule ") || strings.HasPrefix(name, "body ") {
		queries, err := rec.reader.Action(stored)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, q := range queries {
			out = append(out, rec.reader.QueryIdentity(q))
		}
		return strings.Join(out, "\n")
	}
	list, err := rec.reader.Expressions(stored, rec.reader.Snapshot().Relation(tree.Relation))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, rec.reader.Identity(e))
	}
	return strings.Join(out, "\n")
}

// TestRecordedTrees reads every recorded tree of every version and compares it with one golden text for all of them.
func TestRecordedTrees(t *testing.T) {
	golden, err := txtar.ParseFile("testdata/trees.golden")
	if err != nil && !*update {
		t.Fatal(err)
	}
	want := map[string]string{}
	if golden != nil {
		for _, f := range golden.Files {
			want[f.Name] = string(f.Data)
		}
	}
	got := map[string]string{}
	for _, v := range versions {
		rec := record(t, v)
		for name := range rec.Trees {
			text := rec.read(t, name) + "\n"
			if prior, ok := got[name]; ok && prior != text {
				t.Errorf("%s reads differently on %d:\n%s", name, v, cmp.Diff(wrap(prior), wrap(text)))
			}
			got[name] = text
		}
	}
	for name := range got {
		got[name] = wrap(got[name])
	}
	if *update {
		writeGolden(t, got)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded trees (-want +got):\n%s", diff)
	}
}

// wrap breaks a text before each list, for people.
func wrap(s string) string { return strings.ReplaceAll(s, " {", "\n {") }

func writeGolden(t *testing.T, got map[string]string) {
	t.Helper()
	a := &txtar.Archive{Comment: []byte("The trees of trees.sql as the reader sees them, the same on every version.\n")}
	writeArchive(t, "testdata/trees.golden", a, got)
}

// writeArchive adds texts to an archive in order of their names, and writes it.
func writeArchive(t *testing.T, file string, a *txtar.Archive, got map[string]string) {
	t.Helper()
	names := make([]string, 0, len(got))
	for name := range got {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(got[name])})
	}
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}
