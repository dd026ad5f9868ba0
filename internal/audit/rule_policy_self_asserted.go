package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var selfAsserted = policyFault(Rule{
	ID:       "POL009",
	Name:     "policy-self-asserted",
	Title:    "the policy trusts what the application role can write itself",
	Severity: Critical,
	Source:   "61, 76, 82",
	Doc: `The policy looks the tenant up in a table (members, sessions) into which the same role may write, or calls a function that it may
replace. One INSERT makes the role a member of any tenant.

Take the right to write from the application role, or give that table row level security of its own whose check binds the
granting column to the context.`,
}, decide.SelfAsserted)
