package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var openWhenEmpty = policyFault(Rule{
	ID:       "POL004",
	Name:     "policy-open-when-empty",
	Title:    "rows are visible while the tenant is empty",
	Severity: Critical,
	Source:   "39",
	Doc: `The policies are true for some foreign row when the context is the empty string. That is no rare state: a setting that was made
with SET LOCAL comes back as '' and not as NULL once the transaction ends, so every connection of a pool is in it between two
requests.

Treat '' as unset: NULLIF(current_setting(name, true), '').`,
}, decide.EmptyContext)
