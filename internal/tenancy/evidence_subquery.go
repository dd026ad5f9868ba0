package tenancy

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// tie is a column of a table of a sub-query, tied to a column of the policy's own row.
type tie struct {
	rel    *catalog.Relation
	column string
	own    string
}

// held is a column of a table of a sub-query, held against the context.
type held struct {
	rel    *catalog.Relation
	column string
	reads  []read
}

// subquery looks at a sub-query of a policy: own column = (SELECT …), column IN (SELECT …), EXISTS (SELECT … WHERE …). It is
// either a membership (this person's tenants) or the way to a parent.
func (f *finder) subquery(s *expr.SubLink, own []string, rel *catalog.Relation, policy int) {
	if s.Query == nil {
		return
	}
	opened := *s
	opened.Query = f.opened(s.Query, 0)
	s = &opened
	if s.Test != nil {
		own = ownColumns(s.Test, rel)
	}
	var ties []tie
	var helds []held
	queriesInside(s.Query, 1, func(q *expr.Query, depth int) {
		f.conditions(q, rel, depth, &ties, &helds)
	})
	if len(own) > 0 {
		if r, column, ok := f.firstTarget(s.Query); ok {
			ties = append(ties, tie{rel: r, column: column, own: own[0]})
		} else if reads := f.queryReads(s.Query); len(reads) > 0 {
			f.add(comparison{rel: rel, column: own[0], reads: reads, exact: true, policy: policy, member: memberTable(reads)})
			return
		}
	}
	for _, t := range ties {
		f.tied(t, helds, rel, policy)
	}
	for _, h := range helds {
		if len(ties) == 0 {
			f.apart = append(f.apart, comparison{rel: h.rel, column: h.column, reads: h.reads, policy: policy})
		}
	}
}

// queriesInside visits a query and those inside it, with how many queries each stands inside the policy's own row.
func queriesInside(q *expr.Query, depth int, visit func(q *expr.Query, depth int)) {
	if q == nil {
		return
	}
	visit(q, depth)
	for i := range q.Range {
		queriesInside(q.Range[i].Subquery, depth+1, visit)
	}
	for _, c := range q.CTEs {
		queriesInside(c.Query, depth+1, visit)
	}
	atoms := append(joinConditions(q.From), q.Where, q.Having)
	for _, t := range q.Targets {
		atoms = append(atoms, t.Expr)
	}
	for _, a := range atoms {
		expr.Walk(a, func(e expr.Expr) bool {
			if s, ok := e.(*expr.SubLink); ok {
				queriesInside(s.Query, depth+1, visit)
			}
			return true
		})
	}
}

// firstTarget returns the table column that a query's first result column is.
func (f *finder) firstTarget(q *expr.Query) (*catalog.Relation, string, bool) {
	if len(q.Targets) == 0 {
		return nil, "", false
	}
	return queryColumn(q, bare(q.Targets[0].Expr))
}

// queryColumn resolves a Var of a query to the table and column it comes from.
func queryColumn(q *expr.Query, e expr.Expr) (*catalog.Relation, string, bool) {
	v, ok := e.(*expr.Var)
	if !ok || v.Level != 0 || v.RTE < 1 || v.RTE > len(q.Range) || v.Num < 1 {
		return nil, "", false
	}
	entry := &q.Range[v.RTE-1]
	switch {
	case entry.Relation != nil:
		c := entry.Relation.Column(v.Num)
		if c == nil {
			return nil, "", false
		}
		return entry.Relation, c.Name, true
	case entry.Subquery != nil:
		for _, t := range entry.Subquery.Targets {
			if t.Num == v.Num && !t.Junk {
				return queryColumn(entry.Subquery, bare(t.Expr))
			}
		}
	case int(v.Num) <= len(entry.JoinVars):
		return queryColumn(q, bare(entry.JoinVars[v.Num-1]))
	}
	return nil, "", false
}

func (f *finder) queryReads(q *expr.Query) []read {
	seen := make(map[string]bool)
	var out []read
	table := lookedUp(q)
	f.query(q, 0, func(c read) {
		if c.table == "" {
			c.table = table
		}
		if !seen[c.key()] {
			seen[c.key()] = true
			out = append(out, c)
		}
	})
	return out
}

// conditions collects the ties and the held columns of one query's WHERE and ON.
func (f *finder) conditions(q *expr.Query, rel *catalog.Relation, depth int, ties *[]tie, helds *[]held) {
	atoms := append(joinConditions(q.From), q.Where)
	for _, a := range atoms {
		expr.Walk(a, func(e expr.Expr) bool {
			var args []expr.Expr
			switch n := e.(type) {
			case *expr.Operation:
				if !equality(n.Op) {
					return true
				}
				args = n.Args
			case *expr.Quantified:
				args = []expr.Expr{n.Left, n.Array}
			default:
				return true
			}
			f.atom(q, args, depth, ties, helds)
			return false
		})
	}
}

func joinConditions(items []expr.FromItem) []expr.Expr {
	var out []expr.Expr
	for i := range items {
		if items[i].On != nil {
			out = append(out, items[i].On)
		}
		for _, side := range []*expr.FromItem{items[i].Left, items[i].Right} {
			if side != nil {
				out = append(out, joinConditions([]expr.FromItem{*side})...)
			}
		}
	}
	return out
}

func (f *finder) atom(q *expr.Query, args []expr.Expr, depth int, ties *[]tie, helds *[]held) {
	if len(args) != 2 {
		return
	}
	for i, a := range args {
		r, column, ok := queryColumn(q, bare(a))
		if !ok {
			continue
		}
		other := bare(args[1-i])
		if v, isVar := other.(*expr.Var); isVar && v.Level > 0 {
			if v.Level == depth { // else a row of a query between
				*ties = append(*ties, tie{rel: r, column: column, own: v.Name})
			}
			return
		}
		if reads := f.reads(other); len(reads) > 0 {
			*helds = append(*helds, held{rel: r, column: column, reads: reads})
			return
		}
	}
}

// tied decides what a tie is: where the tied column names one row of its table, that row is the parent; else the table
// says whose tenants these are.
func (f *finder) tied(t tie, helds []held, rel *catalog.Relation, policy int) {
	if rel.ColumnByName(t.own) == nil {
		return
	}
	person := false
	var reads []read
	var tenantColumn string
	for _, h := range helds {
		reads = append(reads, h.reads...)
		if h.rel == t.rel && !personal(h.column) {
			tenantColumn = h.column
		}
		for _, r := range h.reads {
			person = person || r.principal() || personal(h.column) && !r.saysTenant()
		}
	}
	// A person's row is reached through the memberships of the tenant in the context.
	people := personal(t.column) && tenantColumn != "" && !person
	if onlyOne(t.rel, t.column) && !person || people || len(reads) == 0 {
		f.joints = append(f.joints, joint{rel: rel, parent: t.rel, column: t.own, refers: t.column, parentTenant: tenantColumn, parentTenantRaw: reads})
		return
	}
	f.add(comparison{rel: rel, column: t.own, reads: reads, exact: true, member: t.rel.Identity(), policy: policy})
}
