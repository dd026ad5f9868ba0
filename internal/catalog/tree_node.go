package catalog

import "strings"

// A treeNode is one element of a stored tree: {TAG :field value …}, a list, or a word. It carries no meaning; package expr
// gives that. Here it serves only to write a tree without what differs between two databases of the same definition.
type treeNode struct {
	tag    string // of {TAG …}
	list   bool   // (…)
	word   string // anything else, as it stands
	fields []treeField
	items  []*treeNode
}

type treeField struct {
	name  string
	value []*treeNode // more than one for a datum: 4 [ 1 0 0 0 ]
}

func (n *treeNode) field(name string) *treeNode {
	for i := range n.fields {
		if n.fields[i].name == name && len(n.fields[i].value) > 0 {
			return n.fields[i].value[0]
		}
	}
	return &treeNode{}
}

// A treeParser reads a tree's text. Text that is no tree reads as words, so that two different texts stay different.
type treeParser struct {
	text string
	pos  int
}

// maxTreeDepth limits recursion: a hostile file cannot exhaust the stack. Deeper nodes stay text.
const maxTreeDepth = 2000

func parseTree(text string) *treeNode {
	p := &treeParser{text: text}
	root := &treeNode{list: true}
	for p.space(); p.pos < len(p.text); p.space() {
		root.items = append(root.items, p.node(0))
	}
	if len(root.items) == 1 {
		return root.items[0]
	}
	return root
}

func (p *treeParser) space() {
	for p.pos < len(p.text) && isTreeSpace(p.text[p.pos]) {
		p.pos++
	}
}

func isTreeSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' }

func (p *treeParser) node(depth int) *treeNode {
	if depth > maxTreeDepth {
		n := &treeNode{word: p.text[p.pos:]}
		p.pos = len(p.text)
		return n
	}
	switch p.text[p.pos] {
	case '{':
		p.pos++
		return p.structure(depth)
	case '(':
		p.pos++
		n := &treeNode{list: true}
		for p.space(); p.pos < len(p.text) && p.text[p.pos] != ')'; p.space() {
			n.items = append(n.items, p.node(depth+1))
		}
		p.pos++
		return n
	}
	return &treeNode{word: p.token()}
}

// structure reads the rest of {TAG :name value :name value}.
func (p *treeParser) structure(depth int) *treeNode {
	n := &treeNode{tag: p.token()}
	for p.space(); p.pos < len(p.text) && p.text[p.pos] != '}'; p.space() {
		if p.text[p.pos] != ':' {
			value := p.node(depth + 1)
			if last := len(n.fields) - 1; last >= 0 {
				n.fields[last].value = append(n.fields[last].value, value)
			}
			continue
		}
		p.pos++
		n.fields = append(n.fields, treeField{name: p.token()})
	}
	p.pos++
	return n
}

// token reads a word; a backslash takes the next character along, and quotes hold until the next one.
func (p *treeParser) token() string {
	start := p.pos
	quoted := p.pos < len(p.text) && p.text[p.pos] == '"'
	for i := p.pos; i < len(p.text); i++ {
		c := p.text[i]
		switch {
		case c == '\\':
			i++
		case quoted && c == '"' && i > start:
			p.pos = i + 1
			return p.text[start:p.pos]
		case !quoted && (isTreeSpace(c) || strings.IndexByte("(){}", c) >= 0):
			p.pos = max(i, start+1)
			return p.text[start:p.pos]
		}
	}
	p.pos = len(p.text)
	return p.text[start:]
}
