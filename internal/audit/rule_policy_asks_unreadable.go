package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
)

var policyAsksUnreadable = Rule{
	ID:       "POL026",
	Name:     "policy-asks-unreadable",
	Title:    "the policy asks a table that the application may not read",
	Severity: Medium,
	Fix:      "grant",
	Source:   "77",
	Doc: `A policy's sub-query runs with the rights of who asks. The application role has no SELECT on the table that the policy looks at: every statement fails
with a permission error.

Grant SELECT on the columns that are compared, under that table's own policy, or look it up in a SECURITY DEFINER function with a pinned search_path.`,

	Check: func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		in.eachSubquery("POL026", func(p *catalog.Policy, rel, read *catalog.Relation) {
			w := in.canTouch(rel)
			if w == nil || len(w.Path) > 0 || read.System || told[p.Identity(rel)] || (len(p.Roles) > 0 && !has(p.Roles, w.Role)) {
				return
			}
			if in.Model.Rights.Relation(w.Role, read, "SELECT").Held && in.Model.Rights.Schema(w.Role, read.Schema, "USAGE") {
				return
			}
			told[p.Identity(rel)] = true
			report(Finding{
				Object: p.Identity(rel), ObjectType: "policy", Table: rel.Identity(), Role: w.Role,
				Detail: w.Role + " may not read " + read.Identity() + ".",
			})
		})
	},
}
