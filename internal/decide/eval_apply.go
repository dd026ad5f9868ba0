package decide

import "slices"

// apply evaluates the nodes whose arguments are all needed.
func (e *env) apply(n *node) result {
	var buf [4]value
	vals := buf[:0]
	for _, a := range n.args {
		r := e.eval(a)
		if r.st != known {
			return r
		}
		vals = append(vals, r.v)
	}
	v, how := applyValues(n, vals)
	switch how {
	case raised:
		return result{st: raises}
	case opaque:
		if e.mode.proof && n.op == opConvert && n.to.domain {
			plain := n.to
			plain.domain = false // its checks can only make it raise
			if v, how = convert(vals[0], plain, n.explicit); how == done {
				return is(v)
			}
		}
		return result{st: stuck, need: -1}
	}
	return is(v)
}

// applyValues runs one node on values.
func applyValues(n *node, vals []value) (value, outcome) {
	switch n.op {
	case opCompare:
		return compareValues(n, vals[0], vals[1])
	case opDistinct:
		return distinctValues(n, vals[0], vals[1])
	case opNullif:
		eq, how := compareValues(n, vals[0], vals[1])
		if how != done || !eq.isTrue() {
			return vals[0], how
		}
		return null, done
	case opConvert:
		return convert(vals[0], n.to, n.explicit)
	case opArray:
		return value{k: kindArray, elems: append([]value(nil), vals...)}, done
	case opRow:
		return value{k: kindRow, elems: append([]value(nil), vals...)}, done
	case opQuant:
		return quantify(n, vals[0], vals[1])
	case opCall:
		if n.fn.strict {
			for _, v := range vals {
				if v.null {
					return null, done
				}
			}
		}
		return n.fn.run(vals)
	}
	return null, opaque
}

func compareValues(n *node, a, b value) (value, outcome) {
	if a.null || b.null {
		return null, done
	}
	if a.k == kindRow && b.k == kindRow {
		return compareRows(n, a, b)
	}
	if n.cmp == cmpEQ || n.cmp == cmpNE {
		eq := equal(a, b)
		if !eq && n.folded {
			if !spellings(a.s, b.s) && foldCase(a.s) == foldCase(b.s) {
				return null, opaque // equal in some collations, and not in others
			}
			eq = spellings(a.s, b.s)
		}
		return boolean(eq == (n.cmp == cmpEQ)), done
	}
	c, ok := order(a, b)
	if n.folded && spellings(a.s, b.s) {
		c, ok = 0, true
	}
	if !ok {
		return null, opaque
	}
	return boolean(holds(n.cmp, c)), done
}

func holds(op comparison, c int) bool {
	switch op {
	case cmpLT:
		return c < 0
	case cmpLE:
		return c <= 0
	case cmpEQ:
		return c == 0
	case cmpGE:
		return c >= 0
	case cmpGT:
		return c > 0
	}
	return c != 0
}

// compareRows compares field by field: equality needs all, an order is decided by the first pair that differs.
func compareRows(n *node, a, b value) (value, outcome) {
	if len(a.elems) != len(b.elems) {
		return null, opaque
	}
	field := &node{op: opCompare, cmp: cmpEQ, folded: n.folded}
	unknown := false
	for i := range a.elems {
		eq, how := compareValues(field, a.elems[i], b.elems[i])
		switch {
		case how != done:
			return null, how
		case eq.null && n.cmp != cmpEQ && n.cmp != cmpNE:
			return null, done
		case eq.null:
			unknown = true
		case eq.isFalse() && (n.cmp == cmpEQ || n.cmp == cmpNE):
			return boolean(n.cmp == cmpNE), done
		case eq.isFalse():
			field.cmp = n.cmp
			return compareValues(field, a.elems[i], b.elems[i])
		}
	}
	if unknown {
		return null, done
	}
	return boolean(holds(n.cmp, 0)), done
}

func distinctValues(n *node, a, b value) (value, outcome) {
	if a.null || b.null {
		return boolean((a.null != b.null) != n.not), done
	}
	eq, how := compareValues(&node{cmp: cmpEQ, folded: n.folded}, a, b)
	if how != done {
		return null, how
	}
	return boolean(eq.isTrue() == n.not), done
}

// quantify is x OP ANY (array), or ALL.
func quantify(n *node, x, array value) (value, outcome) {
	if array.null {
		return null, done
	}
	if n.nulls && x.null {
		return boolean(slices.ContainsFunc(array.elems, func(e value) bool { return e.null })), done
	}
	unknown := false
	for _, elem := range array.elems {
		r, how := compareValues(n, x, elem)
		switch {
		case how != done:
			return null, how
		case r.null:
			unknown = true
		case r.isTrue() != n.not: // TRUE decides ANY, FALSE decides ALL
			return r, done
		}
	}
	if unknown {
		return null, done
	}
	return boolean(n.not), done
}
