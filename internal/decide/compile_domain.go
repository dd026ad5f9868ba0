package decide

import "github.com/ringfencehq/ringfence/internal/catalog"

// inDomain is a value of a domain's base type on its way into the domain: itself, raising where one of the domain's checks is FALSE of it,
// or where it is NULL and may not be. Nil where a check cannot be read.
func (c *compiler) inDomain(oid uint32, n *node) *node {
	out := operation(opCase)
	for t := c.snap.TypeByOID(oid); t != nil && t.Kind == "domain"; t = c.snap.TypeByOID(t.Base) {
		if t.NotNull {
			out.args = append(out.args, &node{op: opIsNull, args: []*node{n}, stand: -1}, &node{op: opRaise, stand: -1, t: n.t})
		}
		for i := range t.Checks {
			check := c.domainCheck(&t.Checks[i], n)
			if check == nil {
				return nil
			}
			out.args = append(out.args, &node{op: opTruth, want: "false", args: []*node{check}, stand: -1}, &node{op: opRaise, stand: -1, t: n.t})
		}
	}
	out.args, out.t = append(out.args, n), n.t
	return out
}

// domainCheck compiles one check of a domain with n as its VALUE.
func (c *compiler) domainCheck(tree *catalog.Tree, n *node) *node {
	if c.m.Reader == nil {
		return nil
	}
	e, err := c.m.Reader.Expression(tree, nil)
	if err != nil || e == nil || callsOwn(e) {
		return nil
	}
	c.domainValues = append(c.domainValues, n)
	defer func() { c.domainValues = c.domainValues[:len(c.domainValues)-1] }()
	return c.compile(e, c.newScope(nil, nil))
}
