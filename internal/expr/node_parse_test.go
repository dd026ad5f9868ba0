package expr

import (
	"errors"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// TestParseNodeErrors gives the reader text that is no stored tree; the error names the byte.
func TestParseNodeErrors(t *testing.T) {
	for text, want := range map[string]SyntaxError{
		"":                         {0, "the text ends where a value is due"},
		"{":                        {1, "a node without a tag"},
		"{A":                       {2, "the text ends inside A"},
		"{A :b":                    {5, "the text ends where a value is due"},
		"{A b}":                    {3, `"b" where a field of A is due`},
		"{A :b }":                  {6, `"}" where a value is due`},
		"(1 2":                     {4, "the text ends inside a list"},
		"{A} {B}":                  {4, "text after the end"},
		")":                        {0, `")" where a value is due`},
		"{A :constvalue 4 [ 1 x ]": {21, `"x" is not a byte`},
		"{A :constvalue 4 [ 1 999": {21, `"999" is not a byte`},
		"{A :constvalue 4 [ 1":     {20, `"" is not a byte`},
	} {
		_, err := parseNode(text)
		var got *SyntaxError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%q: got %v, want %v", text, err, &want)
		}
	}
}

// TestParseNodeDepth holds the bound on nesting.
func TestParseNodeDepth(t *testing.T) {
	if _, err := parseNode(strings.Repeat("(", maxDepth) + strings.Repeat(")", maxDepth)); err != nil {
		t.Errorf("at the bound: %v", err)
	}
	if _, err := parseNode(strings.Repeat("(", 1_000_000)); err == nil {
		t.Error("a million brackets were read")
	}
}

// TestParseNodeEscapes reads what outToken writes for names that look like syntax.
func TestParseNodeEscapes(t *testing.T) {
	n, err := parseNode(`{A :name \<> :other :colon :empty "" :list ("a\ b" "\"" "\(x\)" ":y" <> 3) :none <> :set (b 1 2)}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"name": "<>", "other": ":colon", "empty": ""} {
		if got := n.get(name); got.null() || got.text() != want {
			t.Errorf("%s: got %+v, want %q", name, got, want)
		}
	}
	if got := strings.Join(n.get("list").strings(), "|"); got != `a b|"|(x)|:y||3` {
		t.Errorf("list: got %q", got)
	}
	if !n.get("none").null() || n.get("set").tag != "b" || len(n.get("set").items) != 2 {
		t.Errorf("got %+v", n)
	}
}

// FuzzReader feeds damaged trees to every entrance: each gives a value or an error, and what it gives can be written.
func FuzzReader(f *testing.F) {
	rec := record(f, 18)
	for name := range rec.Trees {
		f.Add(rec.Trees[name].Node)
	}
	rel := rec.reader.Snapshot().Relation("s.acc")
	f.Fuzz(func(t *testing.T, text string) {
		r := NewReader(rec.reader.Snapshot())
		tree := &catalog.Tree{Node: text}
		if list, err := r.Expressions(tree, rel); err == nil {
			for _, e := range list {
				r.Identity(e)
				stable(e)
			}
		}
		if queries, err := r.Action(tree); err == nil {
			for _, q := range queries {
				r.QueryIdentity(q)
				Queries(q, func(*Query) {})
			}
		}
	})
}
