package audit

var parentBypass = detourFault(Rule{
	ID:       "VIA008",
	Name:     "parent-bypass",
	Title:    "a parent table shows its children's rows without their policies",
	Severity: Critical,
	Fix:      "enable_rls",
	Source:   "11, 12",
	Doc: `Statements on a parent or partitioned table are bound by the parent's policies only: those of the children are not looked at. Row level
security on the children alone is no wall.

Switch it on for the parent too, with the same policies.`,
}, "parent")
