package audit

import (
	"github.com/ringfencehq/ringfence/internal/reach"
)

var statisticsTell = Rule{
	ID:       "INF001",
	Name:     "statistics-tell",
	Title:    "plans and statistics tell about other tenants' rows",
	Severity: Info,
	Source:   "144; verified attack by EXPLAIN",
	Doc: `pg_class.reltuples is readable by everybody, and EXPLAIN computes its estimates over all tenants' rows: how many there are, how common a value is. It cannot be
switched off for a role that runs SQL of its own.

Where that is a threat, let the application call functions of a fixed shape instead of the tables.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			w := in.canTouch(t.Relation, reach.Select)
			if w == nil || !t.Relation.RowSecurity || t.Relation.Partition != nil {
				continue
			}
			report(Finding{
				Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(), Role: w.Role, Path: w.Path, Command: "SELECT",
				Detail: "Whoever may read the table may EXPLAIN it.",
			})
		}
	},
}
