package decide

import (
	"fmt"
	"slices"
	"strconv"
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
	citext  bool
	bpchar  bool
	folded  bool
	pattern bool
	list    bool // text is read as a list
	partial bool // not all documents are tried
	hash    bool // hashed
	// shortest is the smallest length limit of a text among them, 0: none.
	shortest int
	ordered  bool // compared by order
	cuts     []int
	steps    []int64    // remainders are taken by these
	rounds   bool       // numbers are rounded
	paths    [][]string // members asked of JSON documents
	chosen   bool
	least    int      // how many fresh values there are at least
	uuids    []string // fresh values, by type
	words    []string
	numbers  []string
	elems    bool // … whose elements are taken one by one
	dom      map[int][]value
}

// maxFresh is how many "any other" values a group has at most.
const maxFresh = 12

// joinGroups forms the groups: what one comparison looks at belongs together.
func (p *program) joinGroups(roots []*node, together [][]int) {
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
	for _, t := range together {
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
			if !x.val.null {
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
	g.pattern = g.pattern || x.fn.pattern || x.fn.lossy
	g.ordered = g.ordered || x.fn.ordered
	g.hash = g.hash || x.fn.hash
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
	case x.fn.path != nil:
		path := x.fn.path
		for at := x.args[0]; at.op == opCall && at.fn.path != nil; at = at.args[0] {
			path = append(append([]string(nil), at.fn.path...), path...)
		}
		g.paths = append(g.paths, path)
	case strings.HasSuffix(x.fn.name, "_elements_text"):
		g.elems = true
	}
}

// The values that mean nothing to a predicate are taken from these, but for those that a constant spells.
var freshWords = []string{"acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "tyrell", "oscorp", "zorg", "buynlarge", "dharma", "cyberdyne", "weyland", "soylent", "vandelay"}

const (
	freshHex     = "abcdef9876543210"
	freshNumbers = 16
)

// choose picks the group's fresh values, once.
func (g *group) choose() {
	if g.chosen {
		return
	}
	g.chosen = true
	taken := func(s string) bool {
		return slices.ContainsFunc(g.consts, func(c value) bool {
			return strings.EqualFold(strings.TrimSpace(c.s), s) || sameTenant(value{k: kindText, s: s}, c) || len(c.s) > 30 && strings.Contains(c.s, s)
		})
	}
	for i := range len(freshHex) {
		c := freshHex[i : i+1]
		u := strings.Repeat(c, 8) + "-" + strings.Repeat(c, 4) + "-4" + strings.Repeat(c, 3) + "-8" + strings.Repeat(c, 3) + "-" + strings.Repeat(c, 12)
		if len(g.uuids) < maxFresh && !taken(u) {
			g.uuids = append(g.uuids, u)
		}
	}
	for _, w := range freshWords {
		if g.shortest > 0 && g.shortest < len(w) {
			w = w[:min(g.shortest, 2)]
		}
		if len(g.words) < maxFresh && !taken(w) {
			g.words = append(g.words, w)
		}
	}
	for i := range freshNumbers {
		n := strconv.Itoa(101 * (i + 1))
		if len(g.numbers) < maxFresh && !taken(n) {
			g.numbers = append(g.numbers, n)
		}
	}
}

// size is how many "any other" values the group needs.
func (g *group) size() int {
	return min(max(g.least, len(g.vars)), maxFresh, len(g.uuids), len(g.words), len(g.numbers))
}

// truncated reports whether the group has more variables than fresh values: then nothing is proved of it.
func (g *group) truncated() bool {
	if !g.partial && len(g.vars) <= 3 && len(g.consts) == 0 {
		return false
	}
	g.choose()
	return g.partial || len(g.vars) > min(maxFresh, len(g.uuids), len(g.words), len(g.numbers))
}

// domain returns the values to try for a variable, NULL last.
func (g *group) domain(i int, v *variable) []value {
	if d, ok := g.dom[i]; ok {
		return d
	}
	g.choose()
	d := g.values(v.t, v.class == classSetting)
	if !v.notNull {
		d = append(d, null)
	}
	g.dom[i] = d
	return d
}

func (g *group) values(t sqlType, setting bool) []value {
	set := &valueSet{seen: map[string]bool{}}
	switch t.kind {
	case kindBool:
		return []value{trueV, falseV}
	case kindUUID:
		g.uuidValues(func(s string, fresh int) { set.add(value{k: kindUUID, s: s, fresh: uint8(fresh)}) })
	case kindNum:
		if g.rounds && t.bits == 0 {
			set.add(value{k: kindNum, s: g.numbers[0] + ".4"})
		}
		g.numberValues(func(s string, fresh int) {
			if v, how := roundTo(s, t); how == done {
				v.fresh = uint8(fresh)
				set.add(v)
			}
		})
	case kindArray:
		return g.arrays(*t.elem)
	case kindOther:
		for i := range g.size() {
			set.add(value{k: kindOther, s: otherValue(t, i), fresh: uint8(i + 1)})
		}
		if g.ordered && momentOf(t, "2999-01-01") != "" {
			set.add(value{k: kindOther, s: momentOf(t, "2999-01-01")})
		}
	case kindJSON:
		for _, d := range g.documents() {
			set.add(value{k: kindJSON, s: d.s, fresh: d.fresh})
		}
		return set.list
	default:
		g.texts(t, setting, set)
		return set.list
	}
	g.constants(t, set)
	return set.list
}

// constants adds the group's constants as values of a type.
func (g *group) constants(t sqlType, set *valueSet) {
	for _, c := range g.consts {
		if c.k == kindArray || c.k == kindOther && t.kind != kindOther || t.kind == kindOther && c.k != kindOther {
			continue
		}
		if v, how := convert(value{k: c.k, s: c.s}, sqlType{kind: t.kind, bits: t.bits, labels: t.labels, length: t.length}, false); how == done && !v.null {
			set.add(v)
		}
	}
}

// arrays are short lists of what the group holds.
func (g *group) arrays(elem sqlType) []value {
	elems := g.values(elem, false)
	out := []value{{k: kindArray}}
	for _, e := range elems {
		out = append(out, value{k: kindArray, elems: []value{e}, fresh: e.fresh})
	}
	if len(elems) > 1 {
		out = append(out, value{k: kindArray, elems: []value{elems[0], elems[1]}})
	}
	for _, c := range g.consts {
		if c.k == kindArray && len(c.elems) > 1 {
			out = append(out, c)
		}
	}
	return out
}

// otherValue is a value of a type whose text form is known; a token where it is not.
func otherValue(t sqlType, i int) string {
	switch t.oid {
	case 1082, 1114, 1184:
		return momentOf(t, fmt.Sprintf("2001-01-%02d", i+1))
	case 17:
		return fmt.Sprintf(`\x%02x`, i+1)
	case 869:
		return fmt.Sprintf("10.0.0.%d", i+1)
	case 18:
		return string(rune('a' + i))
	}
	return fmt.Sprintf("value %d", i+1)
}

func printable(t sqlType) bool {
	switch t.oid {
	case 1082, 1114, 1184, 17, 869, 18:
		return true
	}
	return t.kind != kindOther
}

// A valueSet is a list without repetitions.
type valueSet struct {
	list []value
	seen map[string]bool
}

func (s *valueSet) add(v value) {
	key := string(rune('a'+v.k)) + v.s
	if v.k == kindNum && v.fresh > 0 && s.seen[key] {
		return
	}
	if !s.seen[key] {
		s.seen[key] = true
		s.list = append(s.list, v)
	}
}
