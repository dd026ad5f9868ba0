package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var foreignKeyWithoutTenant = Rule{
	ID:       "KEY003",
	Name:     "foreign-key-without-tenant",
	Title:    "a foreign key may point at another tenant's row",
	Severity: Medium,
	Fix:      "foreign_key",
	Source:   "19, 142",
	Doc: `Foreign keys ignore row level security. A row of one tenant can refer to another's: whether the insert succeeds tells that the row exists,
the reference keeps its owner from deleting it, and a CASCADE or SET NULL reaches across.

Carry the tenant in the key: FOREIGN KEY (tenant_id, parent_id) REFERENCES parent (tenant_id, id). A table that has its tenant by one
parent, as join tables do, needs policies that ask of each parent whether it is the tenant's.`,

	Check: func(in *Input, report func(Finding)) {
		tells := in.telling()
		for _, t := range in.Model.TenantTables() {
			if t.Relation.Partition != nil {
				continue
			}
			way := in.canTouch(t.Relation, reach.Insert, reach.Update)
			for i := range t.Relation.Constraints {
				c := &t.Relation.Constraints[i]
				parent := in.Model.Table(c.RefTable)
				if c.Kind != "foreign" || parent == nil || parent.Class != tenancy.Owned {
					continue
				}
				if len(t.Key) == 0 && !tells[c.Name+" on "+t.Relation.Identity()] || len(t.Key) > 0 && (ties(c, t.Key, parent.Key) || tiedBeside(c, t, parent)) {
					continue
				}
				f := Finding{Object: c.Identity(t.Relation), ObjectType: "table constraint", Table: t.Relation.Identity(), Severity: Info}
				if way != nil {
					f.Severity, f.Role, f.Command, f.Path = Medium, way.Role, string(way.Command), way.Path
				}
				if unguessableKey(parent.Relation, c.RefColumns) {
					f.Severity = min2(f.Severity, Low)
				}
				f.Detail = fmt.Sprintf("(%s) refers to %s (%s); nothing makes both rows the same tenant's.", strings.Join(c.Columns, ", "), c.RefTable, strings.Join(c.RefColumns, ", "))
				if len(t.Key) > 0 {
					f.Fix = &Fix{SQL: composite(c, t, parent), Why: "a row can only refer to rows of its own tenant"}
				}
				report(f)
			}
		}
	},
}

// telling returns the foreign keys that tell of other tenants' rows, by the decided ways: for tables that have their tenant by a
// parent, whose policies may bind the other parents too.
func (in *Input) telling() map[string]bool {
	return in.constraints(decide.Leak)
}

// constraints returns the keys, each as "name on table", whose way has that answer.
func (in *Input) constraints(answer decide.Verdict) map[string]bool {
	out := map[string]bool{}
	for i := range in.Ways {
		w := &in.Ways[i]
		if w.Kind == reach.Inference && len(w.Path) == 1 && w.Path[0].Via == "constraint" && in.Answers[i].Verdict == answer {
			out[w.Path[0].Name] = true
		}
	}
	return out
}

// ties reports whether the constraint compares the child's tenant key with the parent's.
func ties(c *catalog.Constraint, child, parent []string) bool {
	for i, k := range parent {
		at := slices.Index(c.RefColumns, k)
		if at < 0 || i >= len(child) || c.Columns[at] != child[i] {
			return false
		}
	}
	return len(parent) > 0
}

// tiedBeside reports whether another constraint of the same reference, validated, compares the tenants too.
func tiedBeside(c *catalog.Constraint, t, parent *tenancy.Table) bool {
	return slices.ContainsFunc(t.Relation.Constraints, func(o catalog.Constraint) bool {
		return o.Kind == "foreign" && o.Validated && o.RefTable == c.RefTable && ties(&o, t.Key, parent.Key) &&
			!slices.ContainsFunc(c.Columns, func(k string) bool { return !slices.Contains(o.Columns, k) })
	})
}

// unguessableKey reports whether a referenced column is a uuid that the server makes.
func unguessableKey(r *catalog.Relation, columns []string) bool {
	return slices.ContainsFunc(columns, func(name string) bool {
		c := r.ColumnByName(name)
		return c != nil && c.Type == "uuid" && c.Default != nil
	})
}

// composite is the SQL that gives the foreign key the tenant in front, with the unique key it needs.
func composite(c *catalog.Constraint, t, parent *tenancy.Table) string {
	quoted := func(names []string) string {
		var out []string
		for _, n := range names {
			out = append(out, catalog.QuoteIdent(n))
		}
		return strings.Join(out, ", ")
	}
	theirs := append(slices.Clone(parent.Key), c.RefColumns...)
	var sql []string
	if !slices.ContainsFunc(parent.Relation.Indexes, func(x catalog.Index) bool {
		return x.Unique && x.Valid && x.Predicate == nil && len(x.Keys) == len(theirs) && carries(&x, theirs)
	}) {
		sql = append(sql, fmt.Sprintf("ALTER TABLE %s ADD UNIQUE (%s)", parent.Relation.Identity(), quoted(theirs)))
	}
	sql = append(sql, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s, ADD FOREIGN KEY (%s) REFERENCES %s (%s)", t.Relation.Identity(),
		catalog.QuoteIdent(c.Name), quoted(append(slices.Clone(t.Key), c.Columns...)), parent.Relation.Identity(), quoted(theirs)))
	return strings.Join(sql, ";\n")
}
