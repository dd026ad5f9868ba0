package audit

import "github.com/ringfencehq/ringfence/internal/decide"

var openWhenUnset = policyFault(Rule{
	ID:       "POL003",
	Name:     "policy-open-when-unset",
	Title:    "rows are visible while no tenant is set",
	Severity: Critical,
	Source:   "38, 39, 40",
	Doc: `The policies are true for some row when the context was never set in the session: "... OR current_setting(...) IS NULL",
a COALESCE to the column itself. Any statement that runs before the context is set, or on a connection where it was forgotten,
reads every tenant.

An unset context must give no rows: NULLIF(current_setting(name, true), '') compared by = is NULL, and NULL is not true.`,
}, decide.UnsetContext)
