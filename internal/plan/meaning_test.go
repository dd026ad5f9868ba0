package plan

import (
	"testing"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestPolicyDoneIsByMeaning gives a table policies of the planned name that mean something else, one of which prints the same
// text, and wants none of them taken for the planned one. The control is the planned policy, written in other words.
func TestPolicyDoneIsByMeaning(t *testing.T) {
	const planned = `tenant_id = (SELECT NULLIF(current_setting('app.tenant', true), ''))`
	shape := PolicyShape{Name: "p", Command: "ALL", Rows: Predicate{Key: &KeyTest{Column: "tenant_id", Setting: "app.tenant"}}}
	cases := []struct {
		name, path, sql string
		done            bool
	}{
		{"control", "pg_catalog", "CREATE POLICY p ON shop.t FOR ALL USING ( tenant_id = ( select nullif(current_setting('app.tenant'::text, TRUE), '') ) )" +
			" WITH CHECK (" + planned + ")", true},
		{"open when unset", "pg_catalog", "CREATE POLICY p ON shop.t USING (" + planned + " OR current_setting('app.tenant', true) IS NULL)", false},
		{"check left out", "pg_catalog", "CREATE POLICY p ON shop.t USING (" + planned + ")", false},
		{"check true", "pg_catalog", "CREATE POLICY p ON shop.t USING (" + planned + ") WITH CHECK (true)", false},
		{"restrictive", "pg_catalog", "CREATE POLICY p ON shop.t AS RESTRICTIVE USING (" + planned + ") WITH CHECK (" + planned + ")", false},
		{"for update", "pg_catalog", "CREATE POLICY p ON shop.t FOR UPDATE USING (" + planned + ") WITH CHECK (" + planned + ")", false},
		{"to a role", "pg_catalog", "CREATE POLICY p ON shop.t TO CURRENT_USER USING (" + planned + ") WITH CHECK (" + planned + ")", false},
		{"planted operator in NULLIF", "shop, pg_catalog", "CREATE POLICY p ON shop.t USING (tenant_id OPERATOR(pg_catalog.=) (SELECT NULLIF(current_setting('app.tenant', true), '')))" +
			" WITH CHECK (tenant_id OPERATOR(pg_catalog.=) (SELECT NULLIF(current_setting('app.tenant', true), '')))", false},
		{"planted operator", "shop, pg_catalog", "CREATE POLICY p ON shop.t USING (" + planned + ") WITH CHECK (" + planned + ")", false},
		{"planted function", "shop, pg_catalog", "CREATE POLICY p ON shop.t USING (tenant_id OPERATOR(pg_catalog.=) (SELECT shop.current_setting('app.tenant', true)))", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			db := pgtest.DB(t)
			pgtest.LoadSQL(t, db, `CREATE SCHEMA shop; CREATE TABLE shop.t (tenant_id text);
				CREATE FUNCTION shop.never(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
				CREATE FUNCTION shop.current_setting(text, bool) RETURNS text LANGUAGE sql STABLE AS 'SELECT ''1''::text';`)
			if c.path != "pg_catalog" {
				db.Exec(t, "CREATE OPERATOR shop.= (LEFTARG = text, RIGHTARG = text, FUNCTION = shop.never)")
			}
			db.Exec(t, "SET search_path = "+c.path)
			db.Exec(t, c.sql)
			conn := db.Conn(t, pg.Superuser)
			pin(t, conn)
			if got := pgtest.Value[bool](t, conn, policyDone(Name{"shop", "t"}, shape)); got != c.done {
				t.Errorf("done is %t; printed: %v", got, pgtest.Query(t, conn, "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy"))
			}
		})
	}
}
