package decide

import (
	"slices"
	"strings"
)

// A group is a family of variables whose values may meet in a comparison, with the constants they meet. The values a search
// tries stand for all others: as many "any other" values as the group has variables, each constant, and for each conversion
// in use the spellings that it takes for one value. What tells more values apart than that has a stand-in in proofs.
type group struct {
	vars    []int
	consts  []value
	uuid    bool // text is read as uuid, or uuid written as text
	num     bool
	boolean bool
	tree    bool // paths of labels
	citext  bool
	bpchar  bool
	folded  bool
	pattern bool
	list    bool          // text is read as a list
	partial bool          // not all documents are tried
	hashes  []*collisions // what takes different texts for one
	// shortest is the smallest length limit of a text among them, 0: none.
	shortest    int
	ordered     bool // compared by order
	wide        bool // more is tried than what a proof needs: PostgreSQL will say what comes of it
	cuts        []int
	steps       []int64    // remainders are taken by these
	rounds      bool       // numbers are rounded
	literals    []any      // what constant documents hold
	jsonNumbers bool       // documents hold numbers
	paths       [][]string // members asked of JSON documents
	members     [][]string // … of their elements
	chosen      bool
	least       int      // how many fresh values there are at least
	uuids       []string // fresh values, by type
	words       []string
	numbers     []string
	elems       bool // … whose elements are taken one by one
	dom         map[int][]value
}

// maxFresh is how many "any other" values a group has at most.
const maxFresh = 12

// joinGroups forms the groups: what one comparison looks at belongs together, and so does what the claim compares, and what is compared
// to tell whether the rows can stand in one database.
func (p *program) joinGroups(roots []*node, together, alike [][]int) {
	parent := make([]int, len(p.vars))
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	union := func(vars []int) {
		for _, v := range vars[min(1, len(vars)):] {
			parent[find(v)] = find(vars[0])
		}
	}
	var meetings []*node
	for _, root := range roots {
		walkNodes(root, func(n *node) {
			if meets(n) {
				meetings = append(meetings, n)
				union(p.valuesOf(n))
			}
		})
	}
	for _, t := range append(slices.Clone(together), alike...) {
		union(t)
	}
	defer func() {
		for _, t := range together {
			for _, v := range t {
				p.groups[p.vars[v].group].least = 3
			}
		}
	}()
	byRoot := map[int]*group{}
	for i := range p.vars {
		r := find(i)
		if byRoot[r] == nil {
			byRoot[r] = &group{dom: map[int][]value{}, least: 1}
			p.groups = append(p.groups, byRoot[r])
		}
		if c := p.vars[i].class; c != classFound && c != classPresent {
			byRoot[r].vars = append(byRoot[r].vars, i)
		}
		p.vars[i].group = slices.Index(p.groups, byRoot[r])
	}
	for _, n := range meetings {
		if vars := p.valuesOf(n); len(vars) > 0 {
			byRoot[find(vars[0])].learn(n, p)
		}
	}
	for _, g := range p.groups {
		for _, v := range g.vars {
			g.learnType(p.vars[v].t)
			g.consts = append(g.consts, p.vars[v].fixed...)
		}
	}
}

// meets reports whether a node looks at values, not at truth.
func meets(n *node) bool {
	switch n.op {
	case opCompare, opDistinct, opNullif, opQuant, opCall, opConvert, opCoalesce, opCase, opTry:
		return true
	}
	return false
}

// valuesOf are the variables below a node, the node's own stand-in among them.
func (p *program) valuesOf(n *node) []int {
	var out []int
	walkNodes(n, func(x *node) {
		switch x.op {
		case opVar, opSetting:
			if c := p.vars[x.v].class; c != classFound && c != classPresent {
				out = append(out, x.v)
			}
		}
		if x.stand >= 0 {
			out = append(out, x.stand)
		}
	})
	return out
}

// learn notes what a comparison does with its group's values.
func (g *group) learn(n *node, p *program) {
	walkNodes(n, func(x *node) {
		switch x.op {
		case opConst:
			if x.val.k == kindJSON {
				g.learnDocument(x.val.s, nil)
			} else if !x.val.null {
				g.consts = append(g.consts, x.val)
				g.consts = append(g.consts, x.val.elems...)
			}
		case opConvert:
			g.learnConversion(x)
		case opCompare, opDistinct, opNullif, opQuant:
			g.ordered = g.ordered || x.op == opCompare && x.cmp != cmpEQ && x.cmp != cmpNE
			g.folded = g.folded || x.folded
		case opCall:
			g.learnCall(x)
		}
		g.learnType(x.t)
	})
}

func (g *group) learnType(t sqlType) {
	switch t.kind {
	case kindCitext:
		g.citext = true
	case kindBpchar:
		g.bpchar = true
	case kindUUID:
		g.uuid = true
	case kindNum:
		g.num = true
	case kindBool:
		g.boolean = true
	case kindArray:
		g.learnType(*t.elem)
	}
	if (t.kind == kindText || t.kind == kindBpchar) && t.length > 0 && (g.shortest == 0 || t.length < g.shortest) {
		g.shortest = t.length
	}
}

func (g *group) learnConversion(x *node) {
	g.rounds = g.rounds || x.to.kind == kindNum && x.to.bits > 0 && len(x.args) == 1 && x.args[0].t.kind == kindNum && x.args[0].t.bits == 0
	if x.to.length > 0 {
		g.cuts = append(g.cuts, x.to.length)
	}
	if x.to.elem != nil && x.to.elem.length > 0 {
		g.cuts = append(g.cuts, x.to.elem.length)
	}
	g.learnType(x.to)
	if x.to.kind == kindArray {
		g.list = true
	}
}

func (g *group) learnCall(x *node) {
	g.learnJSON(x)
	g.pattern = g.pattern || x.fn.pattern || x.fn.lossy
	g.ordered = g.ordered || x.fn.ordered
	if h := x.fn.collide; h != nil && !slices.Contains(g.hashes, h) {
		g.hashes = append(g.hashes, h)
	}
	g.tree = g.tree || x.fn.tree
	if last := len(x.args) - 1; last >= 0 && x.args[last].op == opConst {
		switch n := atoi(x.args[last].val.s); {
		case x.fn.cuts:
			g.cuts = append(g.cuts, n)
		case x.fn.step:
			g.steps = append(g.steps, int64(n))
		}
	}
	g.rounds = g.rounds || x.fn.rounds
	switch {
	case x.fn.name == "string_to_array", x.fn.name == "split_part":
		g.list = true
	case x.fn.members != nil:
		g.members = append(g.members, x.fn.members)
	case x.fn.path != nil:
		g.paths = append(g.paths, wholePath(x))
	case strings.HasSuffix(x.fn.name, "_elements_text"):
		g.elems = true
	}
}
