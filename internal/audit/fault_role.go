package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// roleFault makes a rule for the roles an application can act as that have a power it must not have. The finding is about the
// application's role; the path says how it comes to the power. Where it is by membership, revoking that mends it.
func roleFault(r Rule, has func(*catalog.Role) bool, take func(*catalog.Role) string) Rule {
	r.Check = func(in *Input, report func(Finding)) {
		for _, app := range in.Model.Applications() {
			told := map[string]bool{}
			for _, id := range in.identities(app) {
				role := in.Model.Snapshot.Role(id.role)
				if role == nil || told[id.role] || !has(role) || (attribute(role) && len(id.path) > 0 && id.path[0].Via == "inherit") {
					continue
				}
				told[id.role] = true
				f := Finding{Object: catalog.QuoteIdent(app), ObjectType: "role", Role: app, Path: id.path}
				f.Detail = fmt.Sprintf("%s has it.", id.role)
				f.Fix = &Fix{SQL: take(role), Why: "the power is taken from the role"}
				if member, ok := in.membership(app, id.role); ok && id.role != app {
					f.Fix = &Fix{Step: "revoke_membership", SQL: fmt.Sprintf("REVOKE %s FROM %s", pg.Ident(id.role), pg.Ident(member)), Why: "the application can no longer become it"}
				}
				report(f)
			}
		}
	}
	return r
}

// attribute reports whether the power is one of the role's own attributes, which membership alone does not pass on.
func attribute(r *catalog.Role) bool { return !r.Predefined }
