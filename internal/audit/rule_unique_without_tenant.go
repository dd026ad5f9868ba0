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

var uniqueWithoutTenant = Rule{
	ID:       "KEY002",
	Name:     "unique-without-tenant",
	Title:    "a unique key spans all tenants",
	Severity: Medium,
	Fix:      "unique_swap",
	Source:   "139, 140, 141, 143",
	Doc: `Unique and exclusion constraints look at all rows, whatever the policies hide. An insert that fails tells one tenant that another has the
value, and a value taken by one tenant cannot be used by another. Before 15.20, 16.16, 17.12 and 18.7, ON CONFLICT ... WHERE reads such
a hidden row (CVE-2026-120154).

Lead the key with the tenant: UNIQUE (tenant_id, email). A key that nobody can guess or choose (a uuid made by a default) leaks nothing
and is not reported.`,

	Check: func(in *Input, report func(Finding)) {
		silent := in.constraints(decide.Proved)
		for _, t := range in.Model.TenantTables() {
			if len(t.Key) == 0 || t.Class == tenancy.Root {
				continue
			}
			way := in.canTouch(t.Relation, reach.Insert, reach.Update)
			for up := t.Relation; way == nil && up != nil && up.Partition != nil; { // rows come to a partition through its parent as well
				if up = in.Model.Snapshot.Relation(up.Parents[0]); up != nil {
					way = in.canTouch(up, reach.Insert, reach.Update)
				}
			}
			for i := range t.Relation.Indexes {
				x := &t.Relation.Indexes[i]
				if (!x.Unique && !x.Exclusion) || !x.Valid || x.Parent != "" || in.keepsApart(x, t) || unguessable(x, t.Relation) || silent[x.Name+" on "+t.Relation.Identity()] {
					continue // the last: by an expression, or by the rows it is limited to
				}
				f := Finding{Object: x.Identity(t.Relation), ObjectType: "index", Table: t.Relation.Identity(), Severity: Info}
				if way != nil {
					f.Severity, f.Role, f.Command, f.Path = Medium, way.Role, string(way.Command), way.Path
				}
				if x.Primary || surrogate(x, t.Relation) {
					f.Severity = min2(f.Severity, Low)
				}
				f.Detail = fmt.Sprintf("It spans (%s), and not the tenant key.", strings.Join(keyNames(x), ", "))
				f.Fix = &Fix{SQL: swap(x, t), Why: "each tenant has a key space of its own"}
				report(f)
			}
		}
	},
}

// min2 returns the milder of two severities.
func min2(a, b Severity) Severity {
	if rank(a) > rank(b) {
		return a
	}
	return b
}

// carries reports whether the index has each column of the tenant key among its keys.
func carries(x *catalog.Index, key []string) bool {
	for _, k := range key {
		if !slices.ContainsFunc(x.Keys, func(c catalog.IndexKey) bool { return c.Column == k }) {
			return false
		}
	}
	return true
}

// keepsApart reports whether rows of two tenants never meet in an index: it carries the key, and compares it by equality.
func (in *Input) keepsApart(x *catalog.Index, t *tenancy.Table) bool {
	return carries(x, t.Key) && !slices.ContainsFunc(t.Relation.Constraints, func(c catalog.Constraint) bool {
		for i := range c.Operators {
			if c.Index == x.Name && slices.Contains(t.Key, x.Keys[i].Column) {
				if o := in.Model.Snapshot.OperatorByOID(c.Operators[i]); o == nil || o.Name != "=" {
					return true
				}
			}
		}
		return false
	})
}

// unguessable reports whether some key column is a uuid that a function makes: nobody can ask for a value he does not know.
func unguessable(x *catalog.Index, r *catalog.Relation) bool {
	return slices.ContainsFunc(x.Keys, func(k catalog.IndexKey) bool {
		c := r.ColumnByName(k.Column)
		return c != nil && c.Type == "uuid" && c.Default != nil && strings.Contains(c.Default.Node, "{FUNCEXPR")
	})
}

// surrogate reports whether the key is a number that a sequence or identity makes.
func surrogate(x *catalog.Index, r *catalog.Relation) bool {
	if len(x.Keys) != 1 {
		return false
	}
	c := r.ColumnByName(x.Keys[0].Column)
	return c != nil && (c.Identity != "" || c.Default != nil && strings.Contains(c.Default.Node, "NEXTVALUEEXPR") || c.Default != nil && strings.HasPrefix(c.Default.Text, "nextval("))
}

func keyNames(x *catalog.Index) []string {
	var out []string
	for _, k := range x.Keys {
		if k.Column != "" {
			out = append(out, k.Column)
			continue
		}
		out = append(out, k.Expression.Text)
	}
	return out
}

// swap is the SQL that gives a plain unique constraint the tenant key in front; for others a person has to choose.
func swap(x *catalog.Index, t *tenancy.Table) string {
	if x.Constraint == "" || x.Exclusion || x.Predicate != nil || slices.ContainsFunc(x.Keys, func(k catalog.IndexKey) bool { return k.Column == "" }) {
		return ""
	}
	kind := "UNIQUE"
	if x.Primary {
		kind = "PRIMARY KEY"
	}
	var cols []string
	for _, c := range append(slices.Clone(t.Key), keyNames(x)...) {
		cols = append(cols, catalog.QuoteIdent(c))
	}
	return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s, ADD %s (%s)", t.Relation.Identity(), catalog.QuoteIdent(x.Constraint), kind, strings.Join(cols, ", "))
}
