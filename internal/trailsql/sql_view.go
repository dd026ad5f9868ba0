package trailsql

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// A View shows the reference's ten columns under names that an application's people know.
type View struct {
	Name   string // in Schema
	Tenant string // what a tenant is called: restaurant gives authenticated_restaurant_id; "": tenant
	Reader string // who may read it; "": nobody but the owner
}

// columns are the view's columns: as they are in the table, and as they are called.
func (v View) columns() (from, to []string) {
	for _, c := range Columns[:ReferenceColumns] {
		name := c.Name
		if v.Tenant != "" {
			name = strings.Replace(name, "_tenant_id", "_"+v.Tenant+"_id", 1)
		}
		from, to = append(from, c.Name), append(to, name)
	}
	return from, to
}

// Create returns the statements that make the view. From PostgreSQL 15 on it runs with its reader's rights, before with the owner's: the
// same rows either way.
func (v View) Create(version int) []string {
	name, options := pg.Ident(Schema, v.Name), ""
	if version >= 150000 {
		options = " WITH (security_invoker = true)"
	}
	from, to := v.columns()
	list := make([]string, len(from))
	for i := range from {
		list[i] = from[i] + " AS " + pg.Ident(to[i])
	}
	out := []string{
		fmt.Sprintf("CREATE VIEW %s%s AS SELECT %s FROM %s", name, options, strings.Join(list, ", "), qualified(Events)),
		"ALTER VIEW " + name + " OWNER TO " + Owner,
		"REVOKE ALL ON " + name + " FROM PUBLIC",
		"COMMENT ON VIEW " + name + " IS 'the security trail under configured names'",
	}
	if v.Reader != "" {
		out = append(out, "GRANT SELECT ON "+name+" TO "+pg.Ident(v.Reader))
	}
	return asOwner(out)
}

// Drop takes the view away; the events stay.
func (v View) Drop() []string { return asOwner([]string{"DROP VIEW " + pg.Ident(Schema, v.Name)}) }

// Done is a query for one boolean: is the view there, with these columns, over the events' table?
func (v View) Done() string {
	_, to := v.columns()
	for i := range to {
		to[i] = pg.Literal(to[i])
	}
	done := fmt.Sprintf("SELECT EXISTS (SELECT %[1]s AND c.relname = %[2]s AND c.relkind = 'v'"+
		" AND (SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) = ARRAY[%[3]s]"+
		" AND EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite w ON w.oid = d.objid AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass"+
		" JOIN pg_catalog.pg_class e ON e.oid = d.refobjid WHERE w.ev_class = c.oid AND e.relname = %[4]s AND e.relnamespace = c.relnamespace)",
		ofClass, pg.Literal(v.Name), strings.Join(to, ", "), pg.Literal(Events))
	if v.Reader != "" {
		done += " AND EXISTS (SELECT FROM pg_catalog.aclexplode(c.relacl) x JOIN pg_catalog.pg_roles r ON r.oid = x.grantee WHERE r.rolname = " + pg.Literal(v.Reader) + " AND x.privilege_type = 'SELECT')"
	}
	return done + ")"
}
