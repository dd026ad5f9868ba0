package decide

import "strings"

// treeFunctions are the operators of the extension ltree that ask whether one path lies below another, by their function's name.
var treeFunctions = map[string]function{
	"ltree_risparent": {name: "ltree_risparent", args: 2, strict: true, pattern: true, tree: true, run: func(v []value) (value, outcome) { return boolean(below(v[0].s, v[1].s)), done }},
	"ltree_isparent":  {name: "ltree_isparent", args: 2, strict: true, pattern: true, tree: true, run: func(v []value) (value, outcome) { return boolean(below(v[1].s, v[0].s)), done }},
}

// singleLabel is the question whether a path of one label, a number's text, lies below another path: it is that path, or that is empty. A uuid
// is no path before 16. Nil for all else.
func (c *compiler) singleLabel(name string, args []*node) *node {
	path, above := args[0], args[1]
	if name == "ltree_isparent" {
		path, above = above, path
	}
	if path.op != opConvert || !path.to.tree || path.args[0].op != opConvert || path.args[0].to.kind != kindText {
		return nil
	}
	from, held := path.args[0].args[0], &node{op: opRaise, stand: -1, t: boolType}
	switch {
	case from.t.kind == kindUUID && c.snap.Server.VersionNum < 160000:
	case from.t.kind == kindNum && from.t.bits > 0:
		held = operation(opOr, compare(cmpEQ, above, constant(emptyText)), compare(cmpEQ, path, above))
	default:
		return nil
	}
	out := operation(opCase, &node{op: opIsNull, args: []*node{from}, stand: -1}, compare(cmpEQ, above, constant(null)), held)
	out.t = boolType
	return out
}

// below reports whether a path is another one or begins with it, label by label.
func below(path, above string) bool {
	return above == "" || path == above || strings.HasPrefix(path, above+".")
}

// validTree reports whether a text is a path: labels of letters, digits, _ and -, parted by dots. (Before 16 a hyphen is none.)
func validTree(s string) (ok, known bool) {
	if s == "" {
		return true, true
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" {
			return false, true
		}
		for i := range len(label) {
			switch b := label[i]; {
			case b >= 0x80 || b == '-':
				return false, false
			case !isWord(label[i:i+1]) && b != '_':
				return false, true
			}
		}
	}
	return true, true
}
