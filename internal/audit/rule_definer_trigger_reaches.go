package audit

var definerTrigger = detourFault(Rule{
	ID:       "VIA005",
	Name:     "definer-trigger-reaches",
	Title:    "a trigger that runs as its owner reaches other tenants' rows",
	Severity: High,
	Fix:      "",
	Source:   "98, 107",
	Doc: `The trigger's function is SECURITY DEFINER and touches tenant tables as an owner whom their policies do not bind. Who may fire the
trigger acts through it.

Make the function SECURITY INVOKER, or let it compare with the tenant of the row that fired it.`,
}, "trigger")
