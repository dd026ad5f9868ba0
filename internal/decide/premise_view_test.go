package decide

import (
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// TestRedefinable decides the same policy over views that differ in who may give them another definition.
func TestRedefinable(t *testing.T) {
	db := pgtest.DB(t)
	app, group, owner := db.Role(t, "app", "LOGIN"), db.Role(t, "group", "NOLOGIN"), db.Role(t, "owner", "NOLOGIN")
	cases := []struct{ table, ddl, want string }{
		{"theirs", "ALTER VIEW h.v_theirs OWNER TO <owner>", "proved"},
		{"groups", "ALTER VIEW h.v_groups OWNER TO <group>", "leak self_asserted"},
		{"elsewhere", "ALTER VIEW h.v_elsewhere SET SCHEMA shut; ALTER VIEW shut.v_elsewhere OWNER TO <group>", "proved"},
	}
	var sql strings.Builder
	sql.WriteString("CREATE SCHEMA h; CREATE SCHEMA shut; GRANT <group> TO <app>; GRANT USAGE ON SCHEMA h, shut TO <app>; GRANT CREATE ON SCHEMA h TO <group>;\n")
	for _, c := range cases {
		sql.WriteString(strings.ReplaceAll("CREATE TABLE h.<t> (id int NOT NULL, tenant_id uuid NOT NULL); ALTER TABLE h.<t> ENABLE ROW LEVEL SECURITY; GRANT SELECT ON h.<t> TO <app>;"+
			"CREATE VIEW h.v_<t> AS SELECT NULLIF(current_setting('app.tid', true), '')::uuid AS tenant_id; GRANT SELECT ON h.v_<t> TO <app>;"+
			"CREATE POLICY p ON h.<t> USING (tenant_id IN (SELECT v.tenant_id FROM h.v_<t> v));\n", "<t>", c.table) + c.ddl + ";\n")
	}
	db.Exec(t, strings.NewReplacer("<app>", app, "<group>", group, "<owner>", owner).Replace(sql.String()))
	snap, err := catalog.Read(t.Context(), db.Super, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := tenancy.Infer(snap, tenancy.Options{AppRoles: []string{app}, TenantColumns: []string{"tenant_id"}, Context: "app.tid"})
	if err != nil {
		t.Fatal(err)
	}
	d := New(m)
	for _, c := range cases {
		for _, w := range reach.WaysTo(m, snap.Relation("h."+c.table)) {
			if !w.Privileged || w.Command != reach.Select || w.Variant != "" || len(w.Path) > 0 {
				continue
			}
			if x := d.Decide(w); strings.TrimSpace(string(x.Verdict)+" "+string(x.Reason)) != c.want {
				t.Errorf("%s: %s %s, want %s: %s", c.table, x.Verdict, x.Reason, c.want, x.Why)
			}
		}
	}
}
