package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
)

var appOwnsSchema = Rule{
	ID:       "ROL008",
	Name:     "app-owns-schema",
	Title:    "the application owns the schema or the database of shared tables",
	Severity: High,
	Fix:      "application_role",
	Source:   "132; powers of an owner",
	Doc: `The owner of a schema may drop every table in it, whoever owns the tables; the owner of a database may drop that, and set what new sessions begin with.
Policies are not asked.

Give schema and database to a role that the application cannot become.`,

	Check: func(in *Input, report func(Finding)) {
		for _, n := range in.Model.Snapshot.Schemas {
			if n.Extension != "" || !holdsTenants(in, n.Name) {
				continue
			}
			for _, app := range in.Model.Applications() {
				path, ok := ownership(in, app, n.Owner)
				if !ok {
					continue
				}
				f := Finding{Object: n.Identity(), ObjectType: "schema", Role: app, Path: path, Detail: n.Owner + " owns it."}
				if s := in.Model.Snapshot.Role(n.Owner); s != nil && s.Predefined {
					f.Severity = Low // the database's owner, told below
				}
				report(f)
			}
		}
		owner := in.Model.Snapshot.Server.DatabaseOwner
		for _, app := range in.Model.Applications() {
			if path, ok := ownership(in, app, owner); ok {
				report(Finding{Object: catalog.QuoteIdent(in.Model.Snapshot.Server.Database), ObjectType: "database", Role: app, Path: path, Detail: owner + " owns it."})
			}
		}
	},
}

// holdsTenants reports whether a tenant table stands in the schema.
func holdsTenants(in *Input, schema string) bool {
	for _, t := range in.Model.TenantTables() {
		if t.Relation.Schema == schema {
			return true
		}
	}
	return false
}
