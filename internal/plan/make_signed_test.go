package plan

import (
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestMakeSignedContext plans the verifier where ringfence.yaml asks for it, and not again where it is there.
func TestMakeSignedContext(t *testing.T) {
	db := pgtest.Server(t, 0).DB(t)
	pgtest.LoadSQL(t, db, "CREATE TABLE doc (id uuid PRIMARY KEY, tenant_id uuid NOT NULL)")
	app := db.Role(t, "app", "LOGIN")
	steps := func(context string) (out []Step) {
		snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}, Config: &tenancy.Config{Context: context, TenantColumns: []string{"tenant_id"}}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Make(Input{Model: m})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Steps {
			if s.Kind == "signed_context" {
				out = append(out, s)
			}
		}
		return out
	}
	if got := steps("app.tenant_id"); len(got) != 0 {
		t.Errorf("a plain context plans %v", got)
	}
	got := steps("signed")
	if len(got) != 1 {
		t.Fatalf("a signed context plans %d verifiers, want 1", len(got))
	}
	for _, sql := range got[0].Do {
		db.Exec(t, sql)
	}
	if got := steps("signed"); len(got) != 0 {
		t.Errorf("where it is there, it is planned again: %v", got)
	}
}
