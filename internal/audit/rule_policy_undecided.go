package audit

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
)

var policyUndecided = Rule{
	ID:       "POL014",
	Name:     "policy-undecided",
	Title:    "nobody can say whether the policies keep other tenants out",
	Severity: Low,
	Source:   "unknown is not good news",
	Doc: `The policies rest on something that logic cannot follow: a function in another language, dynamic SQL, a value of which nothing is known. That is no
fault by itself, and no protection anybody can rely on.

Write the policy so that it can be decided, or attack it: ringfence prove --attack.`,

	Check: func(in *Input, report func(Finding)) {
		unknown := in.ways(func(o open) bool {
			return o.answer.Verdict == decide.Undecided && o.answer.Reason != decide.SessionState && direct(o) && o.table.Class.Tenant() && plain(o.way)
		})
		for _, g := range byTable(unknown, func(o open) string { return policyName(o) }) {
			why := g.answer.Why
			if calls := in.calledBy(g.way.Policies); len(calls) > 0 && !slices.ContainsFunc(calls, func(name string) bool { return strings.Contains(why, name) }) {
				why += ", inside " + list(calls)
			}
			f := g.finding(why + ". It concerns " + g.does() + ".")
			if len(g.way.Policies) == 1 {
				f.Object, f.ObjectType = g.way.Policies[0].Identity(g.way.Relation), "policy"
			}
			report(f)
		}
	},
}

// calledBy names the database's own functions that policies rest on, in order.
func (in *Input) calledBy(policies []*catalog.Policy) []string {
	var out []string
	for _, w := range in.policies() {
		if !slices.Contains(policies, w.policy) {
			continue
		}
		for _, c := range w.called {
			if name := c.function.Identity(); !c.function.System && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// policyName names the only policy of a way, "" where there are several.
func policyName(o open) string {
	if len(o.way.Policies) == 1 {
		return o.way.Policies[0].Name
	}
	return ""
}
