package decide

import (
	"github.com/ringfencehq/ringfence/internal/expr"
)

// unfolded is a target that returns a set: some element of it.
func (c *compiler) unfolded(e expr.Expr, s *scope) (elem, where *node, ok bool) {
	var call *expr.Call
	sets := 0
	expr.Walk(e, func(x expr.Expr) bool {
		if f, ok := x.(*expr.Call); ok && f.Set {
			call, sets = f, sets+1
		}
		return true
	})
	if sets != 1 || call.Func == nil || call.Func.Schema != "pg_catalog" || len(call.Args) != 1 {
		return nil, nil, false
	}
	elem, where = c.element(call.Func.Name, c.compile(call.Args[0], s))
	if elem == nil {
		return nil, nil, false
	}
	defer func(outer *expr.Call, elem *node) { c.set, c.setElem = outer, elem }(c.set, c.setElem)
	c.set, c.setElem = call, elem
	return c.compile(e, s), where, true
}

// functionEntry is FROM unnest(array), or the elements of a JSON array: some element.
func (c *compiler) functionEntry(f expr.Expr, rte int, s *scope) (*node, bool) {
	call, ok := f.(*expr.Call)
	if !ok || call.Func == nil || call.Func.Schema != "pg_catalog" || len(call.Args) != 1 {
		return nil, false
	}
	arg := c.compile(call.Args[0], s)
	if c.elementsEntry(call.Func.Name, arg, rte, s) {
		return nil, true
	}
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
	where = &node{op: opQuant, cmp: cmpEQ, args: []*node{elem, arg}, nulls: true, stand: -1}
	sub := &c.p.subs[c.sub]
	sub.sets = append(sub.sets, derivedSet{vars: []int{elem.v}, array: arg})
	return elem, where
}

// valuesEntry is FROM (VALUES …): one of the rows.
func (c *compiler) valuesEntry(rows [][]expr.Expr, rte int, s *scope) *node {
	r := len(c.p.rows)
	c.p.rows = append(c.p.rows, row{found: c.p.subs[c.sub].found, present: -1, source: "sub", sub: c.sub})
	var targets []*node
	var some []*node
	var set derivedSet
	for i, vals := range rows {
		var all []*node
		set.rows = append(set.rows, c.all(vals, s))
		for j, v := range set.rows[i] {
			if i == 0 {
				targets = append(targets, c.columnOf(r, int16(j+1), "value", v.t))
				set.vars = append(set.vars, targets[j].v)
			}
			if j < len(targets) {
				d := operation(opDistinct, targets[j], v)
				d.cmp, d.not = cmpEQ, true
				all = append(all, d)
			}
		}
		some = append(some, conjunction(all...))
	}
	c.p.subs[c.sub].sets = append(c.p.subs[c.sub].sets, set)
	s.bindings[rte] = binding{row: -1, targets: targets}
	if len(some) == 1 {
		return some[0]
	}
	return operation(opOr, some...)
}
