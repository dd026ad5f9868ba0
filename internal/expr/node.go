package expr

import "strconv"

// nodeKind says what a node of the generic tree is.
type nodeKind uint8

const (
	nullNode   nodeKind = iota // <>
	atomNode                   // a number, a word, a boolean, a char* field
	stringNode                 // "…", a String node or the empty string
	structNode                 // {TAG :field value …}
	listNode                   // (…), also of integers, OIDs, and bitmapsets
)

// A node is one element of pg_node_tree text, before it means anything. It is immutable once read.
type node struct {
	kind   nodeKind
	pos    int    // byte offset in the text
	tag    string // of a struct; of a list its marker: i, o, x, b or nothing
	atom   string // of an atom or string, escapes removed
	fields []nodeField
	items  []*node
	bytes  []byte // of a datum: atom is its length
}

// A nodeField is one :name value of a struct.
type nodeField struct {
	name  string
	value *node
}

// none stands for every field that is not there, so that reading one needs no check.
var none = &node{kind: nullNode}

// get returns the field of that name, or none.
func (n *node) get(name string) *node {
	for i := range n.fields {
		if n.fields[i].name == name {
			return n.fields[i].value
		}
	}
	return none
}

// has reports whether the struct has a field of that name.
func (n *node) has(name string) bool {
	for i := range n.fields {
		if n.fields[i].name == name {
			return true
		}
	}
	return false
}

// null reports whether the node is <>.
func (n *node) null() bool { return n.kind == nullNode }

// int returns an atom as an integer, 0 for anything else.
func (n *node) int() int {
	v, err := strconv.ParseInt(n.atom, 10, 64)
	if err != nil {
		return 0
	}
	return int(v)
}

// oid returns an atom as an OID, 0 for anything else.
func (n *node) oid() uint32 {
	v, err := strconv.ParseUint(n.atom, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(v)
}

// bool reports whether an atom is true.
func (n *node) bool() bool { return n.atom == "true" }

// text returns an atom or string; "" for anything else.
func (n *node) text() string { return n.atom }

// strings returns the items of a list of strings.
func (n *node) strings() []string {
	if len(n.items) == 0 {
		return nil
	}
	out := make([]string, len(n.items))
	for i, item := range n.items {
		out[i] = item.atom
	}
	return out
}

// oids returns the items of a list of OIDs.
func (n *node) oids() []uint32 {
	if len(n.items) == 0 {
		return nil
	}
	out := make([]uint32, len(n.items))
	for i, item := range n.items {
		out[i] = item.oid()
	}
	return out
}
