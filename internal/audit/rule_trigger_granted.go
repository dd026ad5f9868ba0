package audit

import "github.com/ringfencehq/ringfence/internal/reach"

var triggerGranted = privilegeFault(Rule{
	ID:       "GRT002",
	Name:     "trigger-granted",
	Title:    "the application may put triggers on a shared table",
	Severity: High,
	Fix:      "revoke",
	Source:   "127",
	Doc: `Whoever holds TRIGGER on a table attaches a function that runs in every other session that writes to it, with that session's rights: one
tenant's code sees, copies and changes what all others write. It comes with GRANT ALL.

Revoke it; migrations make triggers.`,
}, reach.Trigger)
