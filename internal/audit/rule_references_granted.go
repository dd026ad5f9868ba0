package audit

import "github.com/ringfencehq/ringfence/internal/reach"

var referencesGranted = privilegeFault(Rule{
	ID:       "GRT003",
	Name:     "references-granted",
	Title:    "the application may refer foreign keys to the table",
	Severity: Low,
	Fix:      "revoke",
	Source:   "126",
	Doc: `With REFERENCES a role makes a table of its own whose foreign key points here. Each insert into it then tells whether a key exists, whoever
owns the row, and blocks its owner from deleting it.

Revoke it; migrations make foreign keys.`,
}, reach.References)
