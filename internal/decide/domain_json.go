package decide

import (
	"encoding/json"
	"slices"
	"strings"
)

// documents are JSON documents that hold the members a predicate asks for: each alone and together, with the values of the
// group, and none. Where none is asked for, they are any that differ.
func (g *group) documents() []value {
	if len(g.paths) == 0 && !g.elems && len(g.members) == 0 && len(g.literals) == 0 {
		return g.anyDocuments()
	}
	names := g.memberValues()
	out := []value{{s: "{}"}}
	for _, x := range g.literals {
		if b, err := json.Marshal(x); err == nil {
			out = append(out, value{s: string(b)})
		}
	}
	leaves := leafPaths(g.paths)
	if len(leaves) == 0 {
		leaves = [][]string{nil}
	}
	var places [][]place // for each leaf, what may stand there, or where a step on the way to it is asked for itself
	most := 0
	for _, leaf := range leaves {
		places = append(places, placesOf(leaf, g.paths, names))
		most = max(most, len(places[len(places)-1]))
	}
	build := func(pick []int) {
		var doc any
		fresh := uint8(0)
		for i := range leaves {
			if pick[i] < 0 || pick[i] >= len(places[i]) {
				continue
			}
			at := places[i][pick[i]]
			doc = with(doc, at.path, at.x)
			fresh = max(fresh, at.fresh)
		}
		if doc == nil {
			doc = map[string]any{}
		}
		if b, err := json.Marshal(doc); err == nil {
			out = append(out, value{s: string(b), fresh: fresh})
		}
	}
	if len(leaves) > 2 || len(leaves) == 2 && most > 40 {
		g.partial = true
		for i := range most { // all members alike, and each alone
			build(slices.Repeat([]int{i}, len(leaves)))
			for j := range leaves {
				alone := slices.Repeat([]int{-1}, len(leaves))
				alone[j] = i
				build(alone)
			}
		}
		return out
	}
	pick := make([]int, len(leaves))
	var all func(at int)
	all = func(at int) {
		if at == len(leaves) {
			build(pick)
			return
		}
		for pick[at] = -1; pick[at] < len(places[at]); pick[at]++ {
			all(at + 1)
		}
	}
	all(0)
	return out
}

// A place is a path of a document with what stands there.
type place struct {
	path []string
	memberValue
}

// placesOf are what may stand at a leaf, and at each step on the way to it that is asked for as well.
func placesOf(leaf []string, asked [][]string, names []memberValue) []place {
	var out []place
	for n := len(leaf); n == len(leaf) || n > 0; n-- {
		if n < len(leaf) && !slices.ContainsFunc(asked, func(p []string) bool { return slices.Equal(p, leaf[:n]) }) {
			continue
		}
		for _, x := range names {
			out = append(out, place{leaf[:n], x})
		}
	}
	return out
}

// anyDocuments are the empty document and as many others as the group needs: a column without a value to try would be
// proved of nothing.
func (g *group) anyDocuments() []value {
	out := []value{{s: "{}"}}
	for i := range g.size() {
		if b, err := json.Marshal(map[string]string{"value": g.words[i]}); err == nil {
			out = append(out, value{s: string(b), fresh: uint8(i + 1)})
		}
	}
	return out
}

type memberValue struct {
	x     any
	fresh uint8
}

// memberValues are what a member may hold: the group's strings, and where elements are taken, short lists of them.
func (g *group) memberValues() []memberValue {
	set := &valueSet{seen: map[string]bool{}}
	g.strings(textType, true, set)
	var out []memberValue
	for _, v := range set.list {
		out = append(out, memberValue{v.s, v.fresh})
	}
	if len(g.members) > 0 {
		out = append(out, g.listed(out)...)
	}
	if g.elems || g.list {
		out = append(out, memberValue{x: []any{}}, memberValue{x: []any{nil}})
		for _, names := range g.families() {
			a, b := names[0], names[1]
			out = append(out, memberValue{x: []any{a}}, memberValue{x: []any{b}}, memberValue{x: []any{a, b}})
			if g.citext || g.folded || g.pattern {
				out = append(out, memberValue{x: []any{strings.ToUpper(a)}}, memberValue{x: []any{strings.ToUpper(b)}})
			}
			if g.folded {
				out = append(out, memberValue{x: []any{a + "\u00e9"}})
			}
		}
	}
	for _, x := range g.literals {
		out = append(out, memberValue{x: x})
	}
	if g.jsonNumbers {
		g.numberValues(func(s string, fresh int) { out = append(out, memberValue{json.Number(s), uint8(fresh)}) })
	}
	if g.boolean {
		out = append(out, memberValue{x: true})
	}
	return out
}

// wholePath is the path of a member from the document's root on, also where a member is taken out as text and read as a document again.
func wholePath(n *node) []string {
	path := n.fn.path
	for at := n.args[0]; ; at = at.args[0] {
		switch {
		case at.op == opCall && at.fn.path != nil:
			path = append(append([]string(nil), at.fn.path...), path...)
		case at.op == opConvert && at.to.kind == kindJSON && len(at.args) == 1, at.op == opNullif:
		default:
			return path
		}
	}
}

// leafPaths leaves out what is only a step on the way to another path.
func leafPaths(paths [][]string) [][]string {
	var out [][]string
	for i, p := range paths {
		leaf := true
		for j, q := range paths {
			if i != j && len(q) > len(p) && slices.Equal(q[:len(p)], p) || j < i && slices.Equal(p, q) {
				leaf = false
			}
		}
		if leaf {
			out = append(out, p)
		}
	}
	return out
}

// with returns doc with x standing at path.
func with(doc any, path []string, x any) any {
	if len(path) == 0 {
		return x
	}
	m, ok := doc.(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	out := make(map[string]any, len(m)+1)
	for k, v := range m {
		out[k] = v
	}
	out[path[0]] = with(m[path[0]], path[1:], x)
	return out
}
