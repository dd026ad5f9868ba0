package expr

import (
	"fmt"
	"strconv"
	"strings"
)

// maxDepth bounds how deep a stored tree may nest. PostgreSQL's own stack limit (2 MB by default) ends well below it.
const maxDepth = 5000

// A SyntaxError says where text is not a pg_node_tree.
type SyntaxError struct {
	Offset int    // in bytes
	What   string // what was found or missing there
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("stored tree, byte %d: %s", e.Offset, e.What)
}

// parseNode reads pg_node_tree text (outfuncs.c of 14 to 18) into generic nodes. The form carries its own field names, so
// one reader serves every version; what a field means is decided later, by name. Hostile text gives an error.
func parseNode(text string) (*node, error) {
	p := &nodeParser{text: text}
	n, err := p.value(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(p.text) {
		return nil, p.errorf(p.pos, "text after the end")
	}
	return n, nil
}

// A nodeParser is a position in the text.
type nodeParser struct {
	text string
	pos  int
}

func (p *nodeParser) errorf(at int, format string, args ...any) error {
	return &SyntaxError{Offset: at, What: fmt.Sprintf(format, args...)}
}

func (p *nodeParser) space() {
	for p.pos < len(p.text) && isSpace(p.text[p.pos]) {
		p.pos++
	}
}

func isSpace(c byte) bool   { return c == ' ' || c == '\n' || c == '\t' }
func isBracket(c byte) bool { return c == '(' || c == ')' || c == '{' || c == '}' }

// token returns the next raw token, as pg_strtok cuts them; "" at the end.
func (p *nodeParser) token() (string, int) {
	p.space()
	start := p.pos
	if start == len(p.text) {
		return "", start
	}
	if isBracket(p.text[start]) {
		p.pos++
		return p.text[start:p.pos], start
	}
	for p.pos < len(p.text) && !isSpace(p.text[p.pos]) && !isBracket(p.text[p.pos]) {
		if p.text[p.pos] == '\\' && p.pos+1 < len(p.text) {
			p.pos++
		}
		p.pos++
	}
	return p.text[start:p.pos], start
}

// peek returns the next raw token without taking it.
func (p *nodeParser) peek() string {
	at := p.pos
	t, _ := p.token()
	p.pos = at
	return t
}

// value reads one value: a struct, a list, an atom, or a datum.
func (p *nodeParser) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, p.errorf(p.pos, "nested deeper than %d", maxDepth)
	}
	t, at := p.token()
	switch t {
	case "":
		return nil, p.errorf(at, "the text ends where a value is due")
	case "{":
		return p.structure(at, depth)
	case "(":
		return p.list(at, depth)
	case ")", "}":
		return nil, p.errorf(at, "%q where a value is due", t)
	case "<>":
		return &node{kind: nullNode, pos: at}, nil
	}
	return leaf(t, at), nil
}

// leaf reads an atom or a string from its raw token.
func leaf(t string, at int) *node {
	if t[0] == '"' {
		if len(t) >= 2 && strings.HasSuffix(t, `"`) {
			t = t[1 : len(t)-1]
		} else {
			t = t[1:]
		}
		return &node{kind: stringNode, pos: at, atom: unescape(t)}
	}
	return &node{kind: atomNode, pos: at, atom: unescape(t)}
}

// unescape takes the backslashes out of a token.
func unescape(t string) string {
	if strings.IndexByte(t, '\\') < 0 {
		return t
	}
	var b strings.Builder
	for i := 0; i < len(t); i++ {
		if t[i] == '\\' && i+1 < len(t) {
			i++
		}
		b.WriteByte(t[i])
	}
	return b.String()
}

// structure reads what follows {.
func (p *nodeParser) structure(at, depth int) (*node, error) {
	tag, tagAt := p.token()
	if tag == "" || isBracket(tag[0]) {
		return nil, p.errorf(tagAt, "a node without a tag")
	}
	n := &node{kind: structNode, pos: at, tag: unescape(tag)}
	for {
		t, fieldAt := p.token()
		switch {
		case t == "}":
			return n, nil
		case t == "":
			return nil, p.errorf(fieldAt, "the text ends inside %s", n.tag)
		case t[0] != ':':
			return nil, p.errorf(fieldAt, "%q where a field of %s is due", clip(t), n.tag)
		}
		v, err := p.field(depth)
		if err != nil {
			return nil, err
		}
		n.fields = append(n.fields, nodeField{name: t[1:], value: v})
	}
}

// field reads a field's value, with a datum's bytes where they follow. A value is read whatever it looks like: a name may
// begin with a colon.
func (p *nodeParser) field(depth int) (*node, error) {
	v, err := p.value(depth + 1)
	if err != nil || v.kind != atomNode || p.peek() != "[" {
		return v, err
	}
	p.token()
	v.bytes = []byte{}
	for {
		t, at := p.token()
		if t == "]" {
			return v, nil
		}
		b, err := strconv.ParseInt(t, 10, 16)
		if err != nil || b < -128 || b > 255 {
			return nil, p.errorf(at, "%q is not a byte", clip(t))
		}
		v.bytes = append(v.bytes, byte(b))
	}
}

// list reads what follows (.
func (p *nodeParser) list(at, depth int) (*node, error) {
	n := &node{kind: listNode, pos: at}
	switch t := p.peek(); t {
	case "i", "o", "x", "b":
		n.tag = t
		p.token()
	}
	for {
		switch p.peek() {
		case ")":
			p.token()
			return n, nil
		case "":
			return nil, p.errorf(p.pos, "the text ends inside a list")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, v)
	}
}

// clip shortens what an error quotes.
func clip(t string) string {
	if len(t) > 20 {
		return t[:20] + "…"
	}
	return t
}
