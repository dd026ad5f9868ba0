package audit

var publicationUnfiltered = detourFault(Rule{
	ID:       "VIA010",
	Name:     "publication-unfiltered",
	Title:    "a publication carries every tenant's rows",
	Severity: Medium,
	Fix:      "",
	Source:   "14",
	Doc: `Logical replication does not look at policies. The table is published without a row filter, and a role that can subscribe receives
all rows.

Limit who holds REPLICATION, or publish with a row filter (15 and later).`,
}, "publication")
