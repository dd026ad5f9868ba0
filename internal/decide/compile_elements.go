package decide

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ringfencehq/ringfence/internal/expr"
)

// elements are the elements of a JSON array that a sub-query unfolds. What of an element is not asked for is left open; what is asked for
// is a member of some element, each by itself: good for proofs, not for refutations.
type elements struct {
	doc     *node
	sub     int // the sub-query
	row     int // the derived row
	members []string
	record  bool // its columns are members: jsonb_to_recordset
}

// elementsEntry is FROM jsonb_array_elements(document), and jsonb_to_recordset of it.
func (c *compiler) elementsEntry(name string, doc *node, rte int, s *scope) bool {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "jsonb_"), "json_")
	if name != "array_elements" && name != "to_recordset" || doc.t.kind != kindJSON {
		return false
	}
	sub := &c.p.subs[c.sub]
	sub.exact, sub.known = false, false
	c.calls++
	s.bindings[rte] = binding{row: -1, free: c.calls, elements: &elements{doc: doc, sub: c.sub, row: len(c.p.rows), record: name == "to_recordset"}}
	c.p.rows = append(c.p.rows, row{found: sub.found, present: -1, source: "sub", sub: c.sub})
	return true
}

// elementColumn is a column of such an entry: an element, or one of its members.
func (c *compiler) elementColumn(b binding, e *expr.Var, s *scope) *node {
	t := c.typeOf(e.TypeOID, e.TypeMod)
	if b.elements.record && e.Name != "" && (t.kind == kindText || t.kind == kindUUID || t.kind == kindNum) {
		return c.convertNode(c.memberOf(b.elements, []string{e.Name}), t, true, e, s)
	}
	n := c.freeKeyed("entry/"+strconv.Itoa(b.free)+"/"+strconv.Itoa(int(e.Num)), t, describe(e), false)
	if !b.elements.record {
		c.unfolds[n.v] = b.elements
	}
	return n
}

// elementMember is a member, as text, of an element that doc stands for; nil where it stands for none.
func (c *compiler) elementMember(doc *node, path []string) *node {
	for doc.op == opCall && doc.fn.path != nil {
		path, doc = slices.Concat(doc.fn.path, path), doc.args[0]
	}
	if doc.op != opVar || c.unfolds[doc.v] == nil {
		return nil
	}
	return c.memberOf(c.unfolds[doc.v], path)
}

// memberOf is a variable that is the member at a path of one of the elements.
func (c *compiler) memberOf(x *elements, path []string) *node {
	at := slices.Index(x.members, strings.Join(path, "\x00"))
	if at >= 0 {
		return c.columnOf(x.row, int16(at+1), "element", textType)
	}
	x.members = append(x.members, strings.Join(path, "\x00"))
	elem := c.columnOf(x.row, int16(len(x.members)), "element", textType)
	of := textType
	fn := &function{name: "members", strict: true, extract: true, members: path, run: func(v []value) (value, outcome) { return membersOf(v[0], path) }}
	all := &node{op: opCall, fn: fn, args: []*node{x.doc}, stand: -1, t: sqlType{kind: kindArray, elem: &of}}
	sub := &c.p.subs[x.sub]
	sub.also = append(sub.also, &node{op: opQuant, cmp: cmpEQ, args: []*node{elem, all}, nulls: true, stand: -1})
	return elem
}

// membersOf are the members at a path of a JSON array's elements, as text; NULL of an element that has none.
func membersOf(doc value, path []string) (value, outcome) {
	read, _ := document(doc.s)
	list, ok := read.([]any)
	if !ok {
		return null, raised
	}
	out := value{k: kindArray, elems: make([]value, len(list))}
	for i, x := range list {
		elem, how := written(x, false)
		if how == done {
			out.elems[i], how = member(elem, path, true)
		}
		if how != done {
			return null, how
		}
	}
	return out, done
}

// listed are lists of elements with the members that are asked for: each value of them, and two that differ; of two members, every pair.
func (g *group) listed(values []memberValue) []memberValue {
	members := leafPaths(g.members)
	if len(members) > 2 || len(members) < len(g.members) && !allSame(g.members, members) {
		g.partial = true
	}
	out := []memberValue{{x: []any{}}, {x: []any{map[string]any{}}}}
	pairs := func(x, y any, fresh uint8) {
		out = append(out, memberValue{x: []any{x}, fresh: fresh}, memberValue{x: []any{x, y}, fresh: fresh})
	}
	first := members[0]
	for i, v := range values {
		next := values[(i+1)%len(values)]
		fresh := max(v.fresh, next.fresh)
		if len(members) == 1 {
			pairs(with(nil, first, v.x), with(nil, first, next.x), fresh)
			continue
		}
		for _, w := range values {
			pairs(with(with(nil, first, v.x), members[1], w.x), with(with(nil, first, next.x), members[1], w.x), max(fresh, w.fresh))
		}
	}
	return out
}

// allSame reports whether every path is one of some.
func allSame(paths, some [][]string) bool {
	return !slices.ContainsFunc(paths, func(p []string) bool {
		return !slices.ContainsFunc(some, func(q []string) bool { return slices.Equal(p, q) })
	})
}
