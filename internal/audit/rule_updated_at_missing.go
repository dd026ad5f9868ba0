package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var updatedAtMissing = Rule{
	ID:       "UPD001",
	Name:     "updated-at-missing",
	Title:    "nothing tells when a row was last changed",
	Severity: Info,
	Fix:      "updated_at_column",
	Source:   "24, 25",
	Doc: `The table has no updated_at, or no trigger that keeps it. After an incident nobody can say which rows were touched.

The plan adds both where ringfence.yaml asks for it; old rows get NULL (unknown) or their created_at, never the time of the migration.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			if t.Relation.Partition != nil || t.Relation.Kind == catalog.Foreign || in.theirs(t.Relation.Owner) {
				continue
			}
			c := t.Relation.ColumnByName("updated_at")
			kept := slices.ContainsFunc(t.Relation.Triggers, func(g catalog.Trigger) bool {
				return g.Timing == "before" && g.EachRow && slices.Contains(g.Events, "UPDATE") && g.Enabled != "disabled"
			})
			if c != nil && kept {
				continue
			}
			what := "It has no updated_at."
			if c != nil {
				what = "No trigger keeps its updated_at."
			}
			report(Finding{
				Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(), Detail: what,
				Fix: &Fix{Why: "with updated_at in ringfence.yaml the plan adds the column and its trigger"},
			})
		}
	},
}
