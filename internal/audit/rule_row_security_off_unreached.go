package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var offUnreachable = tableFault(Rule{
	ID:       "RLS006",
	Name:     "row-security-off-unreached",
	Title:    "row level security is off on a tenant table that no application role may use",
	Severity: Info,
	Fix:      "enable_rls",
	Source:   "2",
	Doc: `The table belongs to tenants and nothing filters it. No application role has a privilege on it today; one GRANT opens it for all tenants at once.

Enable and force row level security all the same.`,
}, func(in *Input, t *tenancy.Table) (string, string) {
	r := t.Relation
	if r.RowSecurity || r.Kind == catalog.Foreign || len(r.Policies) > 0 || in.canTouch(r) != nil {
		return "", ""
	}
	return "Nothing but the lack of a GRANT protects it.", protect(in.Model, t)
})
