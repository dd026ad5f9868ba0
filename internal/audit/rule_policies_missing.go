package audit

import (
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var policiesMissing = tableFault(Rule{
	ID:       "RLS005",
	Name:     "policies-missing",
	Title:    "row level security is on and there is no policy",
	Severity: Low,
	Fix:      "create_policy",
	Source:   "4",
	Doc: `Without a policy nobody but the owner sees or makes a row. It is closed, and of no use to the application that was granted the table: somebody
will be tempted to switch row level security off again.

Write the policy, or take the privilege away.`,
}, func(in *Input, t *tenancy.Table) (string, string) {
	if !t.Relation.RowSecurity || len(t.Relation.Policies) > 0 || in.canTouch(t.Relation) == nil {
		return "", ""
	}
	return "An application role may use the table and finds it empty.", protect(in.Model, t)
})
