package decide

import (
	"encoding/json"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A claim is what must be shown of a row: that it belongs to the context's tenant, or to one of its principal's.
type claim struct {
	p        *program
	keys     []int // the key's columns, of the row itself or of the parent it reaches its tenant through
	parents  []int // the rows on the way to that parent
	contexts []tenantContext
	own      []*node  // comparisons that are true of the session's own rows in the table it looks its tenants up in
	lists    []*node  // values of the context that hold tenants: a list, an extract
	cousins  []cousin // rows that stand where the parent stands, where many may
	members  [][]int  // for each sub-query, the columns of its tied rows that name a tenant
	asserts  []*node  // what is true of the parents' rows
	links    [][]link // for each of parents, the columns that lead to it
	shared   []string
	isNull   bool // NULL marks shared rows
}

// A link is one pair of columns of a child's reference to its parent.
type link struct {
	child    int // its row
	from, to int16
}

// A tenantContext is a variable that names the tenant: as it is, or at a path of its document.
type tenantContext struct {
	v    int
	path []string
}

// belongs evaluates whether the row belongs.
func (k *claim) belongs(e *env) result {
	if k.belongsToCousin(e) {
		return is(trueV)
	}
	for _, n := range k.own {
		if r := e.eval(n); r.st == wanting {
			return r
		} else if r.st == known && r.v.isTrue() {
			return is(trueV)
		}
	}
	if k.allMembers(e) {
		return is(trueV) // whatever the contexts are
	}
	for _, r := range k.parents {
		at := e.get(k.p.rows[r].present)
		if at.st != known {
			return at
		}
		if at.v.isFalse() {
			return is(falseV)
		}
	}
	for _, c := range k.contexts {
		if r := e.get(c.v); r.st != known {
			return r
		}
	}
	for _, i := range k.keys {
		r := k.keyBelongs(e, i)
		if r.st != known || !r.v.isTrue() {
			return r
		}
	}
	return is(trueV)
}

func (k *claim) keyBelongs(e *env, i int) result {
	key := e.get(i)
	if key.st != known {
		return key
	}
	if key.v.null {
		return is(boolean(k.isNull))
	}
	if slices.Contains(k.shared, key.v.s) {
		return is(trueV)
	}
	tenants := []value{key.v}
	if key.v.k == kindArray {
		tenants = key.v.elems // a row of several tenants is each one's
	}
	for _, c := range k.contexts {
		if slices.ContainsFunc(tenants, func(t value) bool { return c.names(e.val[c.v], t) }) {
			return is(trueV)
		}
	}
	for _, l := range k.lists {
		r := e.eval(l)
		switch {
		case r.st == wanting:
			return r
		case r.st == known && !r.v.null && slices.ContainsFunc(tenants, func(t value) bool { return holdsTenant(r.v, t) }):
			return is(trueV)
		}
	}
	for _, t := range tenants {
		if r := k.memberBelongs(e, t); r.st != known || r.v.isTrue() {
			return r
		}
	}
	return is(falseV)
}

// allMembers reports whether it is known already that the session's person is a member of the tenant of each key.
func (k *claim) allMembers(e *env) bool {
	return len(k.keys) > 0 && len(k.parents) == 0 && !slices.ContainsFunc(k.keys, func(i int) bool {
		if !e.set[i] || e.val[i].null {
			return true
		}
		r := k.memberBelongs(e, e.val[i])
		return r.st != known || !r.v.isTrue()
	})
}

// memberBelongs evaluates whether a row that a sub-query ties to the session names the tenant of a key.
func (k *claim) memberBelongs(e *env, key value) result {
	for n, cols := range k.members {
		sub := &k.p.subs[n]
		if !e.set[sub.found] || !e.val[sub.found].isTrue() {
			continue
		}
		if r := sub.principal(e); r.st != known {
			return r
		} else if !r.v.isTrue() {
			continue
		}
		for _, c := range cols {
			r := e.get(c)
			if r.st == wanting {
				return r
			}
			if r.st == known && sameTenant(key, r.v) {
				return is(trueV)
			}
		}
	}
	return is(falseV)
}

// principal reports whether there is somebody whose rows a sub-query finds: one of the settings that tie them is set.
func (s *subquery) principal(e *env) result {
	for _, v := range s.ties {
		if r := e.get(v); r.st != known {
			return r
		} else if !r.v.null {
			return is(trueV)
		}
	}
	return is(boolean(len(s.ties) == 0))
}

func holdsTenant(v, key value) bool {
	switch v.k {
	case kindJSON:
		return documentNames(v, key)
	case kindArray:
	default:
		return sameTenant(key, v)
	}
	return slices.ContainsFunc(v.elems, func(e value) bool { return !e.null && sameTenant(key, e) })
}

// names reports whether a context's value names the tenant of a key.
func (c tenantContext) names(v, key value) bool {
	if v.null {
		return false
	}
	if c.path == nil {
		return sameTenant(key, v)
	}
	m, how := member(value{k: kindJSON, s: v.s}, c.path, false)
	return how == done && !m.null && documentNames(m, key)
}

// documentNames reports whether a document is a tenant's name, a list of names, or an object by names.
func documentNames(doc, key value) bool {
	x, ok := document(doc.s)
	if !ok {
		return false
	}
	named := func(x any) bool {
		v, err := json.Marshal(x)
		s, isText := x.(string)
		switch {
		case isText:
			return sameTenant(key, text(s))
		case x == nil || err != nil:
			return false
		}
		return sameTenant(key, text(string(v)))
	}
	switch x := x.(type) {
	case []any:
		return slices.ContainsFunc(x, named)
	case map[string]any:
		for name := range x {
			if sameTenant(key, text(name)) {
				return true
			}
		}
	}
	return named(x)
}

// claimOf says what is claimed of row 0 of c's program, a row of t; false where t has no key to claim it by.
func (c *compiler) claimOf(t *tenancy.Table) (*claim, bool) {
	k := &claim{p: c.p}
	at, r := t, 0
	for hops := 0; len(at.Key) == 0; hops++ {
		l := at.Parent
		if l == nil || l.Table == nil || hops > maxHops {
			return nil, false
		}
		r = c.parentRow(k, r, l)
		at = l.Table
	}
	for _, name := range at.Key {
		col := at.Relation.ColumnByName(name)
		if col == nil {
			return nil, false
		}
		n := c.columnOf(r, col.Num, col.Name, sqlType{})
		k.keys = append(k.keys, n.v)
	}
	return k, len(k.keys) > 0
}

// parentRow adds the row that a child's link leads to: there is at most one, and it may be missing.
func (c *compiler) parentRow(k *claim, child int, l *tenancy.Link) int {
	present := c.presence()
	r := len(c.p.rows)
	c.p.rows = append(c.p.rows, row{rel: l.Table.Relation, found: -1, present: present, source: "parent", sub: -1})
	k.parents = append(k.parents, r)
	if c.p.uniqueOf(l.Table.Relation) {
		c.p.addUnique(l.Table.Relation)
	}
	var conds []*node
	var pairs []link
	for i, name := range l.Columns {
		if i >= len(l.Refs) {
			break
		}
		a, b := c.p.rows[child].rel.ColumnByName(name), l.Table.Relation.ColumnByName(l.Refs[i])
		if a == nil || b == nil {
			continue
		}
		pairs = append(pairs, link{child: child, from: a.Num, to: b.Num})
		conds = append(conds, compare(cmpEQ, c.columnOf(child, a.Num, a.Name, sqlType{}), c.columnOf(r, b.Num, b.Name, sqlType{})))
	}
	if alwaysThere(c.p.rows[child].rel, l) {
		c.p.vars[present].fixed = []value{trueV}
	}
	there := &node{op: opVar, v: present, stand: -1, t: boolType}
	k.asserts = append(k.asserts, operation(opOr, operation(opNot, there), conjunction(conds...)))
	k.links = append(k.links, pairs)
	return r
}

// alwaysThere reports whether a foreign key sees to it that a row has the parent that a link leads to.
func alwaysThere(rel *catalog.Relation, l *tenancy.Link) bool {
	for _, name := range l.Columns {
		if col := rel.ColumnByName(name); col == nil || !col.NotNull {
			return false
		}
	}
	return slices.ContainsFunc(rel.Constraints, func(k catalog.Constraint) bool {
		return k.Kind == "foreign" && k.Validated && !k.NotEnforced && !k.Deferrable && k.RefTable == l.Table.Relation.Identity() &&
			slices.Equal(k.Columns, l.Columns) && slices.Equal(k.RefColumns, l.Refs)
	})
}
