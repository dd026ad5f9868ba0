package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var pattern = policyFault(Rule{
	ID:       "POL008",
	Name:     "policy-pattern",
	Title:    "the comparison is a pattern that other tenants match",
	Severity: High,
	Source:   "66, 67",
	Doc: `The policy matches the tenant key against a pattern, prefix, range or list made from the context: LIKE, starts_with, a regular
expression. Tenant '1' matches '10', and a context of '%' matches everybody.

Compare by =.`,
}, decide.Pattern)
