package decide

import "strings"

// treeFunctions are the operators of the extension ltree that ask whether one path lies below another, by their function's name.
var treeFunctions = map[string]function{
	"ltree_risparent": {name: "ltree_risparent", args: 2, strict: true, pattern: true, tree: true, run: func(v []value) (value, outcome) { return boolean(below(v[0].s, v[1].s)), done }},
	"ltree_isparent":  {name: "ltree_isparent", args: 2, strict: true, pattern: true, tree: true, run: func(v []value) (value, outcome) { return boolean(below(v[1].s, v[0].s)), done }},
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
