package expr

import (
	"strconv"
	"strings"
)

// unknown reads a node that is not modelled: its sub-expressions stay visible, its own scalars go into the key.
func (b *builder) unknown(n *node) Expr {
	u := &Unknown{Tag: n.tag, TypeOID: unknownType(n)}
	var key strings.Builder
	b.gather(n, u, &key)
	u.Key = key.String()
	u.Stable = stableTag(n.tag)
	for _, a := range u.Args {
		u.Stable = u.Stable && stable(a)
	}
	return u
}

// stableTag reports whether a node that is not modelled gives the same value throughout a statement when its arguments do.
func stableTag(tag string) bool {
	switch tag {
	case "XMLEXPR", "JSONEXPR", "JSONCONSTRUCTOREXPR", "JSONISPREDICATE", "FIELDSTORE", "SUBSCRIPTINGREF", "COERCETODOMAINVALUE":
		return true
	}
	return false
}

// gather writes the node's own scalars, and takes what stands below it as arguments, in order.
func (b *builder) gather(n *node, u *Unknown, key *strings.Builder) {
	key.WriteString(n.tag)
	for _, f := range n.fields {
		if positional(f.name) || unset(f.value) {
			continue
		}
		key.WriteByte(' ')
		key.WriteString(f.name)
		key.WriteByte('=')
		b.gatherValue(f.name, f.value, u, key)
	}
}

// unset reports whether a field has its zero value. Those are left out of keys: a field that a later version added is zero
// where what it is for was not used.
func unset(v *node) bool {
	switch v.kind {
	case nullNode:
		return true
	case listNode:
		return len(v.items) == 0
	case structNode:
		return false
	}
	return v.atom == "0" || v.atom == "false" || v.atom == "-1"
}

func (b *builder) gatherValue(name string, v *node, u *Unknown, key *strings.Builder) {
	switch v.kind {
	case nullNode:
		key.WriteString("<>")
	case atomNode, stringNode:
		key.WriteString(b.r.scalarKey(name, v))
	case listNode:
		key.WriteByte('(')
		for i, item := range v.items {
			if i > 0 {
				key.WriteByte(' ')
			}
			b.gatherValue(name, item, u, key)
		}
		key.WriteByte(')')
	case structNode:
		if transparent(v.tag) {
			b.gather(v, u, key)
			return
		}
		if e := b.expr(v); e != nil {
			u.Args = append(u.Args, e)
		}
		key.WriteString("$" + strconv.Itoa(len(u.Args)))
	}
}

// transparent reports whether a node is only a part of the one around it.
func transparent(tag string) bool {
	switch tag {
	case "JSONRETURNING", "JSONFORMAT", "JSONBEHAVIOR", "TABLEFUNC", "ALIAS", "SORTGROUPCLAUSE":
		return true
	}
	return false
}

// positional reports whether a field says where something stood in the source, or how it is to be printed.
func positional(name string) bool {
	switch name {
	case "location", "stmt_location", "stmt_len", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end":
		return true
	}
	return strings.HasSuffix(name, "format") && name != "format"
}

// scalarKey writes a scalar of an unknown node; types and functions by identity where the name says that it is one.
func (r *Reader) scalarKey(name string, v *node) string {
	switch {
	case v.oid() > 9 && (name == "typid" || name == "typeId" || strings.HasSuffix(name, "type")): // below that it is an enum's value
		return r.typeName(v.oid())
	case name == "seqid":
		if rel := r.snap.RelationByOID(v.oid()); rel != nil {
			return rel.Identity()
		}
	}
	return strconv.Quote(v.atom)
}

// unknownType finds the result type of a node that is not modelled.
func unknownType(n *node) uint32 {
	for _, name := range [...]string{"type", "resulttype", "typeId", "refrestype", "typid"} {
		if t := n.get(name).oid(); t != 0 {
			return t
		}
	}
	if t := n.get("returning").get("typid").oid(); t != 0 {
		return t
	}
	switch n.tag {
	case "JSONISPREDICATE", "CURRENTOFEXPR":
		return boolOID
	case "GROUPINGFUNC":
		return 23
	case "MERGESUPPORTFUNC":
		return n.get("msftype").oid()
	}
	return 0
}
