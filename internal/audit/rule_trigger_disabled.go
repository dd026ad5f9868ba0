package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
)

var triggerDisabled = Rule{
	ID:       "TRG001",
	Name:     "trigger-disabled",
	Title:    "a trigger of a tenant table is switched off",
	Severity: Medium,
	Source:   "25",
	Doc: `Somebody disabled a trigger, for a bulk load perhaps, and did not enable it again. What it kept (the tenant of a child row, updated_at, an audit row)
is not kept any more.

ALTER TABLE ... ENABLE TRIGGER, or drop the trigger.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			for i := range t.Relation.Triggers {
				g := &t.Relation.Triggers[i]
				if g.Enabled != "disabled" && g.Enabled != "replica" {
					continue
				}
				f := Finding{Object: g.Identity(t.Relation), ObjectType: "trigger", Table: t.Relation.Identity(), Severity: Low}
				if in.canTouch(t.Relation) != nil {
					f.Severity = Medium
				}
				f.Detail = "It fires " + map[string]string{"disabled": "never.", "replica": "on replicas only."}[g.Enabled]
				f.Fix = &Fix{SQL: "ALTER TABLE " + t.Relation.Identity() + " ENABLE TRIGGER " + catalog.QuoteIdent(g.Name), Why: "it fires again"}
				report(f)
			}
		}
	},
}
