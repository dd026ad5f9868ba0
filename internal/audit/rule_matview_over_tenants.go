package audit

var matviewOverTenants = detourFault(Rule{
	ID:       "VIA002",
	Name:     "matview-over-tenants",
	Title:    "a materialized view holds every tenant's rows",
	Severity: High,
	Fix:      "revoke",
	Source:   "108",
	Doc: `Row level security cannot be switched on for a materialized view, and what was read when it was refreshed is there for whoever
may read it.

Take the privilege from the application role and let it read a security_barrier view that filters by the context.`,
}, "matview")
