package audit

import (
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var forceMissing = tableFault(Rule{
	ID:       "RLS007",
	Name:     "force-missing",
	Title:    "row level security does not bind the owner",
	Severity: Info,
	Fix:      "force_rls",
	Source:   "8",
	Doc: `The table's owner is not bound by its policies. No application role can act as the owner, so nothing is open; a migration, a job or a SECURITY
DEFINER function of the owner sees every tenant.

ALTER TABLE ... FORCE ROW LEVEL SECURITY, unless such jobs are meant to see all.`,
}, func(in *Input, t *tenancy.Table) (string, string) {
	r := t.Relation
	if !r.RowSecurity || r.ForceRLS || in.theirs(r.Owner) {
		return "", ""
	}
	for _, app := range in.Model.Applications() {
		if _, ok := ownership(in, app, r.Owner); ok {
			return "", "" // told by owner-not-bound
		}
	}
	return r.Owner + " sees all rows.", force(r)
})
