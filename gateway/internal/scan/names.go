package scan

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Path is a chain of watched names from the message's root, eight bits each. The root is 0.
type Path uint64

// Nowhere is the path of what stands under a name that is not watched there, in an array, or too deep.
const Nowhere Path = 1 << 63

const (
	maxNames   = 120
	maxSteps   = 7
	maxNameLen = 63
)

// Names are the watched names of a set of rules. Immutable once scanned with; safe for concurrent use.
type Names struct {
	all    []name
	shapes uint64 // of all names: what has another shape is none of them, and folds to none
}

type name struct {
	text     string
	skeleton string
	anywhere bool
	parents  []Path
}

// Anywhere watches a name in every object of a message, however deep, and returns its index.
func (n *Names) Anywhere(text string) (int, error) {
	i, err := n.add(text)
	if err == nil {
		n.all[i].anywhere = true
	}
	return i, err
}

// At watches a path of names from the root, "session.id" as dotted text, and returns what a Hit of it carries.
func (n *Names) At(dotted string) (Path, error) {
	steps := strings.Split(dotted, ".")
	if len(steps) > maxSteps {
		return 0, fmt.Errorf("path %q: more than %d steps", dotted, maxSteps)
	}
	at := Path(0)
	for _, step := range steps {
		i, err := n.add(step)
		if err != nil {
			return 0, fmt.Errorf("path %q: %w", dotted, err)
		}
		if !slices.Contains(n.all[i].parents, at) {
			n.all[i].parents = append(n.all[i].parents, at)
		}
		at = at.step(i)
	}
	return at, nil
}

// Text returns a watched name.
func (n *Names) Text(i int) string { return n.all[i].text }

func (p Path) step(i int) Path { return p<<8 | Path(i+1) }

func (n *Names) add(text string) (int, error) {
	if text == "" || len(text) > maxNameLen || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return 0, fmt.Errorf("%q cannot be watched: 1 to %d printable ASCII characters without quotes", text, maxNameLen)
	}
	if i := slices.IndexFunc(n.all, func(w name) bool { return w.text == text }); i >= 0 {
		return i, nil
	}
	if len(n.all) == maxNames {
		return 0, fmt.Errorf("more than %d watched names", maxNames)
	}
	n.all = append(n.all, name{text: text, skeleton: skeleton(text)})
	n.shapes |= shape(text)
	return len(n.all) - 1, nil
}

// find returns the watched name that key is in an object at path, or -1; folded reports that it is none, and folds to one.
func (n *Names) find(key []byte, path Path, ascii bool) (at int, folded bool) {
	if !ascii {
		return -1, n.foldsUnicode(key, path)
	}
	if !n.may(key) {
		return -1, false
	}
	for i := range n.all {
		w := &n.all[i]
		if len(w.text) != len(key) || !w.at(path) {
			continue
		}
		if w.text == string(key) {
			return i, false
		}
		folded = folded || equalFoldASCII(key, w.text)
	}
	return -1, folded
}

// shape is one bit that stands for a name's length and its first letter, whatever that letter's case.
func shape[T string | []byte](name T) uint64 {
	return 1 << ((uint(len(name)) + 7*uint(name[0]|0x20)) & 63)
}

// may reports whether an ASCII key can be a watched name, or fold to one.
func (n *Names) may(key []byte) bool {
	return len(key) > 0 && len(key) <= maxNameLen && n.shapes&shape(key) != 0
}

func (w *name) at(path Path) bool { return w.anywhere || slices.Contains(w.parents, path) }

func equalFoldASCII(key []byte, text string) bool {
	for i, c := range key {
		d := text[i]
		if c == d {
			continue
		}
		if c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

func (n *Names) foldsUnicode(key []byte, path Path) bool {
	if len(key) > 8*maxNameLen {
		return false
	}
	s := skeleton(string(key))
	return slices.ContainsFunc(n.all, func(w name) bool { return w.at(path) && w.skeleton == s })
}

// skeleton is what a name looks like to the most lenient reader: compatibility forms decomposed (a full-width letter is its
// plain one), combining marks and invisible characters dropped, letter case folded both ways, so that the long s, the Kelvin
// sign, the sharp s and the dotless i are what a reader that compares in upper or in lower case takes them for.
func skeleton(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(cases.Fold().String(norm.NFKD.String(s))) {
		if !unicode.In(r, unicode.Mn, unicode.Cf, unicode.Cc) {
			b.WriteRune(unicode.ToLower(unicode.ToUpper(r)))
		}
	}
	return b.String()
}

// isASCII reports whether no byte of a decoded key is above 127.
func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
