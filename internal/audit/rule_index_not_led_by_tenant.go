package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var indexNotLedByTenant = Rule{
	ID:       "IDX001",
	Name:     "index-not-led-by-tenant",
	Title:    "no index is led by the tenant key",
	Severity: Low,
	Fix:      "tenant_index",
	Source:   "146",
	Doc: `With row level security every statement on the table compares the tenant key. Without an index that begins with it, each of them reads the
whole table; and indexes on other columns make a query's time depend on other tenants' rows.

CREATE INDEX CONCURRENTLY on the tenant key first, followed by what queries order or filter by.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.Model.TenantTables() {
			columns := leadingColumns(t)
			if len(columns) == 0 || t.Relation.Kind == catalog.Foreign || t.Class == tenancy.Root || t.Relation.Partition != nil || led(t.Relation, columns) || in.theirs(t.Relation.Owner) {
				continue
			}
			report(Finding{
				Object: t.Relation.Identity(), ObjectType: string(t.Relation.Kind), Table: t.Relation.Identity(),
				Detail: fmt.Sprintf("A tenant's rows are told by %s; no valid index begins with it.", columns[0]),
				Fix: &Fix{
					SQL: fmt.Sprintf("CREATE INDEX ON %s (%s)", t.Relation.Identity(), catalog.QuoteIdent(columns[0])),
					Why: "a tenant's rows are found by the index; the plan builds it CONCURRENTLY",
				},
			})
		}
	},
}

// leadingColumns are the columns by which a table's rows are found for a tenant: its key, or what leads a child to its parent.
func leadingColumns(t *tenancy.Table) []string {
	if len(t.Key) > 0 {
		return t.Key
	}
	if t.Parent != nil {
		return t.Parent.Columns
	}
	return nil
}

// led reports whether a valid index without a predicate begins with one of the columns.
func led(r *catalog.Relation, columns []string) bool {
	return slices.ContainsFunc(r.Indexes, func(x catalog.Index) bool {
		return x.Valid && x.Predicate == nil && len(x.Keys) > 0 && slices.Contains(columns, x.Keys[0].Column) && strings.Contains("btree hash", x.Method)
	})
}
