package pinsql

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/pg"
)

const policy = "pin_own"

func qualified(name string) string { return Schema + "." + name }

// Install returns the statements that make the tables and functions, to be run in one transaction. What stands already is kept
// and brought up to date; no table of the application is locked.
func Install() []string {
	out := []string{definer.Enter(Owner), "CREATE SCHEMA IF NOT EXISTS " + Schema, "GRANT USAGE, CREATE ON SCHEMA " + Schema + " TO " + Owner, tablesBlock()}
	for _, i := range indexes {
		out = append(out, fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s (%s)", i.name, qualified(i.table), i.keys))
	}
	for _, f := range Functions() {
		out = append(out, f.Create(Owner)...)
	}
	for _, t := range Tables {
		table := qualified(t.Name)
		out = append(out,
			"ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
			"DROP POLICY IF EXISTS "+policy+" ON "+table,
			fmt.Sprintf("CREATE POLICY %s ON %s FOR ALL TO %s USING (true) WITH CHECK (true)", policy, table, Owner),
			"COMMENT ON TABLE "+table+" IS "+pg.Literal(t.Comment))
	}
	return append(out, definer.Leave(Owner))
}

func tablesBlock() string {
	var b strings.Builder
	b.WriteString("DO $ringfence$\nDECLARE\n  given record;\nBEGIN\n")
	for _, t := range Tables {
		var columns []string
		for _, c := range t.Columns {
			of := c.Name + " " + c.Type
			if c.Type == "text" {
				of += ` COLLATE "C"` // ids, compared byte by byte
			}
			columns = append(columns, strings.TrimSpace(of+" "+c.Rest))
		}
		b.WriteString(definer.MakeTable(Owner, t.Name, strings.Join(append(columns, t.Keys), ", ")+")"))
	}
	return b.String() + "END\n$ringfence$"
}

// Uninstall takes Install back. Tables that hold credentials or sessions stay, and installing again goes on with them: PINs
// cannot be made again by anybody but the people who know them.
func Uninstall() []string {
	var b strings.Builder
	b.WriteString("DO $ringfence$\nBEGIN\n")
	functions := Functions()
	for i := range functions {
		fmt.Fprintf(&b, "  DROP FUNCTION IF EXISTS %s;\n", functions[len(functions)-1-i].Signature())
	}
	var held []string
	var names []string
	for _, t := range Tables {
		fmt.Fprintf(&b, "  LOCK TABLE %s IN ACCESS EXCLUSIVE MODE;\n", qualified(t.Name))
		held = append(held, "EXISTS (SELECT FROM "+qualified(t.Name)+")")
		names = append(names, qualified(t.Name))
	}
	fmt.Fprintf(&b, "  SET LOCAL row_security = on;\n  IF %s THEN\n    RAISE NOTICE 'there are PINs, devices or sessions: their tables are kept';\n  ELSE\n    DROP TABLE %s;\n"+
		"    REVOKE ALL ON SCHEMA %[3]s FROM %[4]s;\n    BEGIN\n      DROP ROLE %[4]s;\n    EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN\n      NULL;\n    END;\n  END IF;\nEND\n$ringfence$",
		strings.Join(held, " OR "), strings.Join(names, ", "), Schema, Owner)
	return []string{definer.Return(Owner), b.String(), leaveIfThere}
}

// leaveIfThere is Leave where the owner may be gone.
var leaveIfThere = strings.Replace(definer.Leave(Owner), "IF NOT (", "IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '"+Owner+"') AND NOT (", 1)

// Done is a query for one boolean: does all of Install stand? It reads the catalogue only.
func Done() string {
	var facts []string
	for _, f := range Functions() {
		facts = append(facts, f.Stands(Owner))
	}
	of := definer.OfClass(Owner)
	for _, t := range Tables {
		want := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			want[i] = pg.Literal(fmt.Sprintf("%s %s %t", c.Name, c.Type, strings.HasPrefix(c.Rest, "NOT NULL")))
		}
		facts = append(facts,
			fmt.Sprintf("EXISTS (SELECT %s AND c.relname = %s AND c.relkind = 'r' AND c.relrowsecurity AND c.relforcerowsecurity"+
				" AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) x WHERE x.grantee <> c.relowner)"+
				" AND (SELECT pg_catalog.array_agg(p.polname::pg_catalog.text || ' ' || p.polroles::pg_catalog.text) FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid) = ARRAY[%s || ' ' || ARRAY[o.oid]::pg_catalog.text])",
				of, pg.Literal(t.Name), pg.Literal(policy)),
			fmt.Sprintf("(SELECT pg_catalog.array_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) || ' ' || CASE WHEN a.attnotnull THEN 'true' ELSE 'false' END ORDER BY a.attnum)"+
				" %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped) IS NOT DISTINCT FROM ARRAY[%s]",
				strings.Replace(of, " WHERE ", " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE ", 1), pg.Literal(t.Name), strings.Join(want, ", ")))
	}
	for _, i := range indexes {
		facts = append(facts, fmt.Sprintf("EXISTS (SELECT %s AND c.relname = %s AND c.relkind = 'i')", of, pg.Literal(i.name)))
	}
	return "SELECT " + strings.Join(facts, "\n   AND ")
}

// Grant returns the statements that let a role use the login; schema says whether it needs USAGE on the schema, too.
func Grant(use, role string, schema bool) []string {
	return access("GRANT ", " TO ", use, role, schema)
}

// Revoke takes Grant back.
func Revoke(use, role string, schema bool) []string {
	return access("REVOKE ", " FROM ", use, role, schema)
}

func access(verb, to, use, role string, schema bool) []string {
	out := []string{definer.Return(Owner)}
	if schema {
		out = append(out, verb+"USAGE ON SCHEMA "+Schema+to+pg.Ident(role))
	}
	for _, f := range UsedBy(use) {
		out = append(out, verb+"EXECUTE ON FUNCTION "+f.Signature()+to+pg.Ident(role))
	}
	return append(out, definer.Leave(Owner))
}

// GrantDone is a query for one boolean: may the role use the login so?
func GrantDone(use, role string) string {
	var facts []string
	for _, f := range UsedBy(use) {
		facts = append(facts, f.Granted(role))
	}
	return "SELECT " + strings.Join(facts, "\n   AND ")
}
