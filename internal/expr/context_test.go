package expr

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// TestContexts reads the contexts of recorded policies, on every version.
func TestContexts(t *testing.T) {
	want := map[string][]Context{
		"policy simple":  {{Kind: "setting", Name: "app.tenant"}},
		"policy nullif":  {{Kind: "setting", Name: "app.tenant", MissingOK: true}},
		"policy claim":   {{Kind: "claim", Name: "request.jwt.claims", Path: []string{"tenant_id"}, MissingOK: true}},
		"policy member":  {{Kind: "user", Name: "current_user"}},
		"policy inlist":  {{Kind: "user", Name: "session_user"}},
		"policy session": {{Kind: "user", Name: "current_user"}, {Kind: "user", Name: "session_user"}},
		"policy fake_eq": {{Kind: "setting", Name: "app.tenant", MissingOK: true}},
		// a function of the same name in another schema reads nothing
		"policy fake_setting": nil,
		"policy logic":        nil,
		"policy ctx_forms": {
			{Kind: "claim", Name: "request.jwt.claims", Path: []string{"a", "b"}, MissingOK: true},
			{Kind: "claim", Name: "request.jwt.claims", Path: []string{"app_metadata", "org"}},
			{Kind: "claim", Name: "request.jwt.claims", Path: []string{"x", "y"}, MissingOK: true, JSON: true},
			{Kind: "claim", Name: "my.claims", Path: []string{"q", "r"}},
			{Kind: "claim", Name: "my.claims", Path: []string{"s"}, JSON: true},
			{Kind: "setting", Name: "app.upper"},
			{Kind: "user", Name: "current_user"},
		},
	}
	for _, v := range versions {
		rec := record(t, v)
		for name, want := range want {
			tree := rec.Trees[name]
			e, err := rec.reader.Expression(&catalog.Tree{Node: tree.Node}, rec.reader.Snapshot().Relation(tree.Relation))
			if err != nil {
				t.Fatalf("%d: %s: %v", v, name, err)
			}
			if diff := cmp.Diff(want, Contexts(e)); diff != "" {
				t.Errorf("%d: %s (-want +got):\n%s", v, name, diff)
			}
		}
	}
}

// TestShadowedNames is the pair whose text is equal and whose meaning is not: pg_get_expr under the creator's search_path
// prints the planted operator and function as it prints PostgreSQL's own.
func TestShadowedNames(t *testing.T) {
	for _, v := range versions {
		rec := record(t, v)
		real := rec.read(t, "policy real_eq")
		for _, fake := range []string{"policy fake_eq", "policy fake_setting"} {
			if got := rec.read(t, fake); got == real {
				t.Errorf("%d: %s has the identity of the real one: %s", v, fake, got)
			}
		}
		if again := rec.read(t, "policy real_eq_again"); again != real {
			t.Errorf("%d: the same policy written another way differs:\n%s\n%s", v, again, real)
		}
	}
}
