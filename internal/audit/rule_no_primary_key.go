package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var noPrimaryKey = tableFault(Rule{
	ID:       "TBL001",
	Name:     "no-primary-key",
	Title:    "the table has no primary key",
	Severity: Info,
	Source:   "22",
	Doc: `Rows of a table without a primary key cannot be told apart: what was attacked or repaired cannot be named, and logical replication cannot follow
updates.

Add one that begins with the tenant key.`,
}, func(_ *Input, t *tenancy.Table) (string, string) {
	if t.Relation.Kind == catalog.Foreign || slices.ContainsFunc(t.Relation.Indexes, func(x catalog.Index) bool { return x.Primary }) {
		return "", ""
	}
	return "No constraint tells its rows apart.", ""
})
