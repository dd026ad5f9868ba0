package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// trapFault makes a rule for traps in policies: find looks at one policy's expression as it is stored.
func trapFault(r Rule, find func(e expr.Expr, say func(c expr.Context, what string))) Rule {
	r.Fix = "replace_policy"
	r.Check = func(in *Input, report func(Finding)) {
		in.eachPolicy(r.ID, func(p *catalog.Policy, rel *catalog.Relation, e expr.Expr) {
			find(e, func(c expr.Context, what string) {
				report(Finding{
					Object: p.Identity(rel), ObjectType: "policy", Table: rel.Identity(), Detail: what,
					Fix: &Fix{Why: "the policy is replaced by one that reads the context once, and treats an empty one as unset"},
				})
			})
		})
	}
	return r
}
