package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var grantOption = Rule{
	ID:       "GRT007",
	Name:     "grant-option",
	Title:    "the application may hand its privileges on",
	Severity: Medium,
	Fix:      "revoke_grant_option",
	Source:   "133",
	Doc: `With the grant option the application's role grants what it has to any role, or to PUBLIC, and no migration shows it.

REVOKE GRANT OPTION FOR.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			for _, g := range t.Relation.Grants {
				if !g.Grantable || g.Grantee == t.Relation.Owner || g.Grantee == "" {
					continue
				}
				app, path, ok := in.holder(g.Grantee)
				if !ok {
					continue
				}
				report(Finding{
					Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(), Role: app, Path: path, Command: g.Privilege,
					Detail: g.Privilege + " is granted to " + g.Grantee + " with grant option.",
					Fix:    &Fix{SQL: "REVOKE GRANT OPTION FOR " + g.Privilege + " ON TABLE " + t.Relation.Identity() + " FROM " + pg.Ident(g.Grantee) + " CASCADE", Why: "the privilege itself stays", Grants: []catalog.Grant{g}},
				})
			}
		}
	},
}
