package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var keyNullable = Rule{
	ID:       "KEY001",
	Name:     "key-nullable",
	Title:    "the tenant key may be NULL",
	Severity: Medium,
	Fix:      "not_null",
	Source:   "16",
	Doc: `A row without a tenant belongs to nobody: a right policy hides it from everybody, a wrong one shows it to all. It gets there by an insert
that forgot the column.

Find such rows, give them their tenant, then SET NOT NULL. The plan does it by a CHECK that is validated first, so that the table is
not scanned under a lock.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			if t.Relation.Partition != nil || t.Relation.Kind == catalog.Foreign {
				continue
			}
			for _, k := range t.Key {
				c := t.Relation.ColumnByName(k)
				if c == nil || c.NotNull || len(in.Model.Sentinels) > 0 && shared(in.Model.Sentinels) {
					continue
				}
				f := Finding{Object: t.Relation.ColumnIdentity(k), ObjectType: "table column", Table: t.Relation.Identity(), Severity: Low}
				if in.canTouch(t.Relation) != nil {
					f.Severity = Medium
				}
				f.Detail = fmt.Sprintf("%s has no NOT NULL.", k)
				f.Fix = &Fix{SQL: fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", t.Relation.Identity(), catalog.QuoteIdent(k)), Why: "no row is without a tenant any more"}
				report(f)
			}
		}
	},
}

// shared reports whether NULL is one of the sentinels: rows shared on purpose.
func shared(sentinels []string) bool {
	for _, s := range sentinels {
		if s == "NULL" {
			return true
		}
	}
	return false
}
