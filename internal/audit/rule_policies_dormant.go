package audit

import "fmt"

var policiesDormant = Rule{
	ID:       "RLS002",
	Name:     "policies-dormant",
	Title:    "the table has policies, and row level security is off",
	Severity: Critical,
	Fix:      "enable_rls",
	Source:   "3",
	Doc: `Policies do nothing until row level security is enabled for their table. Somebody wrote them and believes the table protected.

Check that the policies say what they should, then ALTER TABLE ... ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.tables() {
			r := t.Relation
			if r.RowSecurity || len(r.Policies) == 0 {
				continue
			}
			f := Finding{Object: r.Identity(), ObjectType: string(r.Kind), Table: r.Identity(), Severity: Info}
			f.Detail = fmt.Sprintf("It has policies (%d), and none is in force.", len(r.Policies))
			if w := in.canTouch(r); w != nil {
				f.Severity, f.Role, f.Command, f.Path = Critical, w.Role, string(w.Command), w.Path
			}
			f.Fix = &Fix{SQL: enable(r), Why: "the policies bind from then on"}
			report(f)
		}
	},
}
