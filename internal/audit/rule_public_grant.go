package audit

import "github.com/ringfencehq/ringfence/internal/catalog"

var publicGrant = Rule{
	ID:       "GRT008",
	Name:     "public-grant",
	Title:    "everybody has privileges on a tenant table",
	Severity: Medium,
	Fix:      "revoke",
	Source:   "134, 52",
	Doc: `What is granted to PUBLIC belongs to every role there is and every one made later: the reporting login, the next service, a role for anonymous requests.

Grant to the roles that need it, and revoke from PUBLIC.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			for _, g := range t.Relation.Grants {
				if g.Grantee != "" {
					continue
				}
				f := Finding{Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(), Command: g.Privilege, Severity: Low}
				if app, _, ok := in.holder(""); ok && in.mayUse(app, t.Relation) {
					f.Severity, f.Role = Medium, app
				}
				f.Detail = g.Privilege + " is granted to PUBLIC."
				f.Fix = &Fix{SQL: revoke(g.Privilege, t.Relation, g), Why: "only who is named may use the table", Grants: []catalog.Grant{g}}
				report(f)
			}
		}
	},
}
