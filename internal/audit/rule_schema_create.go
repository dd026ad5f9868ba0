package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var schemaCreate = Rule{
	ID:       "GRT006",
	Name:     "schema-create",
	Title:    "the application may make objects of its own",
	Severity: Medium,
	Fix:      "revoke",
	Source:   "132",
	Doc: `Who may CREATE in a schema plants tables, functions and operators there. Others' statements that name something without its schema, and functions whose
search_path leads through it, find the planted one.

REVOKE CREATE ON SCHEMA ... FROM PUBLIC, and from the application's role: migrations make objects.`,

	Check: func(in *Input, report func(Finding)) {
		for _, n := range in.Model.Snapshot.Schemas {
			if n.Extension != "" {
				continue
			}
			in.creating(n.Grants, n.Owner, func(f Finding, g catalog.Grant) {
				f.Object, f.ObjectType = n.Identity(), "schema"
				f.Fix = &Fix{SQL: "REVOKE CREATE ON SCHEMA " + n.Identity() + " FROM " + to(g), Why: "migrations make objects", Grants: []catalog.Grant{g}}
				report(f)
			})
		}
		for _, d := range in.Model.Snapshot.Databases {
			if d.Name != in.Model.Snapshot.Server.Database {
				continue
			}
			in.creating(d.Grants, d.Owner, func(f Finding, g catalog.Grant) {
				f.Object, f.ObjectType = catalog.QuoteIdent(d.Name), "database"
				f.Fix = &Fix{SQL: "REVOKE CREATE ON DATABASE " + catalog.QuoteIdent(d.Name) + " FROM " + to(g), Why: "migrations make schemas", Grants: []catalog.Grant{g}}
				report(f)
			})
		}
	},
}

// creating reports the grants of CREATE that reach an application role.
func (in *Input) creating(grants []catalog.Grant, owner string, report func(Finding, catalog.Grant)) {
	for _, g := range grants {
		if g.Privilege != "CREATE" || g.Grantee == owner {
			continue
		}
		if app, path, ok := in.holder(g.Grantee); ok {
			report(Finding{Role: app, Path: path, Command: "CREATE", Detail: "CREATE is granted to " + grantee(g) + "."}, g)
		}
	}
}

// to names a grantee in SQL.
func to(g catalog.Grant) string {
	if g.Grantee == "" {
		return "PUBLIC"
	}
	return pg.Ident(g.Grantee)
}
