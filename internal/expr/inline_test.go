package expr

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestInlineStaysSmall nests a helper that doubles its argument: what comes out is bounded, and the rest stays calls.
func TestInlineStaysSmall(t *testing.T) {
	r := fixture(t, "CREATE FUNCTION s.twice(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT t || t $$")
	f := r.Snapshot().Function("s.twice(pg_catalog.text)")
	var e Expr = &Const{TypeOID: textOID, Known: true, Text: "x"}
	for range 60 {
		e = &Call{OID: f.OID, Func: f, Args: []Expr{e}, TypeOID: textOID}
	}
	got := r.Inline(e)
	if c, ok := got.(*Call); !ok || c.Func != f {
		t.Errorf("the outermost call is gone: %T", got)
	}
	if outgrows(got, 2*maxNodes) {
		t.Error("what was inlined has no bound")
	}
}

// TestInline compares, for each policy of inline.txtar, the identity after inlining and the helpers it went through.
func TestInline(t *testing.T) {
	a, err := txtar.ParseFile("testdata/inline.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var setup string
	want := map[string]string{}
	for _, f := range a.Files {
		if f.Name == "setup.sql" {
			setup = string(f.Data)
		} else {
			want[f.Name] = string(f.Data)
		}
	}
	r := fixture(t, setup)
	rel := r.Snapshot().Relation("h.doc")
	got := map[string]string{}
	for i := range rel.Policies {
		p := &rel.Policies[i]
		e, err := r.Expression(p.Using, rel)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		whole, used := r.Inlined(e)
		text.WriteString(wrap(r.Identity(whole)) + "\n")
		for _, f := range used {
			b, err := r.Body(f)
			if err != nil {
				t.Fatal(err)
			}
			text.WriteString("by " + f.Identity() + when(b.SearchPathMutable, " mutable") + when(len(b.TempShadowed) > 0, " temp "+strings.Join(b.TempShadowed, ",")) + "\n")
		}
		for _, c := range Contexts(whole) {
			text.WriteString("reads " + c.Key() + "\n")
		}
		got[p.Name] = text.String()
	}
	if *update {
		out := &txtar.Archive{Comment: a.Comment, Files: []txtar.File{{Name: "setup.sql", Data: []byte(setup)}}}
		writeArchive(t, "testdata/inline.txtar", out, got)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies after inlining (-want +got):\n%s", diff)
	}
}
