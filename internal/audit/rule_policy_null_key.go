package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var nullKey = policyFault(Rule{
	ID:       "POL005",
	Name:     "policy-null-key",
	Title:    "rows without a tenant are open to every tenant",
	Severity: High,
	Source:   "41",
	Doc: `The policies are true for rows whose tenant key is NULL: "... OR tenant_id IS NULL", IS NOT DISTINCT FROM. Such rows are read by
every tenant and, where the policy is for writing too, changed by every tenant. A row loses its key by a faulty insert more easily
than by intent.

Where shared rows are meant, say so in ringfence.yaml, and let the policies for writing leave them out.`,
}, decide.NullKey)
