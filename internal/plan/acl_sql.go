package plan

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// onObject writes what stands after ON in GRANT and REVOKE.
func (t Target) onObject() string {
	switch t.ObjectType {
	case "schema":
		return "SCHEMA " + pg.Ident(t.Schema)
	case "sequence":
		return "SEQUENCE " + t.sql()
	case "function":
		return "ROUTINE " + routine(t.Name, t.Arguments)
	default:
		return "TABLE " + t.sql()
	}
}

func (t Target) objectIdentity() string {
	switch t.ObjectType {
	case "schema":
		return printedIdent(t.Schema)
	case "function":
		return routineIdentity(t.Name, t.Arguments)
	}
	return t.Identity()
}

// privilegeList writes privileges, each on the columns where some are named.
func (t Target) privilegeList() string {
	out := make([]string, len(t.Privileges))
	for i, p := range t.Privileges {
		out[i] = p
		if len(t.Columns) > 0 {
			out[i] += " (" + idents(t.Columns) + ")"
		}
	}
	return strings.Join(out, ", ")
}

// regrant writes the grants that a revoke took away, those of columns too: revoking from a table takes them along.
func (t Target) regrant() []string {
	var out []string
	for _, g := range t.Was {
		out = append(out, fmt.Sprintf("GRANT %s ON %s TO %s%s", g.Privilege, t.onObject(), grantee(g.Grantee), withGrantOption(g)))
	}
	for _, c := range t.WasColumns {
		for _, g := range c.Grants {
			out = append(out, fmt.Sprintf("GRANT %s (%s) ON %s TO %s%s", g.Privilege, pg.Ident(c.Column), t.onObject(), grantee(g.Grantee), withGrantOption(g)))
		}
	}
	return out
}

func withGrantOption(g catalog.Grant) string {
	if g.Grantable {
		return " WITH GRANT OPTION"
	}
	return ""
}

// aclEntries is a query of the grants to the role among the privileges, x, on the object, or on the columns where some are named.
func (t Target) aclEntries() string {
	is := "x.grantee = 0"
	if t.Role != "" {
		is = "x.grantee = (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = " + lit(t.Role) + ")"
	}
	is += " AND x.privilege_type = ANY (" + textArray(t.Privileges) + ")"
	if t.ObjectType == "schema" {
		return fmt.Sprintf("FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) x"+
			" WHERE n.nspname = %s AND %s", lit(t.Schema), is)
	}
	if t.ObjectType == "function" {
		return ofRoutine(t, "CROSS JOIN pg_catalog.aclexplode(COALESCE(f.proacl, pg_catalog.acldefault('f', f.proowner))) x") + " AND " + is
	}
	if len(t.Columns) > 0 {
		return ofRelation(t.Name, "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid", "CROSS JOIN pg_catalog.aclexplode(a.attacl) x") +
			" AND a.attname = ANY (" + textArray(t.Columns) + ") AND " + is
	}
	return ofRelation(t.Name, "CROSS JOIN pg_catalog.aclexplode(COALESCE(c.relacl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::pg_catalog.\"char\", c.relowner))) x") +
		" AND " + is
}
