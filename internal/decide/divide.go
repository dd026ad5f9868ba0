package decide

// maxDivisions bounds how deep a predicate is taken apart, partBudget the search over each part.
const (
	maxDivisions = 3
	partBudget   = 40000
)

// divided proves a predicate by its parts, where a search over the whole ran out of its budget: of an AND that is TRUE each part is, of an
// OR some part, of a CASE some result.
func (j *judgement) divided(n *node, depth int) bool {
	every := func(parts []*node) bool {
		for _, p := range parts {
			if !j.closed(p, depth) {
				return false
			}
		}
		return true
	}
	switch {
	case depth == maxDivisions:
	case n.op == opAnd:
		for _, a := range n.args {
			if j.closed(a, depth) {
				return true
			}
		}
	case n.op == opOr:
		return every(n.args)
	case n.op == opCase:
		var results []*node
		for i := 1; i < len(n.args); i += 2 {
			results = append(results, n.args[i])
		}
		return every(append(results, n.args[len(n.args)-1]))
	case n.op == opTruth && n.want == "true" && !n.not, n.op == opCoalesce && len(n.args) == 2 && n.args[1].op == opConst && !n.args[1].val.isTrue():
		return j.closed(n.args[0], depth)
	}
	return false
}

// closed reports whether a part of the predicate is TRUE of no row that does not belong.
func (j *judgement) closed(part *node, depth int) bool {
	p, k := *j.k.p, *j.k
	p.root, k.p = part, &p
	alone := *j
	alone.k = &k
	s := alone.search(mode{proof: true}, partBudget, nil)
	if found := s.run(); found || !s.over {
		return !found
	}
	return j.divided(part, depth+1)
}
