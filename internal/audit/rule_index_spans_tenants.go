package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var indexSpansTenants = Rule{
	ID:       "IDX003",
	Name:     "index-spans-tenants",
	Title:    "the time of a look-up depends on other tenants' rows",
	Severity: Low,
	Fix:      "tenant_index",
	Source:   "verified attack by timing an index scan; 146",
	Doc: `A plain index that does not begin with the tenant key is searched across all tenants, and the policy filters afterwards: a value that another tenant has takes
longer to be not found than one that nobody has.

Begin the index with the tenant key.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			w := in.canTouch(t.Relation, reach.Select)
			if w == nil || !t.Relation.RowSecurity || len(t.Key) == 0 || t.Class == tenancy.Root || t.Relation.Partition != nil {
				continue
			}
			for i := range t.Relation.Indexes {
				x := &t.Relation.Indexes[i]
				if x.Unique || x.Exclusion || !x.Valid || x.Method != "btree" || has(t.Key, x.Keys[0].Column) || foreignKeyIndex(x, t.Relation) {
					continue
				}
				report(Finding{
					Object: x.Identity(t.Relation), ObjectType: "index", Table: t.Relation.Identity(), Role: w.Role, Path: w.Path, Command: "SELECT",
					Detail: "It begins with " + keyNames(x)[0] + ", and not with " + list(t.Key) + ".",
				})
			}
		}
	},
}

// foreignKeyIndex reports whether the index serves a foreign key: its column holds what nobody has to guess.
func foreignKeyIndex(x *catalog.Index, r *catalog.Relation) bool {
	for i := range r.Constraints {
		c := &r.Constraints[i]
		if c.Kind == "foreign" && has(c.Columns, x.Keys[0].Column) {
			return true
		}
	}
	return false
}
