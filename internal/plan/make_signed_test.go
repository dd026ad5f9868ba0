package plan

import (
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestSignedPolicies runs a plan for a signed context over a database whose policies read a plain setting, and plans again: the
// verifier and the policies are there, and nothing is left to do. Each step says itself done by what the server prints.
func TestSignedPolicies(t *testing.T) {
	db := pgtest.Server(t, 0).DB(t)
	app := db.Role(t, "app", "LOGIN")
	pgtest.LoadSQL(t, db, strings.ReplaceAll(`CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO {app};
CREATE TABLE shop.doc (id uuid NOT NULL, tenant_id uuid NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE shop.word (id int NOT NULL, tenant_id text NOT NULL, PRIMARY KEY (tenant_id, id));
CREATE TABLE shop.line (id int PRIMARY KEY, doc_tenant uuid NOT NULL, doc uuid NOT NULL, FOREIGN KEY (doc_tenant, doc) REFERENCES shop.doc);
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO {app};
ALTER TABLE shop.doc ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON shop.doc USING (tenant_id = (SELECT NULLIF(current_setting('app.tid', true), '')::uuid));`, "{app}", pg.Ident(app)))
	planned := func() *Plan {
		snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}, Config: &tenancy.Config{Context: "signed", TenantColumns: []string{"tenant_id"}}})
		if err != nil {
			t.Fatal(err)
		}
		judge := func(_ *catalog.Relation, pol *catalog.Policy) Verdict { // as the logic judges them: package prove tests that
			if strings.Contains(pol.Using.Text, verifier) {
				return Holds
			}
			return Leaks
		}
		p, err := Make(Input{Model: m, Judge: judge})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	conn := db.Conn(t, pg.Superuser)
	pin(t, conn)
	policies := 0
	for _, s := range planned().Steps {
		for _, sql := range s.Do {
			if _, err := conn.Exec(t.Context(), sql); err != nil {
				t.Fatalf("%s: %v\n%s", s.Object, err, sql)
			}
		}
		if s.Kind == "create_policy" || s.Kind == "replace_policy" {
			policies++
			if !pgtest.Value[bool](t, conn, s.Done) {
				t.Errorf("%s is not done: %v", s.Object, pgtest.Query(t, conn, "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy"))
			}
		}
	}
	if policies < 3 {
		t.Errorf("%d policies were written, want one for each table", policies)
	}
	for _, s := range planned().Steps {
		if s.Kind == "create_policy" || s.Kind == "replace_policy" || s.Kind == "signed_context" {
			t.Errorf("it is planned again: %s %s", s.Kind, s.Object)
		}
	}
}

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
