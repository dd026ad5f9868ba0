package audit

var viewRunsAsOwner = detourFault(Rule{
	ID:       "VIA001",
	Name:     "view-runs-as-owner",
	Title:    "a view shows other tenants' rows",
	Severity: Critical,
	Fix:      "security_invoker",
	Source:   "102, 103, 104, 105, 106",
	Doc: `A view reads its tables as the view's owner, unless it is security_invoker. Where that owner is not bound by the tables' policies,
or has a policy that shows it everything, whoever may read the view reads every tenant's rows.

On 15 and later: ALTER VIEW ... SET (security_invoker = true). Before, filter in the view itself, with security_barrier, or take the
privilege away.`,
}, "view")
