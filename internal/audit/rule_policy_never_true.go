package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var policyNeverTrue = Rule{
	ID:       "POL018",
	Name:     "policy-never-true",
	Title:    "the policies let nothing through",
	Severity: Low,
	Source:   "5, 37, 55, 57",
	Doc: `An application role has the privilege, and the policies for the command are never true of any row, or there is none that permits: only restrictive
ones, or policies for other roles or commands. Nothing leaks and nothing works.

Write the policy that is missing, or take the privilege away.`,

	Check: func(in *Input, report func(Finding)) {
		shut := in.ways(func(o open) bool {
			return direct(o) && len(o.way.Path) == 0 && o.way.Unbound == "" && plain(o.way) && o.way.Command != reach.Merge && o.way.Variant == "" && o.answer.Unusable &&
				len(o.table.Relation.Policies) > 0 && o.table.Class.Tenant() && !in.raises(o.table.Relation)
		})
		for _, g := range byTable(shut, func(open) string { return "" }) {
			report(g.finding("Closed to everybody: " + g.does() + "."))
		}
	},
}

// raises reports whether statements on the relation fail before a policy is asked: a circle of policies, which has its own rule.
func (in *Input) raises(r *catalog.Relation) bool {
	asks, at := in.asking(), r.Identity()
	return slices.ContainsFunc(asks[at], func(next string) bool { return circle(asks, at, next) != nil })
}
