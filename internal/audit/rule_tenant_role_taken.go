package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var tenantRoleTaken = Rule{
	ID:       "ROL006",
	Name:     "tenant-role-taken",
	Title:    "one login may take the roles of several tenants",
	Severity: High,
	Fix:      "revoke_membership",
	Source:   "59; verified attack by SET ROLE under a current_user policy",
	Doc: `The policy compares the tenant key with current_user: each tenant has a role. The application logs in as one role that may SET ROLE to the others, so that
any SQL it runs chooses the tenant.

Give each tenant a login of its own, without membership in the others; or compare with session_user; or use a context that is signed.`,

	Check: func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		for _, o := range in.ways(func(o open) bool {
			return direct(o) && o.table.Class.Tenant() && len(o.way.Path) > 0 && o.way.Path[0].Via == "set_role"
		}) {
			for _, p := range o.way.Policies {
				id := p.Identity(o.way.Relation)
				if told[o.way.Role+" "+id] || !in.readsUser(p) {
					continue
				}
				told[o.way.Role+" "+id] = true
				f := Finding{Object: id, ObjectType: "policy", Table: o.way.Relation.Identity(), Role: o.way.Role, Path: o.way.Path}
				f.Detail = o.way.Role + " may become " + o.way.As + ", whose rows these are."
				f.Fix = &Fix{SQL: "REVOKE " + pg.Ident(o.way.As) + " FROM " + pg.Ident(o.way.Role), Why: "the tenant's role is nobody else's"}
				report(f)
			}
		}
	},
}

// readsUser reports whether the policy looks at current_user.
func (in *Input) readsUser(p *catalog.Policy) bool {
	for _, w := range in.policies() {
		if w.policy == p && slices.ContainsFunc(w.contexts, func(c expr.Context) bool { return c.Kind == "user" && c.Name != "session_user" }) {
			return true
		}
	}
	return false
}
