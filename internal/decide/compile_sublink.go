package decide

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/expr"
)

// subLink compiles a sub-query in an expression. The row it finds is chosen by the search: the sub-query is true of it, so
// every row that makes the whole true in the database has its like here.
func (c *compiler) subLink(e *expr.SubLink, s *scope) *node {
	q := e.Query
	if q == nil || q.Command != "select" {
		return c.free(e, s, describe(e))
	}
	if e.RunAs != "" {
		defer func(as string) { c.as = as }(c.as)
		c.as = e.RunAs
	}
	defer func(outer *aggregation) { c.over = outer }(c.over)
	c.over = nil
	if q.SetOp != nil {
		return c.setOperation(e, s)
	}
	if len(q.From) == 0 && (e.Kind == "scalar" || e.Kind == "exists") && !q.Group && !q.Limit && q.Having == nil {
		return c.withoutFrom(e, q, s)
	}
	if aggregates(q) && e.Kind != "scalar" {
		return c.free(e, s, "an aggregate")
	}
	if len(q.Unknown) > 0 {
		return c.free(e, s, "a sub-query with "+q.Unknown[0])
	}
	return c.shared(e, s, func() *node { return c.foundRow(e, q, s) })
}

// anyAggregate reports whether a query computes over rows, in a window or not.
func anyAggregate(q *expr.Query) bool {
	found := false
	for _, t := range q.Targets {
		expr.Walk(t.Expr, func(x expr.Expr) bool {
			_, ok := x.(*expr.Aggregate)
			found = found || ok
			return !found
		})
	}
	return found
}

// aggregates reports whether a query's result is computed over all of its rows, so that there is a row even of none.
func aggregates(q *expr.Query) bool {
	found := false
	for _, t := range q.Targets {
		expr.Walk(t.Expr, func(x expr.Expr) bool {
			if a, ok := x.(*expr.Aggregate); ok && !a.Window {
				found = true
			}
			return !found
		})
	}
	return found
}

// withoutFrom is (SELECT x [WHERE y]): x, or NULL where y is not TRUE.
func (c *compiler) withoutFrom(e *expr.SubLink, q *expr.Query, s *scope) *node {
	inner := c.newScope(s, q)
	where := constant(trueV)
	if q.Where != nil {
		where = c.compile(q.Where, inner)
	}
	if e.Kind == "exists" {
		return &node{op: opTruth, want: "true", args: []*node{where}, stand: -1}
	}
	targets := c.targets(q, inner)
	if len(targets) != 1 {
		return c.free(e, s, describe(e))
	}
	if where.op == opConst && where.val.isTrue() {
		return targets[0]
	}
	n := operation(opCase, where, targets[0], constant(null))
	n.t = targets[0].t
	return n
}

func (c *compiler) targets(q *expr.Query, s *scope) []*node {
	var out []*node
	for _, t := range q.Targets {
		if !t.Junk {
			out = append(out, c.compile(t.Expr, s))
		}
	}
	return out
}

// foundRow compiles a sub-query over relations.
func (c *compiler) foundRow(e *expr.SubLink, q *expr.Query, s *scope) *node {
	n := len(c.p.subs)
	found := c.p.variable("found/"+strconv.Itoa(n), func() variable {
		return variable{class: classFound, name: "a row of a sub-query", row: -1, t: boolType, notNull: true}
	})
	c.p.subs = append(c.p.subs, subquery{found: found, bound: map[int]bool{}, exact: true, known: true, as: c.as})
	defer func(outer int) { c.sub = outer }(c.sub)
	c.sub = n
	exists := &node{op: opExists, v: found, stand: -1, t: boolType}
	over := overAll(e, q, exists)
	c.next = over
	where, targets := c.queryBody(q, s)
	var out *node
	switch e.Kind {
	case "exists":
		out = exists
	case "any", "all":
		where, out = c.quantifiedSub(e, s, n, where, targets, exists)
	case "scalar", "array":
		if len(targets) != 1 {
			return c.free(e, s, describe(e))
		}
		c.p.subs[n].valued = true
		if e.Kind == "array" {
			out = c.collected(e, s, exists, targets[0], constant(value{k: kindArray}), c.typeOf(e.TypeOID, -1))
			break
		}
		if over != nil && over.single {
			out = targets[0]
			c.p.subs[n].exact = over.exact
			break
		}
		out = &node{op: opScalar, v: found, args: targets, stand: -1, t: targets[0].t}
	default:
		return c.free(e, s, describe(e))
	}
	c.p.subs[n].where = conjunction(append(c.p.subs[n].also, where)...)
	c.bind(n)
	return out
}

// quantifiedSub is x OP ANY (SELECT …) and ALL: some row fulfils the test; no row fails it. Where none does, and the test is
// NULL of some row, the whole is NULL.
func (c *compiler) quantifiedSub(e *expr.SubLink, s *scope, n int, where *node, targets []*node, exists *node) (*node, *node) {
	defer func(outer []*node) { c.subCols = outer }(c.subCols)
	c.subCols = targets
	test := c.compile(e.Test, s)
	out := exists
	if e.Kind == "all" {
		test, out = operation(opNot, test), operation(opNot, exists)
	}
	sub := &c.p.subs[n]
	sub.cond, sub.test = where, &node{op: opIsNull, args: []*node{test}, stand: -1}
	c.p.vars[sub.found].notNull = false
	return conjunction(where, test), out
}

// setOperation is UNION in a sub-query: a row of one side or of the other.
func (c *compiler) setOperation(e *expr.SubLink, s *scope) *node {
	var leaves []int
	if e.Kind != "any" && e.Kind != "exists" || !unionLeaves(e.Query.SetOp, &leaves) {
		return c.free(e, s, describe(e))
	}
	inner := c.newScope(s, e.Query)
	out := operation(opOr)
	for _, rte := range leaves {
		if rte < 1 || rte > len(e.Query.Range) || e.Query.Range[rte-1].Subquery == nil {
			return c.free(e, s, describe(e))
		}
		// a leaf stands one query deeper than the sub-link's own
		leaf := *e
		leaf.Query = e.Query.Range[rte-1].Subquery
		out.args = append(out.args, c.leafOf(&leaf, s, inner))
	}
	return out
}

// leafOf compiles one side of a UNION: its query stands in inner, its test in s.
func (c *compiler) leafOf(e *expr.SubLink, s, inner *scope) *node {
	if e.Query.SetOp != nil || aggregates(e.Query) {
		return c.free(e, s, describe(e))
	}
	n := len(c.p.subs)
	found := c.p.variable("found/"+strconv.Itoa(n), func() variable {
		return variable{class: classFound, name: "a row of a sub-query", row: -1, t: boolType, notNull: true}
	})
	c.p.subs = append(c.p.subs, subquery{found: found, bound: map[int]bool{}, exact: true, known: true, as: c.as})
	defer func(outer int) { c.sub = outer }(c.sub)
	c.sub = n
	where, targets := c.queryBody(e.Query, inner)
	out := &node{op: opExists, v: found, stand: -1, t: boolType}
	if e.Kind == "any" {
		where, out = c.quantifiedSub(e, s, n, where, targets, out)
	}
	c.p.subs[n].where = conjunction(append(c.p.subs[n].also, where)...)
	c.bind(n)
	return out
}

func unionLeaves(o *expr.SetOp, out *[]int) bool {
	if o == nil {
		return false
	}
	if o.Op == "" {
		*out = append(*out, o.RTE)
		return true
	}
	return o.Op == "union" && unionLeaves(o.Left, out) && unionLeaves(o.Right, out)
}
