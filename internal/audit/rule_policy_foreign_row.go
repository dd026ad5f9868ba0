package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var foreignRow = policyFault(Rule{
	ID:       "POL002",
	Name:     "policy-foreign-row",
	Title:    "policies let rows of other tenants through",
	Severity: Critical,
	Source:   "42, 45, 46, 88",
	Doc: `Taken together, permissive ones joined by OR and restrictive ones by AND, the policies are true for some row that belongs to
another tenant while the context is a proper one. Often a second permissive policy undoes the first, or the policy looks at a
column that is not the tenant key.

The witness shows such a row and the context.`,
}, decide.ForeignRow)
