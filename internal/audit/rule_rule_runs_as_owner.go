package audit

var ruleRunsAsOwner = detourFault(Rule{
	ID:       "VIA004",
	Name:     "rule-runs-as-owner",
	Title:    "a rewrite rule acts as the table's owner",
	Severity: Critical,
	Fix:      "",
	Source:   "101",
	Doc: `The action of a rewrite rule runs with the rights of the owner of the table that the rule is on. Where policies do not bind that owner,
an INSERT into one table changes or reads every tenant's rows of another.

Drop the rule and use a trigger, whose function runs as the caller; or force row level security.`,
}, "rule")
