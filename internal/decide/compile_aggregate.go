package decide

import "github.com/ringfencehq/ringfence/internal/expr"

// An aggregation is a sub-query that computes over its rows. The search chooses one row of them: what an aggregate that picks among its
// values comes to, some row says; so there may be only one such aggregate.
type aggregation struct {
	exists *node
	single bool // its result is one row, of no rows too: no GROUP BY, no HAVING
	exact  bool
}

// overAll describes a scalar sub-query with one aggregate; nil where it has none, or more, or is not scalar.
func overAll(e *expr.SubLink, q *expr.Query, exists *node) *aggregation {
	if e.Kind != "scalar" {
		return nil
	}
	n, exact := 0, len(q.From) > 0
	for _, t := range q.Targets {
		expr.Walk(t.Expr, func(x expr.Expr) bool {
			if a, ok := x.(*expr.Aggregate); ok {
				n++
				exact = exact && !a.Window && a.Filter == nil && a.Func != nil && picks(a.Func.Name)
			}
			return true
		})
	}
	if n != 1 {
		return nil
	}
	single := !q.Grouped && q.Having == nil && (q.Some || !q.Limit)
	return &aggregation{exists: exists, single: single, exact: exact && single}
}

// picks reports whether an aggregate of one row is that row's value, and of many the value of one of them; array_agg is an array of
// it, count says whether it is there.
func picks(name string) bool {
	switch name {
	case "max", "min", "bool_or", "bool_and", "every", "any_value", "array_agg", "count":
		return true
	}
	return false
}

// aggregate compiles an aggregate over the rows of the sub-query at hand. What is not modelled is free where there is a row.
func (c *compiler) aggregate(e *expr.Aggregate, s *scope) *node {
	if e.Func == nil || !e.Func.System || e.Window || e.Filter != nil {
		return c.free(e, s, describe(e))
	}
	t := c.typeOf(e.TypeOID, -1)
	var out *node
	switch {
	case e.Func.Name == "array_agg" && len(e.Args) == 1 && t.kind == kindArray:
		return c.collected(e, s, c.over.exists, c.compile(e.Args[0], s), constant(null), t)
	case picks(e.Func.Name) && e.Func.Name != "array_agg" && e.Func.Name != "count" && len(e.Args) == 1:
		out = operation(opCase, c.over.exists, c.compile(e.Args[0], s), constant(null))
	case e.Func.Name == "count" && c.over.single:
		out = operation(opCase, c.over.exists, c.counted(e, s, t), constant(number(0)))
	default:
		return c.free(e, s, describe(e))
	}
	out.t = t
	return out
}

// counted is count of at least one row: any number in a proof; in a refutation, where the row found is the only one, whether what is counted
// is not NULL.
func (c *compiler) counted(e *expr.Aggregate, s *scope, t sqlType) *node {
	n := &node{op: opCall, fn: &countFunction, args: c.all(e.Args, s), t: t, stand: -1}
	n.stand, _ = c.freeVariable(e, s, describe(e))
	c.p.vars[n.stand].notNull = true
	return n
}

var countFunction = function{name: "count of one", args: -1, run: func(v []value) (value, outcome) {
	if len(v) > 0 && v[0].null {
		return number(0), done
	}
	return number(1), done
}}

// collected is an array of what a sub-query's rows hold, none where there is no row.
func (c *compiler) collected(e expr.Expr, s *scope, exists, elem, none *node, t sqlType) *node {
	arr := operation(opArray, elem)
	arr.t = t
	out := operation(opCase, exists, arr, none)
	out.t, out.collected = t, true
	out.stand, _ = c.freeVariable(e, s, describe(e))
	return out
}

// elementwise is an array as ANY and ALL see it: what was collected is the one element that decides.
func elementwise(n *node) *node {
	switch {
	case n.collected:
		out := *n
		out.stand = -1
		return &out
	case n.op == opConvert && n.t.kind == kindArray, n.op == opScalar, n.op == opCoalesce, n.op == opCase:
		out := *n
		out.args = make([]*node, len(n.args))
		for i, a := range n.args {
			out.args[i] = a
			if n.op != opCase || i%2 == 1 || i == len(n.args)-1 {
				out.args[i] = elementwise(a)
			}
		}
		return &out
	}
	return n
}
