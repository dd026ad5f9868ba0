package decide

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestReplaceable decides the same policy over helpers that differ in who may put something else in the place of what they call.
// The schema open is one in which the application makes objects.
func TestReplaceable(t *testing.T) {
	const value = "NULLIF(pg_catalog.current_setting('app.tid', true), '')"
	cases := []struct{ name, ddl, want string }{
		{"a body stored as a tree", "CREATE FUNCTION h.f0() RETURNS uuid LANGUAGE sql STABLE BEGIN ATOMIC SELECT NULLIF(current_setting('app.tid', true), '')::uuid; END", "proved"},
		{"pinned to the catalogue", "CREATE FUNCTION h.f1() RETURNS uuid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT NULLIF(current_setting('app.tid', true), '')::uuid $$", "proved"},
		{"pinned, the open schema last, arguments of just those types",
			"CREATE FUNCTION h.f2() RETURNS uuid LANGUAGE sql STABLE SET search_path = pg_catalog, open, pg_temp AS $$ SELECT NULLIF(current_setting('app.tid', true), '')::uuid $$", "proved"},
		{"pinned, the open schema first",
			"CREATE FUNCTION h.f3() RETURNS uuid LANGUAGE sql STABLE SET search_path = open, pg_catalog, pg_temp AS $$ SELECT NULLIF(current_setting('app.tid', true), '')::uuid $$", "leak self_asserted"},
		{"pinned, the open schema last, arguments that another function would fit better",
			"CREATE FUNCTION h.f4() RETURNS uuid LANGUAGE plpgsql STABLE SET search_path = pg_catalog, open, pg_temp AS $$ DECLARE n varchar := 'app.tid'; BEGIN RETURN NULLIF(current_setting(n, true), '')::uuid; END $$", "leak self_asserted"},
		{"not pinned", "CREATE FUNCTION h.f5() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('app.tid', true), '')::uuid $$", "unproven undecidable"},
		{"not pinned, inside one that is", "CREATE FUNCTION h.inner6() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT NULLIF(current_setting('app.tid', true), '')::uuid $$;" +
			"CREATE FUNCTION h.f6() RETURNS uuid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT h.inner6() $$", "proved"},
		{"every name with its schema", "CREATE FUNCTION h.f7() RETURNS text LANGUAGE sql STABLE AS $$ SELECT pg_catalog.current_setting('app.tid'::pg_catalog.text, true) $$", "proved"},
		{"what it calls is the application's", "CREATE FUNCTION h.inner8() RETURNS uuid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT " + value + "::uuid $$;" +
			"CREATE FUNCTION h.f8() RETURNS uuid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT h.inner8() $$; ALTER FUNCTION h.inner8() OWNER TO <app>", "leak self_asserted"},
		{"what it calls lies in a schema of the application's", "CREATE FUNCTION own.inner9() RETURNS uuid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT " + value + "::uuid $$;" +
			"CREATE FUNCTION h.f9() RETURNS uuid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT own.inner9() $$", "leak self_asserted"},
	}
	db := pgtest.DB(t)
	app := db.Role(t, "app", "LOGIN")
	var sql strings.Builder
	sql.WriteString("CREATE SCHEMA h; CREATE SCHEMA open; CREATE SCHEMA own AUTHORIZATION <app>; GRANT USAGE ON SCHEMA h TO <app>; GRANT USAGE, CREATE ON SCHEMA open TO <app>;\n")
	for i, c := range cases {
		fmt.Fprintf(&sql, "%s;\nCREATE TABLE h.t%d (id int NOT NULL, tenant_id uuid NOT NULL); ALTER TABLE h.t%[2]d ENABLE ROW LEVEL SECURITY;\n", c.ddl, i)
		fmt.Fprintf(&sql, "GRANT SELECT ON h.t%d TO <app>; CREATE POLICY p ON h.t%[1]d USING (tenant_id = h.f%[1]d()::text::uuid);\n", i)
	}
	db.Exec(t, strings.ReplaceAll(sql.String(), "<app>", app))
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}, TenantColumns: []string{"tenant_id"}, Context: "app.tid"})
	if err != nil {
		t.Fatal(err)
	}
	d := New(m)
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, w := range reach.WaysTo(m, snap.Relation(fmt.Sprintf("h.t%d", i))) {
				if !w.Privileged || w.Command != reach.Select || w.Variant != "" || len(w.Path) > 0 {
					continue
				}
				x := d.Decide(w)
				if diff := gocmp.Diff(c.want, strings.TrimSpace(string(x.Verdict)+" "+string(x.Reason))); diff != "" {
					t.Errorf("(-want +got):\n%s\n%s", diff, x.Why)
				}
			}
		})
	}
}
