package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var literalTenant = policyFault(Rule{
	ID:       "POL011",
	Name:     "policy-literal-tenant",
	Title:    "the policy names a fixed tenant",
	Severity: Medium,
	Source:   "60",
	Doc: `The policy compares the tenant key with a constant, so that rows of that tenant are open to everybody.

Where these rows are shared on purpose, name the value as a sentinel in ringfence.yaml.`,
}, decide.LiteralTenant)
