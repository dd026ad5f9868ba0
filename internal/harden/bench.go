package harden

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// BenchTargets lists what can be timed: each tenant table for its first application role that may read it. Partitions are left to
// their parents, foreign tables out.
func BenchTargets(m *tenancy.Model) []bench.Target {
	var out []bench.Target
	for _, t := range m.TenantTables() {
		r := t.Relation
		if r.Kind == catalog.Foreign || r.Partition != nil {
			continue
		}
		role := reader(m, r)
		if role == "" {
			continue
		}
		target := bench.Target{Table: r.Identity(), Schema: r.Schema, Name: r.Name, Role: role, Recent: recent(r),
			Policy: r.RowSecurity && !m.Rights.Bypass(role) && (r.ForceRLS || !m.Rights.Owns(role, r))}
		if len(t.Key) == 1 {
			target.Key, target.Type = t.Key[0], bareType(r.ColumnByName(t.Key[0]))
		}
		for i := range r.Constraints {
			if k := &r.Constraints[i]; k.Kind == "primary" {
				target.ID = k.Columns
				for _, column := range k.Columns {
					target.Types = append(target.Types, bareType(r.ColumnByName(column)))
				}
			}
		}
		out = append(out, target)
	}
	return out
}

// reader is the first application role that may read all columns of r.
func reader(m *tenancy.Model, r *catalog.Relation) string {
	for _, role := range m.Applications() {
		if h := m.Rights.Relation(role, r, "SELECT"); h.Held && h.Columns == nil {
			return role
		}
	}
	return ""
}

// bareType is a column's type without a length, which a cast would cut to.
func bareType(c *catalog.Column) string {
	if c == nil {
		return "pg_catalog.text"
	}
	if before, rest, ok := strings.Cut(c.Type, "("); ok {
		_, after, _ := strings.Cut(rest, ")")
		return before + after
	}
	return c.Type
}

// recent is a column that tells when a row came.
func recent(r *catalog.Relation) string {
	for _, name := range []string{"created_at", "occurred_at", "inserted_at", "created", "updated_at"} {
		if c := r.ColumnByName(name); c != nil && (strings.HasPrefix(c.Type, "timestamp") || c.Type == "date") {
			return name
		}
	}
	return ""
}

// EnterContext gives what a session sets to be a tenant's: each setting or claim that the model knows, and setting where it is named.
func EnterContext(m *tenancy.Model, setting string) func(tenant string) map[string]string {
	contexts := slices.DeleteFunc(slices.Clone(m.Contexts), func(c tenancy.Context) bool {
		return c.Kind != "setting" && c.Kind != "claim" || c.Principal || c.Signed
	})
	return func(tenant string) map[string]string {
		out := map[string]string{}
		for _, c := range contexts {
			out[c.Name] = tenant
			for i := len(c.Path) - 1; i >= 0; i-- {
				quoted, _ := json.Marshal(c.Path[i])
				value := out[c.Name]
				if i == len(c.Path)-1 {
					text, _ := json.Marshal(value)
					value = string(text)
				}
				out[c.Name] = fmt.Sprintf("{%s: %s}", quoted, value)
			}
		}
		if setting != "" {
			out[setting] = tenant
		}
		return out
	}
}

// ChildTenant returns, for bench, the query for the tenant of a child's row by its own key: the text of its parent's.
func ChildTenant(m *tenancy.Model) func(bench.Target) string {
	return func(t bench.Target) string {
		table := m.Table(t.Table)
		if table == nil || table.Parent == nil || len(t.ID) == 0 {
			return ""
		}
		from, on, at := pg.Ident(t.Schema, t.Name)+" AS r0", []string{}, table
		for i := 0; at.Parent != nil && i < 8; i++ {
			up := at.Parent.Table.Relation
			var terms []string
			for k, column := range at.Parent.Columns {
				terms = append(terms, fmt.Sprintf("%s::pg_catalog.text = %s::pg_catalog.text", pg.Ident(fmt.Sprintf("r%d", i), column), pg.Ident(fmt.Sprintf("r%d", i+1), at.Parent.Refs[k])))
			}
			from += fmt.Sprintf(" JOIN %s AS r%d ON %s", pg.Ident(up.Schema, up.Name), i+1, strings.Join(terms, " AND "))
			at = at.Parent.Table
			if len(at.Key) == 1 {
				for n, column := range t.ID {
					on = append(on, fmt.Sprintf("%s = $%d::pg_catalog.text::%s", pg.Ident("r0", column), n+1, t.Types[n]))
				}
				return fmt.Sprintf("SELECT %s::pg_catalog.text FROM %s WHERE %s LIMIT 1", pg.Ident(fmt.Sprintf("r%d", i+1), at.Key[0]), from, strings.Join(on, " AND "))
			}
		}
		return ""
	}
}
