package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A trap is something about how a policy reads its context that bites later, though it may isolate today.
type trap struct {
	policy  *catalog.Policy
	rel     *catalog.Relation
	context expr.Context
	what    string
}

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

// eachPolicy calls visit for USING and WITH CHECK of every policy of the model's tables; what cannot be read is unchecked.
func (in *Input) eachPolicy(rule string, visit func(p *catalog.Policy, rel *catalog.Relation, e expr.Expr)) {
	for _, t := range in.tables() {
		rel := t.Relation
		for i := range rel.Policies {
			p := &rel.Policies[i]
			for _, tree := range []*catalog.Tree{p.Using, p.Check} {
				if tree == nil {
					continue
				}
				e, err := in.Model.Reader.Expression(tree, rel)
				if err != nil {
					in.Unchecked(rule, p.Identity(rel), fmt.Sprintf("its expression could not be read: %v", err))
					continue
				}
				visit(p, rel, e)
			}
		}
	}
}

// eachSubquery calls visit for every relation that a sub-query of a policy reads.
func (in *Input) eachSubquery(rule string, visit func(p *catalog.Policy, rel, read *catalog.Relation)) {
	in.eachPolicy(rule, func(p *catalog.Policy, rel *catalog.Relation, e expr.Expr) {
		expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
			if s, ok := e.(*expr.SubLink); ok {
				for _, entry := range s.Query.Range {
					if entry.Relation != nil {
						visit(p, rel, entry.Relation)
					}
				}
			}
			return true
		})
	})
}
