package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var parameterGranted = Rule{
	ID:       "GRT009",
	Name:     "parameter-granted",
	Title:    "the application may set a parameter of the server",
	Severity: Medium,
	Fix:      "revoke",
	Source:   "SET ON PARAMETER, PostgreSQL 15",
	Doc: `A parameter that only superusers may set was granted to the application. session_replication_role switches triggers and foreign keys off; ALTER SYSTEM
changes the server for all.

Revoke it.`,

	Check: func(in *Input, report func(Finding)) {
		for _, p := range in.Model.Snapshot.Parameters {
			for _, g := range p.Grants {
				app, path, ok := in.holder(g.Grantee)
				if !ok {
					continue
				}
				f := Finding{Object: p.Name, ObjectType: "parameter", Role: app, Path: path, Command: g.Privilege, Detail: g.Privilege + " is granted to " + grantee(g) + "."}
				if g.Privilege == "ALTER SYSTEM" || p.Name == "session_replication_role" {
					f.Severity = High
				}
				f.Fix = &Fix{SQL: "REVOKE " + g.Privilege + " ON PARAMETER " + pg.Ident(p.Name) + " FROM " + to(g), Why: "the server's parameters are its owner's", Grants: []catalog.Grant{g}}
				report(f)
			}
		}
	},
}
