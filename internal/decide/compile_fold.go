package decide

// folds reports whether a collation takes different texts for one.
func (c *compiler) folds(collation uint32) bool {
	k := c.snapCollation(collation)
	return k != nil && !k.Deterministic
}

// refusedSearch is the position of one text in another where the server looks for it under no such collation: the empty one stands
// at the beginning, a longer one nowhere, and all else raises. To a proof that is nowhere too: an error lets nothing through that 0 does not.
func (c *compiler) refusedSearch(args []*node, t sqlType) *node {
	look := &node{op: opCall, fn: &longerSearch, args: args, t: t}
	look.stand = c.p.variable("nowhere", func() variable {
		return variable{class: classFree, name: "a text's position", row: -1, t: t, notNull: true, fixed: []value{number(0)}}
	})
	out := operation(opCase, &node{op: opIsNull, args: args[:1], stand: -1}, constant(null),
		compare(cmpEQ, args[1], constant(emptyText)), constant(number(1)), look)
	out.t = t
	return out
}

var longerSearch = function{name: "longer search", args: 2, strict: true, run: func(v []value) (value, outcome) {
	if len(v[0].s) < len(v[1].s) {
		return number(0), done
	}
	return null, raised
}}
