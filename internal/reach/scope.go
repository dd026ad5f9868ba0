package reach

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A source is one row source of a flattened query: a table's row, or a row of something that is not looked into.
type source struct {
	entry expr.RangeEntry
	as    string // whose rights count at it
	// given is true for a row that is not read from a table: NEW and OLD of a rule or trigger.
	given bool
	// chosen is true for NEW: the caller writes it.
	chosen bool
}

// A condition is one conjunct over a scope's sources. Its Vars have RTE = 1-based place in the scope, at their own depth.
type condition struct {
	expr expr.Expr
	// soft is true for a filter that a leaky function of the caller's can run ahead of: a view's own, without security_barrier.
	soft bool
}

// A scope is a query with its views and sub-queries pulled up into it: sources, and the conditions that all of their rows
// together satisfy. Leaving a condition out is always sound.
type scope struct {
	sources []source
	conds   []condition
}

// clone copies a scope so that it can grow.
func (s *scope) clone() *scope {
	return &scope{sources: append([]source(nil), s.sources...), conds: append([]condition(nil), s.conds...)}
}

// add appends a source and returns its 1-based place.
func (s *scope) add(src source) int {
	s.sources = append(s.sources, src)
	return len(s.sources)
}

// require adds conditions, conjunctions taken apart.
func (s *scope) require(e expr.Expr, soft bool) {
	if e == nil || constant(e, true) {
		return
	}
	if l, ok := e.(*expr.Logic); ok && l.Op == "and" {
		for _, a := range l.Args {
			s.require(a, soft)
		}
		return
	}
	s.conds = append(s.conds, condition{e, soft})
}

// vars calls visit for each Var of e that belongs to the query e stands in.
func vars(e expr.Expr, visit func(*expr.Var)) {
	expr.WalkDeep(e, func(n expr.Expr, depth int) bool {
		if v, ok := n.(*expr.Var); ok && v.Level == depth {
			visit(v)
		}
		return true
	})
}

// mentions returns the sources that a condition looks at.
func mentions(e expr.Expr) map[int]bool {
	out := make(map[int]bool)
	vars(e, func(v *expr.Var) { out[v.RTE] = true })
	return out
}

// lift returns what the scope says of a row of its source at: conditions on that row alone as they are, the rest as EXISTS
// over the other sources. soft chooses between the conditions that hold against leaky functions and the others.
func (s *scope) lift(at int, soft bool) expr.Expr {
	var own []expr.Expr
	var rest []expr.Expr
	used := make(map[int]bool)
	for _, c := range s.conds {
		if c.soft != soft {
			continue
		}
		m := mentions(c.expr)
		alone := true
		for rte := range m {
			alone = alone && rte == at
		}
		if alone {
			own = append(own, moved(c.expr, func(v *expr.Var) (int, int) { return 0, 1 }))
			continue
		}
		if s.independent(m) {
			rest = append(rest, c.expr)
			for rte := range m {
				used[rte] = true
			}
		}
	}
	if len(rest) > 0 {
		own = append(own, s.exists(at, rest, s.others(at, used)))
	}
	return and(own...)
}

// independent reports whether sources can stand in a query without the ones beside them.
func (s *scope) independent(places map[int]bool) bool {
	for p := range places {
		if p < 1 || p > len(s.sources) {
			return false
		}
		switch e := &s.sources[p-1].entry; e.Kind {
		case "relation", "values", "given":
		case "subquery":
			if e.Lateral || e.Subquery == nil || escapesQuery(e.Subquery) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// others returns the sources that conditions look at, without the one at hand.
func (s *scope) others(at int, used map[int]bool) []int {
	var out []int
	for i := range s.sources {
		if used[i+1] && i+1 != at {
			out = append(out, i+1)
		}
	}
	return out
}

// escapesQuery reports whether a sub-query looks at queries around it.
func escapesQuery(q *expr.Query) bool {
	out := false
	expr.WalkQuery(q, func(e expr.Expr, depth int) bool {
		v, ok := e.(*expr.Var)
		out = out || ok && v.Level > depth
		return !out
	})
	return out
}

// exists writes EXISTS (SELECT FROM others WHERE conditions), the row at hand being the query's around it. Where the sources'
// rights differ each of them stands in a sub-query of its own role.
func (s *scope) exists(at int, conds []expr.Expr, others []int) expr.Expr {
	place := make(map[int]int, len(others))
	q := &expr.Query{Command: "select"}
	runAs := ""
	for i, o := range others {
		place[o] = i + 1
		src := s.sources[o-1]
		e := src.entry
		if e.Kind == "relation" && !src.given {
			if runAs == "" {
				runAs = src.as
			}
			if src.as != runAs {
				e = wrapped(e, src.as)
			}
		}
		if src.given {
			e.Kind, e.Relation = "given", nil
		}
		q.Range = append(q.Range, e)
		q.From = append(q.From, expr.FromItem{RTE: i + 1})
	}
	var all []expr.Expr
	for _, c := range conds {
		all = append(all, moved(c, func(v *expr.Var) (int, int) {
			if v.RTE == at {
				return 1, 1
			}
			return 0, place[v.RTE]
		}))
	}
	q.Where = and(all...)
	return &expr.SubLink{Kind: "exists", Query: q, RunAs: runAs, TypeOID: boolOID}
}

// wrapped puts a table into a sub-query that runs as another role.
func wrapped(e expr.RangeEntry, as string) expr.RangeEntry {
	inner := &expr.Query{Command: "select", Range: []expr.RangeEntry{e}, From: []expr.FromItem{{RTE: 1}}, RunAs: as}
	for i := range e.Relation.Columns {
		c := &e.Relation.Columns[i]
		for len(inner.Targets) < int(c.Num)-1 { // dropped columns keep their number
			inner.Targets = append(inner.Targets, expr.Target{Num: int16(len(inner.Targets) + 1), Expr: &expr.Const{Null: true, Known: true}, Name: "dropped"})
		}
		inner.Targets = append(inner.Targets, expr.Target{Num: c.Num, Name: c.Name,
			Expr: &expr.Var{RTE: 1, Num: c.Num, Name: c.Name, TypeOID: c.TypeOID, TypeMod: c.TypeMod}})
	}
	return expr.RangeEntry{Kind: "subquery", Alias: e.Alias, Subquery: inner, Columns: e.Columns}
}

// moved copies e with each Var of its own query put where to says: that many levels further out, and at that place.
func moved(e expr.Expr, to func(*expr.Var) (level, rte int)) expr.Expr {
	return expr.Rewrite(e, func(n expr.Expr, depth int) (expr.Expr, bool) {
		v, ok := n.(*expr.Var)
		if !ok || v.Level != depth {
			return nil, false
		}
		c := *v
		level, rte := to(v)
		c.Level, c.RTE = depth+level, rte
		return &c, true
	})
}

// substituted copies e with each Var of its own query replaced by what with gives, moved in as deep as it stands; ok is false
// where some Var has nothing to be replaced by.
func substituted(e expr.Expr, with func(*expr.Var) expr.Expr) (out expr.Expr, ok bool) {
	ok = true
	out = expr.Rewrite(e, func(n expr.Expr, depth int) (expr.Expr, bool) {
		v, isVar := n.(*expr.Var)
		if !isVar || v.Level != depth {
			return nil, false
		}
		by := with(v)
		if by == nil {
			ok = false
			return v, true
		}
		return expr.Shift(by, depth), true
	})
	return out, ok
}

// rowRelation reports whether an entry is a relation that holds rows itself.
func rowRelation(e *expr.RangeEntry) bool {
	return e.Kind == "relation" && e.Relation != nil && e.Relation.Kind != catalog.View
}
