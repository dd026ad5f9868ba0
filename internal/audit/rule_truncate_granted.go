package audit

import "github.com/ringfencehq/ringfence/internal/reach"

var truncateGranted = privilegeFault(Rule{
	ID:       "GRT001",
	Name:     "truncate-granted",
	Title:    "the application may TRUNCATE, which no policy looks at",
	Severity: High,
	Fix:      "revoke",
	Source:   "125",
	Doc: `TRUNCATE empties a table for all tenants: row level security does not apply to it. It comes with GRANT ALL.

Revoke it; an application deletes rows.`,
}, reach.Truncate)
