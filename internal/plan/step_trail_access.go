package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// trailAccess reads Role, Options (one use of trailsql) and Privileges (USAGE where the schema's is granted too).
var trailAccess = Kind{
	Name: "trail_access",
	Doc: `open the security trail to the role that writes, reads or keeps it

The writer may call the function that appends and nothing else: it cannot read, change or remove an event. The reader sees all
tenants' events, by a grant and a policy: it is for the service role. The keeper makes partitions ahead and retires old months.`,
	Wave:   3,
	Danger: []string{"trail"},

	Do:   func(t Target) []string { return trailsql.Grant(t.trailUse(), t.Role, t.schemaUse()) },
	Undo: func(t Target) []string { return trailsql.Revoke(t.trailUse(), t.Role, t.schemaUse()) },
	Done: func(t Target) string { return trailsql.GrantDone(t.trailUse(), t.Role) },
	Object: func(t Target) string {
		return Name{trailsql.Schema, trailsql.Events}.Identity() + " for " + catalog.QuoteIdent(t.Role) + " as " + t.trailUse()
	},
}

func (t Target) trailUse() string {
	if len(t.Options) == 1 && slices.Contains(trailsql.Uses, t.Options[0]) {
		return t.Options[0]
	}
	return trailsql.Writer
}

func (t Target) schemaUse() trailsql.SchemaUse {
	return trailsql.SchemaUse(slices.Contains(t.Privileges, "USAGE"))
}
