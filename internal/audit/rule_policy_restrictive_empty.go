package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var policyRestrictiveEmpty = Rule{
	ID:       "POL017",
	Name:     "policy-restrictive-empty",
	Title:    "a restrictive policy restricts nothing",
	Severity: Medium,
	Source:   "36",
	Doc: `The restrictive policy is true for every row. It was written as a floor under the permissive ones, and there is none.

Let it compare the tenant key with the context.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			for i := range t.Relation.Policies {
				p := &t.Relation.Policies[i]
				w := in.canTouch(t.Relation)
				if p.Permissive || w == nil || !t.Relation.RowSecurity || !in.alone(p, t, w.Role) {
					continue
				}
				report(Finding{
					Object: p.Identity(t.Relation), ObjectType: "policy", Table: t.Relation.Identity(), Role: w.Role, Path: w.Path,
					Detail: "It is true of every row.", Fix: &Fix{SQL: drop(p, t.Relation), Why: "what restricts nothing only looks as if it did"},
				})
			}
		}
	},
}

// alone reports whether the policy, were it the only one, would be true of every row in every context.
func (in *Input) alone(p *catalog.Policy, t *tenancy.Table, app string) bool {
	tree := p.Using
	if tree == nil {
		tree = p.Check
	}
	e, err := in.Model.Reader.Expression(tree, t.Relation)
	if err != nil || e == nil {
		return false
	}
	answer := in.decider.Decide(reach.Way{
		Role: app, As: app, CurrentUser: app, Relation: t.Relation, Command: reach.Select, Kind: reach.Isolation, Privileged: true,
		Old: e, Policies: []*catalog.Policy{p},
	})
	return answer.Reason == decide.AlwaysTrue
}
