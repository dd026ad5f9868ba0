package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var notCorrelated = policyFault(Rule{
	ID:       "POL006",
	Name:     "policy-not-correlated",
	Title:    "the policy's sub-query does not look at the row",
	Severity: Critical,
	Source:   "43, 44",
	Doc: `The policy asks a sub-query that never mentions the row being checked: m.tenant_id = m.tenant_id, where the right side was meant
to be the table's own column and the name was captured by the sub-query's table, or an EXISTS with no outer column at all. It is
true for all rows as soon as it is true for one.

Qualify the outer column with the table's name.`,
}, decide.NotCorrelated)
