package audit

import "github.com/ringfencehq/ringfence/internal/tenancy"

// tableFault makes a rule that looks at one tenant table at a time, partitions left out. look returns what is wrong, "" where
// nothing is, and the SQL that mends it, "" where a person must. Severity is the rule's where an application role has a privilege
// on the table, else information.
func tableFault(r Rule, look func(in *Input, t *tenancy.Table) (detail, sql string)) Rule {
	r.Check = func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			if t.Relation.Partition != nil {
				continue
			}
			detail, sql := look(in, t)
			if detail == "" {
				continue
			}
			f := Finding{Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(), Severity: Info, Detail: detail}
			if w := in.canTouch(t.Relation); w != nil {
				f.Severity, f.Role, f.Path = r.Severity, w.Role, w.Path
			}
			if sql != "" {
				f.Fix = &Fix{SQL: sql, Why: "nothing else changes for the application"}
			}
			report(f)
		}
	}
	return r
}
