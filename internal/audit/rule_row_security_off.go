package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var rowSecurityOff = Rule{
	ID:       "RLS001",
	Name:     "row-security-off",
	Title:    "row level security is off on a table that belongs to tenants",
	Severity: Critical,
	Fix:      "enable_rls",
	Source:   "1, 15, 75",
	Doc: `The table holds rows of many tenants, an application role may reach it, and no row level security filters what it reads
and writes: one forgotten WHERE shows one customer another's data.

Enable and force row level security with a policy that compares the tenant key with the context. A copy made with CREATE TABLE ...
(LIKE ...) or restored without post-data carries neither the switch nor the policies.`,

	Check: func(in *Input, report func(Finding)) {
		trusted := map[string]bool{}
		in.eachSubquery("RLS001", func(_ *catalog.Policy, _, read *catalog.Relation) { trusted[read.Identity()] = true })
		for _, t := range in.Model.TenantTables() {
			r := t.Relation
			if r.RowSecurity || r.Kind == catalog.Foreign || len(r.Policies) > 0 || bypassesParent(in, r) {
				continue
			}
			opens := in.opens(func(o open) bool {
				_, around := detour(o.way.Path)
				return o.table == t && !around && o.way.Unbound != "" && plain(o.way) && !owns(o.way.Path)
			})
			for _, g := range byTable(opens, func(open) string { return "" }) {
				f := g.finding(fmt.Sprintf("Nothing filters %s. Tenants are told apart by %s.", g.does(), keyOf(t)))
				if g.does() == "SELECT" && trusted[r.Identity()] {
					f.Severity, f.Detail = Medium, f.Detail+" Policies look the tenant up in it, and the application only reads it."
				}
				f.Fix = &Fix{SQL: protect(in.Model, t), Why: "only rows of the tenant in the context are reached from then on"}
				report(f)
			}
		}
	},
}
