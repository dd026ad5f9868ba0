package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var openWhenMalformed = policyFault(Rule{
	ID:       "POL015",
	Name:     "policy-open-when-malformed",
	Title:    "rows are visible while the tenant is malformed",
	Severity: High,
	Source:   "39",
	Doc: `The policies are true for some foreign row when the context holds something that is no tenant: white space, a word, a list.

Compare with the context as it is; a value that is no tenant must match nothing or raise.`,
}, decide.MalformedCtx)
