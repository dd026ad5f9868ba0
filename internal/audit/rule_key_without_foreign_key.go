package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var keyWithoutForeignKey = tableFault(Rule{
	ID:       "KEY004",
	Name:     "key-without-foreign-key",
	Title:    "the tenant key refers to no table of tenants",
	Severity: Low,
	Fix:      "foreign_key",
	Source:   "17",
	Doc: `There is a table with one row a tenant, and nothing makes this table's key one of them: rows of tenants that never were, or are gone, stay behind
unseen by everybody, and come to life when the key is given out again.

Add a foreign key to the root table, NOT VALID first and validated afterwards.`,
}, func(in *Input, t *tenancy.Table) (string, string) {
	if t.Class != tenancy.Owned || t.Relation.Kind == catalog.Foreign || !rooted(in) {
		return "", ""
	}
	for i := range t.Relation.Constraints {
		c := &t.Relation.Constraints[i]
		if c.Kind == "foreign" && slices.ContainsFunc(c.Columns, func(col string) bool { return has(t.Key, col) }) {
			return "", ""
		}
	}
	return list(t.Key) + " is not checked against the tenants there are.", ""
})

// rooted reports whether some table has one row a tenant.
func rooted(in *Input) bool {
	return slices.ContainsFunc(in.Model.Tables, func(t *tenancy.Table) bool { return t.Class == tenancy.Root })
}
