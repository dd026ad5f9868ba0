package audit

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
)

// policyFault makes a rule for the tables whose policies bind the role and let foreign rows through for one reason. What the
// policies say together is decided; the rule only names it. The finding is about the policy where a single one is to blame.
func policyFault(r Rule, reasons ...decide.Reason) Rule {
	return gradedPolicyFault(r, func(group) Severity { return r.Severity }, reasons...)
}

// gradedPolicyFault is policyFault for a fault that is more or less grave by what it opens.
func gradedPolicyFault(r Rule, grade func(group) Severity, reasons ...decide.Reason) Rule {
	r.Fix = "replace_policy"
	r.Check = func(in *Input, report func(Finding)) {
		opens := in.opens(func(o open) bool {
			_, around := detour(o.way.Path)
			return !around && o.way.Unbound == "" && slices.Contains(reasons, o.answer.Reason) && !in.becomes(o)
		})
		for _, g := range byTable(opens, func(o open) string { return string(o.answer.Reason) }) {
			f := g.finding(fmt.Sprintf("%s. Open for %s.", g.answer.Why, g.does()))
			if len(g.way.Policies) == 1 {
				f.Object, f.ObjectType = g.way.Policies[0].Identity(g.way.Relation), "policy"
			}
			f.Severity = grade(g)
			f.Fix = &Fix{Why: "the policies of the table are replaced by one that compares the tenant key with the context"}
			report(f)
		}
	}
	return r
}

// becomes reports whether the way is that of taking a tenant's role under a policy that looks at current_user, which has a rule of
// its own, or that of a group, whose rows nobody's are.
func (in *Input) becomes(o open) bool {
	return (o.answer.Reason == decide.LiteralTenant || in.group(o.way.As)) && len(o.way.Path) > 0 && o.way.Path[0].Via == "set_role" &&
		slices.ContainsFunc(o.way.Policies, func(p *catalog.Policy) bool { return in.readsUser(p) })
}
