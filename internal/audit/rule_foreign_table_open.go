package audit

var foreignTableOpen = detourFault(Rule{
	ID:       "VIA009",
	Name:     "foreign-table-open",
	Title:    "a foreign table shows every tenant's rows",
	Severity: High,
	Fix:      "revoke",
	Source:   "13, 135",
	Doc: `Row level security does not exist for foreign tables: what the remote role of the user mapping sees, the application role sees.

Take the privilege away, or let the remote side filter.`,
}, "foreign_table")
