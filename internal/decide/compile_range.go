package decide

import "github.com/ringfencehq/ringfence/internal/expr"

// ranges are PostgreSQL's own range types by the name of their constructor.
var ranges = map[string]bool{"int4range": true, "int8range": true, "numrange": true, "daterange": true, "tsrange": true, "tstzrange": true}

// inRange is range @> x, or x <@ range, where the range is made in place: the comparisons with its bounds. Nil for all else.
func (c *compiler) inRange(e *expr.Operation, s *scope) *node {
	if e.Op == nil || !e.Op.System || e.Kind != "plain" || len(e.Args) != 2 {
		return nil
	}
	r, x := e.Args[0], e.Args[1]
	switch functionName(e.Op.Function) {
	case "range_contains_elem":
	case "elem_contained_by_range":
		r, x = x, r
	default:
		return nil
	}
	call, ok := r.(*expr.Call)
	if !ok || call.Func == nil || !call.Func.System || !ranges[call.Func.Name] || len(call.Args) < 2 {
		return nil
	}
	bounds := "[)"
	if len(call.Args) == 3 {
		k, ok := call.Args[2].(*expr.Const)
		if !ok || !k.Known || len(k.Text) != 2 {
			return nil
		}
		bounds = k.Text
	}
	low, high, elem := c.compile(call.Args[0], s), c.compile(call.Args[1], s), c.compile(x, s)
	for _, bound := range []*node{low, high} {
		if bound.t.kind != kindNum && !(bound.op == opConst && bound.val.null) {
			return nil
		}
	}
	if elem.t.kind != kindNum {
		return nil
	}
	from, to := cmpGE, cmpLT
	if bounds[0] == '(' {
		from = cmpGT
	}
	if bounds[1] == ']' {
		to = cmpLE
	}
	without := func(bound *node, cmp comparison) *node {
		return operation(opOr, &node{op: opIsNull, args: []*node{bound}, stand: -1}, compare(cmp, elem, bound))
	}
	// a range whose ends are the wrong way round raises
	out := operation(opCase, compare(cmpGT, low, high), &node{op: opRaise, stand: -1, t: boolType},
		&node{op: opIsNull, args: []*node{elem}, stand: -1}, constant(null), operation(opAnd, without(low, from), without(high, to)))
	out.t = boolType
	return out
}
