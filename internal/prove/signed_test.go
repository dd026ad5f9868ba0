package prove

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/signed"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestSignedContext trusts the verifier as it is installed, and not where anybody of the application has a hand in it.
func TestSignedContext(t *testing.T) {
	trusted := map[Verdict]bool{Proved: true}
	cases := []struct{ name, change string }{
		{"as installed", ""},
		{"another body", "CREATE OR REPLACE FUNCTION ringfence.verified_tenant() RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN current_setting('ringfence.token', true); END $$"},
		{"no search_path", "ALTER FUNCTION ringfence.verified_tenant() RESET search_path"},
		{"not a definer", "ALTER FUNCTION ringfence.verified_tenant() SECURITY INVOKER"},
		{"the keys may be read", "GRANT USAGE ON SCHEMA ringfence TO {app}; GRANT SELECT ON ringfence.context_key TO {app}"},
		{"keys may be added", "GRANT USAGE ON SCHEMA ringfence TO {app}; GRANT INSERT (kid, inner_pad, outer_pad) ON ringfence.context_key TO {app}"},
		{"the owner may be taken", "GRANT ringfence_context TO {app}"},
		{"the function is the application's", "ALTER FUNCTION ringfence.verified_tenant() OWNER TO {app}"},
		{"the schema is the application's", "ALTER SCHEMA ringfence OWNER TO {app}"},
	}
	server := pgtest.Server(t, 0)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			defer server.Reset(t)
			db := server.DB(t)
			app := db.Role(t, "app", "LOGIN")
			for _, sql := range signed.Install() {
				db.Exec(t, sql)
			}
			pgtest.LoadSQL(t, db, strings.ReplaceAll(`CREATE TABLE doc (id uuid PRIMARY KEY, tenant_id uuid NOT NULL);
ALTER TABLE doc ENABLE ROW LEVEL SECURITY; GRANT SELECT, INSERT, UPDATE, DELETE ON doc TO {app};
CREATE POLICY p ON doc USING (tenant_id = (SELECT ringfence.verified_tenant()::uuid));`+c.change, "{app}", pg.Ident(app)))
			snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
			if err != nil {
				t.Fatal(err)
			}
			m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}, Config: &tenancy.Config{Context: "signed", TenantColumns: []string{"tenant_id"}}})
			if err != nil {
				t.Fatal(err)
			}
			got := map[Verdict]bool{}
			for _, cell := range Logic(m, time.Now()) {
				if cell.Relation == "public.doc" && cell.Kind == "isolation" && len(cell.Path) == 0 {
					got[cell.Verdict] = true
					if cell.Verdict != Proved || cell.Unusable {
						t.Logf("%s %s: %s %s", cell.Command, cell.Variant, cell.Verdict, cell.Why)
					}
				}
			}
			if diff := cmp.Diff(trusted, got); (diff == "") != (c.change == "") {
				t.Errorf("verdicts %v", got)
			}
		})
	}
}
