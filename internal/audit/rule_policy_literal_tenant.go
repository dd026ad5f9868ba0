package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/decide"
)

var literalTenant = gradedPolicyFault(Rule{
	ID:       "POL011",
	Name:     "policy-literal-tenant",
	Title:    "the policy names a fixed tenant",
	Severity: Medium,
	Source:   "60",
	Doc: `The policy compares the tenant key with a constant, so that rows of that tenant are open to everybody. To be read by all is often meant: templates, a
system's own rows. To be written by all it is a hole: one tenant changes what every other one sees.

Where these rows are shared on purpose, name the value as a sentinel in ringfence.yaml, and let only SELECT reach them.`,
}, func(g group) Severity {
	for _, c := range g.commands {
		if !strings.HasPrefix(c, "SELECT") {
			return High
		}
	}
	return Medium
}, decide.LiteralTenant)
