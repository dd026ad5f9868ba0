package decide

// planned collects what the planner works out before it looks at a row: to guess how many rows a comparison lets through,
// it evaluates what does not depend on the row, and an error there ends the statement, whether or not the comparison
// would have been reached. It does not look into CASE and COALESCE that depend on the row.
func (p *program) planned() []*node {
	var out []*node
	var visit func(n *node)
	visit = func(n *node) {
		switch {
		case n.op == opConst || n.op == opVar:
		case p.rowFree(n):
			if mayRaise(n) {
				out = append(out, n)
			}
		case n.op == opCase || n.op == opCoalesce || n.op == opTry:
		default:
			for _, a := range n.args {
				visit(a)
			}
		}
	}
	visit(p.root)
	for i := range p.subs {
		visit(p.subs[i].where)
	}
	return out
}

// rowFree reports whether a node looks at no row.
func (p *program) rowFree(n *node) bool {
	free := true
	walkNodes(n, func(x *node) {
		switch x.op {
		case opExists, opScalar, opPresent:
			free = false
		case opVar:
			v := &p.vars[x.v]
			free = free && v.class == classSession
		}
	})
	return free
}

func mayRaise(n *node) bool {
	hit := false
	walkNodes(n, func(x *node) {
		hit = hit || x.op == opSetting && !x.missingOK || x.op == opConvert && x.to.kind != kindText || x.op == opCall || x.op == opRaise
	})
	return hit
}

// plans reports whether the planner comes through; where it wants a setting, the setting.
func (s *search) plans() (bool, int) {
	s.env.mode.strict = true
	defer func() { s.env.mode.strict = false }()
	for _, n := range s.k.p.early {
		switch r := s.env.eval(n); r.st {
		case wanting:
			return false, r.need
		case raises:
			s.lenient = true
			return false, -1
		}
	}
	return true, -1
}
