package audit

import (
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var globalWritable = Rule{
	ID:       "GLB001",
	Name:     "global-writable",
	Title:    "an application role may change data that all tenants share",
	Severity: Medium,
	Fix:      "revoke",
	Source:   "contract: no tenant writes a global table",
	Doc: `The table has no tenant: what one tenant's request writes there, all others read. Prices, templates and settings are changed for everybody.

Take the right to write from the application's role; an administration role keeps it. Where the rows do belong to somebody, name the table's key in
ringfence.yaml.`,

	Check: func(in *Input, report func(Finding)) {
		opens := in.opens(func(o open) bool { return o.table.Class == tenancy.Global && direct(o) && plain(o.way) })
		for _, g := range byTable(opens, func(open) string { return "" }) {
			f := g.finding("Every tenant's request can " + g.does() + " here.")
			f.Fix = &Fix{SQL: "REVOKE INSERT, UPDATE, DELETE ON TABLE " + g.way.Relation.Identity() + " FROM " + pg.Ident(g.way.Role), Why: "reference data is only read"}
			report(f)
		}
	},
}
