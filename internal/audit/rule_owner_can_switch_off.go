package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var ownerCanSwitchOff = Rule{
	ID:       "RLS004",
	Name:     "owner-can-switch-off",
	Title:    "the application can become the table's owner, and the owner can switch row level security off",
	Severity: Critical,
	Fix:      "application_role",
	Source:   "7",
	Doc: `Forced row level security binds the owner's queries, not its rights: one ALTER TABLE ... NO FORCE ROW LEVEL SECURITY, or one
DROP POLICY, in an injected statement takes the wall down for everybody. Row probes alone call such a table safe.

Give the table to a role that the application cannot become, and grant the application only what it uses.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			r := t.Relation
			if !r.RowSecurity || !r.ForceRLS {
				continue
			}
			for _, role := range in.Model.Applications() {
				path, ok := ownership(in, role, r.Owner)
				if !ok {
					continue
				}
				f := Finding{Object: r.Identity(), ObjectType: string(r.Kind), Table: r.Identity(), Role: role, Path: path}
				f.Detail = fmt.Sprintf("%s owns the table.", r.Owner)
				f.Fix = &Fix{Why: "let the application log in as a role that does not own the table: it cannot change its policies"}
				if len(path) == 1 && path[0].Via != "owner" {
					f.Fix = &Fix{Step: "revoke_membership", SQL: fmt.Sprintf("REVOKE %s FROM %s", pg.Ident(r.Owner), pg.Ident(role)), Why: "the application can no longer become the owner"}
				}
				report(f)
			}
		}
	},
}

// ownership returns how role acts as owner: an empty path where it is the owner itself.
func ownership(in *Input, role, owner string) (reach.Path, bool) {
	for _, id := range in.identities(role) {
		if id.role == owner {
			return id.path, true
		}
	}
	return nil, false
}
