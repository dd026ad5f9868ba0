package audit

var defaultDefiner = detourFault(Rule{
	ID:       "VIA006",
	Name:     "default-runs-definer",
	Title:    "a column's default reaches other tenants' rows",
	Severity: Low,
	Fix:      "",
	Source:   "117",
	Doc:      `A default or generated column calls a SECURITY DEFINER function that reads tenant tables as an owner whom their policies do not bind.`,
}, "default")
