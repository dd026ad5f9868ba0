package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var classUnknown = Rule{
	ID:       "TBL003",
	Name:     "class-unknown",
	Title:    "nobody can say whose rows the table holds",
	Severity: Low,
	Source:   "15",
	Doc: `The table carries no tenant key, leads to no table that does, and is not known to be reference data. Nothing is claimed of it: it may hold every
tenant's rows.

Say in ringfence.yaml what it is.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.Tables {
			if t.Class != tenancy.Unclassified {
				continue
			}
			f := Finding{Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(), Severity: Info, Detail: t.Why}
			if w := in.canTouch(t.Relation); w != nil {
				f.Severity, f.Role, f.Path = Low, w.Role, w.Path
				if t.Relation.Kind == catalog.Foreign { // no policy can ever stand in front of it
					f.Severity = Medium
				}
			}
			report(f)
		}
	},
}
