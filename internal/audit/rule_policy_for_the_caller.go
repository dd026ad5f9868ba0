package audit

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// dropOwnedFixed is the first minor of each major in which DROP OWNED BY no longer drops policies for the caller.
var dropOwnedFixed = map[int]int{14: 140025, 15: 150020, 16: 160016, 17: 170012, 18: 180007}

var policyForTheCaller = Rule{
	ID:       "POL012",
	Name:     "policy-for-the-caller",
	Title:    "the application can drop the policy that binds it",
	Severity: High,
	Fix:      "replace_policy",
	Source:   "51; verified on 15.18 against 15.20",
	Doc: `DROP OWNED BY CURRENT_USER takes the caller out of every policy that is TO it, and drops the policy where nobody else is left. It needs no
right on the table. A restrictive policy TO the application's role disappears, and with it the wall; a permissive one disappears, and
every tenant is locked out.

Make policies TO PUBLIC, or install 15.20, 16.16, 17.12, 18.7 or later.`,

	Check: func(in *Input, report func(Finding)) {
		v := in.Model.Snapshot.Server.VersionNum
		severity := High
		if fixed, ok := dropOwnedFixed[v/10000]; !ok || v >= fixed {
			return
		}
		for _, t := range in.Model.TenantTables() {
			for i := range t.Relation.Policies {
				p := &t.Relation.Policies[i]
				app := caller(in, p)
				if app == "" || !t.Relation.RowSecurity {
					continue
				}
				s := severity
				if p.Permissive {
					s = Low // every tenant is locked out, and nothing is shown
				}
				report(Finding{
					Object: p.Identity(t.Relation), ObjectType: "policy", Table: t.Relation.Identity(), Role: app, Severity: s,
					Detail: fmt.Sprintf("It is TO %s, and the server is %d.%d.", app, v/10000, v%10000),
					Fix:    &Fix{SQL: fmt.Sprintf("ALTER POLICY %s ON %s TO PUBLIC", catalog.QuoteIdent(p.Name), t.Relation.Identity()), Why: "what is for everybody cannot be dropped by one"},
				})
			}
		}
	},
}

// caller returns an application role that the policy names itself.
func caller(in *Input, p *catalog.Policy) string {
	for _, app := range in.Model.Applications() {
		for _, id := range in.identities(app) {
			if slices.Contains(p.Roles, id.role) && (id.role == app || id.path[0].Via == "set_role") {
				return app
			}
		}
	}
	return ""
}
