package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var foreignTableOpen = Rule{
	ID:       "VIA009",
	Name:     "foreign-table-open",
	Title:    "a foreign table shows every tenant's rows",
	Severity: High,
	Fix:      "revoke",
	Source:   "13",
	Doc: `Row level security does not exist for foreign tables: what the remote role of the user mapping sees, the application role sees.

Take the privilege away, or let the remote side filter.`,

	Check: func(in *Input, report func(Finding)) {
		opens := in.opens(func(o open) bool {
			h, around := detour(o.way.Path)
			return around && h.Via == "foreign_table" || !around && o.way.Relation.Kind == catalog.Foreign && plain(o.way)
		})
		name := func(o open) string {
			if h, around := detour(o.way.Path); around {
				return h.Name
			}
			return o.way.Relation.Identity()
		}
		for _, g := range byTable(opens, name) {
			f := g.finding(g.answer.Why + ". Open for " + g.does() + ".")
			f.Object, f.ObjectType = name(g.open), "foreign table"
			f.Fix = &Fix{SQL: fmt.Sprintf("REVOKE ALL ON TABLE %s FROM %s", name(g.open), pg.Ident(g.way.As)), Why: "the application no longer reads it"}
			report(f)
		}
	},
}
