package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var alwaysTrue = policyFault(Rule{
	ID:       "POL001",
	Name:     "policy-always-true",
	Title:    "policies let every row through",
	Severity: Critical,
	Source:   "30, 31, 32, 33, 34, 35",
	Doc: `The policies of the table are true for every row, whatever the tenant: USING (true), a constant in an OR, a comparison of
something with itself. Row level security is on and filters nothing.

Compare the tenant key with the context, and nothing else:

    USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid))`,
}, decide.AlwaysTrue)
