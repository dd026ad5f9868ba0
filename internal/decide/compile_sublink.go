package decide

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
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
	return c.foundRow(e, q, s)
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
	c.p.subs[n].where = where
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

// queryBody compiles FROM and WHERE of a query into what its row fulfils, and its targets.
func (c *compiler) queryBody(q *expr.Query, s *scope) (*node, []*node) {
	if q.RunAs != "" {
		defer func(as string) { c.as = as }(c.as)
		c.as = q.RunAs
	}
	over := c.next
	c.next = nil
	inner := c.newScope(s, q)
	var conds []*node
	for i := range q.From {
		conds = append(conds, c.fromItem(&q.From[i], inner, -1))
	}
	if q.Where != nil {
		conds = append(conds, c.compile(q.Where, inner))
	}
	if q.Limit || q.Having != nil || q.Group {
		c.p.subs[c.sub].exact = false
	}
	var targets []*node
	c.over = over
	defer func() { c.over = nil }()
	for _, t := range q.Targets {
		if t.Junk {
			continue
		}
		if elem, where, ok := c.unfolded(t.Expr, inner); ok {
			targets, conds = append(targets, elem), append(conds, where)
			continue
		}
		targets = append(targets, c.compile(t.Expr, inner))
	}
	return conjunction(conds...), targets
}

// fromItem binds an item of FROM; present is the variable of an outer join's optional side, or -1.
func (c *compiler) fromItem(f *expr.FromItem, s *scope, present int) *node {
	if f.RTE > 0 {
		return c.rangeEntry(f.RTE, s, present)
	}
	left, right := present, present
	if f.Join == "left" || f.Join == "full" {
		right = c.presence()
	}
	if f.Join == "right" || f.Join == "full" {
		left = c.presence()
	}
	conds := []*node{c.fromItem(f.Left, s, left), c.fromItem(f.Right, s, right)}
	on := constant(trueV)
	if f.On != nil {
		on = c.compile(f.On, s)
	}
	if f.Join != "inner" && f.Join != "" {
		c.p.subs[c.sub].exact = false // "no partner" is not checked against the rows that are there
		present := constant(trueV)
		for _, v := range []int{left, right} {
			if v >= 0 {
				present = conjunction(present, &node{op: opVar, v: v, stand: -1})
			}
		}
		on = operation(opOr, operation(opNot, present), on)
	}
	return conjunction(append(conds, on)...)
}

func (c *compiler) presence() int {
	c.calls++
	return c.p.variable("present/"+strconv.Itoa(c.calls), func() variable {
		return variable{class: classPresent, name: "an outer join's row", row: -1, t: boolType, notNull: true}
	})
}

// rangeEntry binds one range table entry and returns what its row fulfils.
func (c *compiler) rangeEntry(rte int, s *scope, present int) *node {
	if rte < 1 || rte > len(s.query.Range) {
		return nil
	}
	e := &s.query.Range[rte-1]
	switch {
	case e.Kind == "relation" && e.Relation != nil:
		return c.relationEntry(e.Relation, rte, s, present)
	case e.Kind == "subquery" && e.Subquery != nil && e.Subquery.SetOp == nil && !aggregates(e.Subquery) && present < 0:
		where, targets := c.queryBody(e.Subquery, s)
		s.bindings[rte] = binding{row: -1, targets: targets}
		return where
	case e.Kind == "cte":
		if q := c.cte(e, s); q != nil && q.SetOp == nil && !aggregates(q) && present < 0 {
			where, targets := c.queryBody(q, s)
			s.bindings[rte] = binding{row: -1, targets: targets}
			return where
		}
	case e.Kind == "function" && len(e.Funcs) == 1 && present < 0:
		if where, ok := c.functionEntry(e.Funcs[0], rte, s); ok {
			return where
		}
	case e.Kind == "values" && present < 0 && len(e.Values) > 0:
		return c.valuesEntry(e.Values, rte, s)
	}
	c.calls++
	c.p.subs[c.sub].exact, c.p.subs[c.sub].known = false, false
	s.bindings[rte] = binding{row: -1, free: c.calls}
	return nil
}

func (c *compiler) cte(e *expr.RangeEntry, s *scope) *expr.Query {
	at := s
	for range e.CTELevel {
		if at = at.outer; at == nil {
			return nil
		}
	}
	if at.query == nil {
		return nil
	}
	for i := range at.query.CTEs {
		if x := &at.query.CTEs[i]; x.Name == e.CTE && !x.Recursive && x.Query != nil && x.Query.Command == "select" {
			return x.Query
		}
	}
	return nil
}

// relationEntry adds a row of a relation, bound by the row security that the reader meets there.
func (c *compiler) relationEntry(rel *catalog.Relation, rte int, s *scope, present int) *node {
	r := len(c.p.rows)
	c.p.rows = append(c.p.rows, row{rel: rel, found: c.p.subs[c.sub].found, present: present, source: "sub", sub: c.sub})
	c.p.subs[c.sub].rows = append(c.p.subs[c.sub].rows, r)
	s.bindings[rte] = binding{row: r}
	if rel.Kind != catalog.Table && rel.Kind != catalog.Partitioned {
		c.p.subs[c.sub].exact, c.p.subs[c.sub].known = false, false
	}
	if _, ok := c.p.trusted[rel]; !ok {
		c.p.trusted[rel] = c.as
	}
	if c.p.uniqueOf(rel) {
		c.p.addUnique(rel)
	}
	visible := c.visible(rel, r)
	if present >= 0 && visible != nil {
		return operation(opOr, operation(opNot, &node{op: opVar, v: present, stand: -1}), visible)
	}
	return visible
}

// unfolded is a target that returns a set: some element of it.
func (c *compiler) unfolded(e expr.Expr, s *scope) (elem, where *node, ok bool) {
	call, ok := e.(*expr.Call)
	if !ok || !call.Set || call.Func == nil || call.Func.Schema != "pg_catalog" || len(call.Args) != 1 {
		return nil, nil, false
	}
	elem, where = c.element(call.Func.Name, c.compile(call.Args[0], s))
	return elem, where, elem != nil
}

// functionEntry is FROM unnest(array), or the elements of a JSON array: some element.
func (c *compiler) functionEntry(f expr.Expr, rte int, s *scope) (*node, bool) {
	call, ok := f.(*expr.Call)
	if !ok || call.Func == nil || call.Func.Schema != "pg_catalog" || len(call.Args) != 1 {
		return nil, false
	}
	arg := c.compile(call.Args[0], s)
	elem, where := c.element(call.Func.Name, arg)
	if elem == nil {
		return nil, false
	}
	s.bindings[rte] = binding{row: -1, targets: []*node{elem}}
	return where, true
}

// element is a variable that is one of an array's elements, and what says so; nil where the function does not unfold.
func (c *compiler) element(name string, arg *node) (elem, where *node) {
	var t sqlType
	switch {
	case name == "unnest" && arg.t.kind == kindArray && arg.t.elem != nil:
		t = *arg.t.elem
	case name == "jsonb_array_elements_text" || name == "json_array_elements_text":
		t = textType
		f := function{name: name, strict: true, extract: true, run: func(v []value) (value, outcome) {
			elems, ok := elementsOf(v[0])
			if !ok {
				return null, raised
			}
			return value{k: kindArray, elems: elems}, done
		}}
		elem := textType
		arg = &node{op: opCall, fn: &f, args: []*node{arg}, stand: -1, t: sqlType{kind: kindArray, elem: &elem}}
	default:
		return nil, nil
	}
	c.calls++
	r := len(c.p.rows)
	c.p.rows = append(c.p.rows, row{found: c.p.subs[c.sub].found, present: -1, source: "sub", sub: c.sub})
	elem = c.columnOf(r, 1, "element", t)
	where = &node{op: opQuant, cmp: cmpEQ, args: []*node{elem, arg}, stand: -1}
	return elem, where
}

// valuesEntry is FROM (VALUES …): one of the rows.
func (c *compiler) valuesEntry(rows [][]expr.Expr, rte int, s *scope) *node {
	r := len(c.p.rows)
	c.p.rows = append(c.p.rows, row{found: c.p.subs[c.sub].found, present: -1, source: "sub", sub: c.sub})
	var targets []*node
	var some []*node
	for i, vals := range rows {
		var all []*node
		for j, x := range vals {
			v := c.compile(x, s)
			if i == 0 {
				targets = append(targets, c.columnOf(r, int16(j+1), "value", v.t))
			}
			if j < len(targets) {
				d := operation(opDistinct, targets[j], v)
				d.cmp, d.not = cmpEQ, true
				all = append(all, d)
			}
		}
		some = append(some, conjunction(all...))
	}
	s.bindings[rte] = binding{row: -1, targets: targets}
	if len(some) == 1 {
		return some[0]
	}
	return operation(opOr, some...)
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
	c.p.subs[n].where = where
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
