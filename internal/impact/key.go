package impact

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// adoptedSQL is the texts of the tenants that a row without a key of its own belongs to by a parent: a foreign key to a table that has
// one. Rows whose key is filled in are their key's.
func (c *change) adoptedSQL(m *tenancy.Model) string {
	const none = "'{}'::pg_catalog.text[]"
	if c.table == nil || len(c.table.Key) != 1 {
		return none
	}
	var ways []string
	for i := range c.rel.Constraints {
		k := &c.rel.Constraints[i]
		if k.Kind != "foreign" {
			continue
		}
		up := m.Table(k.RefTable)
		if up == nil || up.Class != tenancy.Owned || len(up.Key) != 1 || up.Relation == c.rel || contains(k.Columns, c.table.Key[0]) {
			continue
		}
		alias := fmt.Sprintf("ringfence_via%d", i)
		var on []string
		for n, column := range k.Columns {
			on = append(on, pg.Ident(alias, k.RefColumns[n])+"::pg_catalog.text = "+pg.Ident(c.rel.Name, column)+"::pg_catalog.text")
		}
		ways = append(ways, fmt.Sprintf("ARRAY(SELECT %s::pg_catalog.text FROM %s AS %s WHERE %s)", pg.Ident(alias, up.Key[0]),
			pg.Ident(up.Relation.Schema, up.Relation.Name), alias, strings.Join(on, " AND ")))
	}
	if len(ways) == 0 || !nullable(c.rel, c.table.Key[0]) {
		return none
	}
	return fmt.Sprintf("CASE WHEN %s IS NULL THEN %s ELSE %s END", pg.Ident(c.rel.Name, c.table.Key[0]), strings.Join(ways, " || "), none)
}

func nullable(r *catalog.Relation, column string) bool {
	col := r.ColumnByName(column)
	return col != nil && !col.NotNull
}

func contains(all []string, s string) bool {
	for _, a := range all {
		if a == s {
			return true
		}
	}
	return false
}

// tenantsTable is the root: the table with one row a tenant, where there is exactly one. Without it nobody can say which keys are
// orphans.
func tenantsTable(m *tenancy.Model) *tenancy.Table {
	var out *tenancy.Table
	for _, t := range m.Tables {
		if t.Class == tenancy.Root && len(t.Key) == 1 && t.Relation.Kind != catalog.Foreign {
			if out != nil {
				return nil
			}
			out = t
		}
	}
	return out
}

// sentinels are key values that stand for no tenant, beside the ones that the model names.
func sentinels(m *tenancy.Model) []string {
	out := []string{"", "0", "-1", "00000000-0000-0000-0000-000000000000"}
	for _, s := range m.Sentinels {
		if s != "NULL" && !contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
