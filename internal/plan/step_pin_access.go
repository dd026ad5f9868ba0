package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pinsql"
)

// pinAccess reads Role, Options (one use of pinsql) and Privileges (USAGE where the schema's is granted too).
var pinAccess = Kind{
	Name: "pin_access",
	Doc: `let the role that serves logins, or that operates them, call the functions of PIN login

The login's role tries PINs and begins sessions; the operator's sets PINs, locks, unlocks and enrols devices. Neither reads a
table. Both are roles of their own: an application's role that could call these would reach every tenant's logins.`,
	Wave:   3,
	Danger: []string{"pin"},

	Do:   func(t Target) []string { return pinsql.Grant(t.pinUse(), t.Role, bool(t.schemaUse())) },
	Undo: func(t Target) []string { return pinsql.Revoke(t.pinUse(), t.Role, bool(t.schemaUse())) },
	Done: func(t Target) string { return pinsql.GrantDone(t.pinUse(), t.Role) },
	Object: func(t Target) string {
		return Name{pinsql.Schema, pinsql.Credentials}.Identity() + " for " + catalog.QuoteIdent(t.Role) + " as " + t.pinUse()
	},
}

func (t Target) pinUse() string {
	if len(t.Options) == 1 && slices.Contains(pinsql.Uses, t.Options[0]) {
		return t.Options[0]
	}
	return pinsql.Operator
}
