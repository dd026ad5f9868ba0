package decide

import "strconv"

// heldIn is ARRAY[a, …] <@ list, and && of the same, element by element, as = ANY sees it: nil where what is to be held is not put together
// here.
func (c *compiler) heldIn(name string, collation uint32, args []*node) *node {
	part, list := args[0], args[1]
	if name == "arraycontains" || name == "arrayoverlap" && part.op != opArray {
		part, list = list, part
	}
	if name != "arraycontains" && name != "arraycontained" && name != "arrayoverlap" || part.op != opArray || len(part.args) == 0 || list.t.elem == nil {
		return nil
	}
	op := opAnd
	if name == "arrayoverlap" {
		op = opOr
	}
	all := operation(op)
	for _, a := range part.args {
		if a.t.kind != list.t.elem.kind || a.t.kind != kindText && a.t.kind != kindUUID && a.t.kind != kindNum {
			return nil
		}
		any := &node{op: opQuant, cmp: cmpEQ, args: []*node{a, list}, stand: -1, folded: c.folds(collation)}
		if any.folded {
			c.calls++
			any.stand = c.freeKeyed("held/"+strconv.Itoa(c.calls), boolType, "an array's equality", false).v
		}
		all.args = append(all.args, &node{op: opTruth, want: "true", args: []*node{any}, stand: -1})
	}
	out := operation(opCase, &node{op: opIsNull, args: []*node{list}, stand: -1}, constant(null), all)
	out.t = boolType
	return out
}
