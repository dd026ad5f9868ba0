package audit

import (
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var systemTableOpen = Rule{
	ID:       "GLB002",
	Name:     "system-table-open",
	Title:    "an application role reaches a table that is the system's own",
	Severity: High,
	Fix:      "revoke",
	Source:   "contract: no application role reaches infrastructure",
	Doc: `The table holds what the system itself needs: sessions, migrations, jobs, secrets of the context. An application role that may read or write it acts as
somebody else.

Take the privilege away; let functions with a fixed shape do what is needed.`,

	Check: func(in *Input, report func(Finding)) {
		opens := in.opens(func(o open) bool {
			return o.table.Class == tenancy.Infrastructure && direct(o) && plain(o.way) && len(o.way.Path) == 0
		})
		for _, g := range byTable(opens, func(open) string { return "" }) {
			f := g.finding("It may " + g.does() + " here.")
			f.Fix = &Fix{SQL: "REVOKE ALL ON TABLE " + g.way.Relation.Identity() + " FROM " + pg.Ident(g.way.Role), Why: "functions reach it, the application does not"}
			report(f)
		}
	},
}
