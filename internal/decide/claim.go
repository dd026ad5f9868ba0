package decide

import (
	"slices"
	"strings"

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
	for _, n := range k.own {
		if r := e.eval(n); r.st == wanting {
			return r
		} else if r.st == known && r.v.isTrue() {
			return is(trueV)
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
	for _, c := range k.contexts {
		if c.names(e.val[c.v], key.v) {
			return is(trueV)
		}
	}
	for _, l := range k.lists {
		r := e.eval(l)
		switch {
		case r.st == wanting:
			return r
		case r.st == known && !r.v.null && holdsTenant(r.v, key.v):
			return is(trueV)
		}
	}
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
			if r.st == known && sameTenant(key.v, r.v) {
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
	if v.k != kindArray {
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
	m, how := member(value{k: kindJSON, s: v.s}, c.path, true)
	if how != done || m.null {
		return false
	}
	if strings.HasPrefix(m.s, "[") {
		elems, ok := elementsOf(value{k: kindJSON, s: m.s})
		return ok && slices.ContainsFunc(elems, func(e value) bool { return !e.null && sameTenant(key, e) })
	}
	return sameTenant(key, m)
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
	there := &node{op: opVar, v: present, stand: -1, t: boolType}
	k.asserts = append(k.asserts, operation(opOr, operation(opNot, there), conjunction(conds...)))
	k.links = append(k.links, pairs)
	return r
}

// findContexts fills in which variables of the program name the tenant.
func (c *compiler) findContexts(k *claim) {
	named := false
	for _, x := range c.m.Contexts {
		if x.Principal {
			continue
		}
		switch x.Kind {
		case "setting", "claim":
			named = true
			if i, ok := c.p.byKey["setting/"+settingName(x.Name)]; ok {
				ctx := tenantContext{v: i}
				if x.Kind == "claim" {
					ctx.path = append([]string{}, x.Path...)
				}
				k.contexts = append(k.contexts, ctx)
			}
		}
	}
	for i := range c.p.vars {
		if c.p.vars[i].class == classSession {
			k.contexts = append(k.contexts, tenantContext{v: i})
		}
	}
	if !named {
		c.guessContexts(k)
	}
	if len(k.contexts) == 0 {
		for _, x := range c.m.Contexts {
			if x.Kind == "setting" && !x.Principal {
				k.contexts = append(k.contexts, tenantContext{v: c.settingVariable(x.Name)})
				break
			}
		}
	}
}

// findOwn fills in which comparisons tell the session's own row in a table where its tenants are looked up: a membership says
// itself whose it is. It is so of rows that are there, and only while nothing but such look-ups names the tenant.
func (c *compiler) findOwn(k *claim, t *tenancy.Table) {
	if len(t.Principals) == 0 || len(t.Key) == 0 || slices.ContainsFunc(c.m.Contexts, func(x tenancy.Context) bool {
		return !x.Principal && (x.Kind == "setting" || x.Kind == "claim")
	}) {
		return
	}
	walkNodes(c.p.root, func(n *node) {
		if n.op != opCompare || n.cmp != cmpEQ || n.not || len(n.args) != 2 {
			return
		}
		for i, a := range n.args {
			for a.op == opConvert && len(a.args) == 1 {
				a = a.args[0]
			}
			if a.op != opVar || c.p.vars[a.v].class != classColumn || c.p.vars[a.v].row != 0 || !slices.Contains(t.Principals, c.p.vars[a.v].name) {
				continue
			}
			if c.sessionOnly(n.args[1-i]) {
				k.own = append(k.own, n)
			}
		}
	})
}

// sessionOnly reports whether a node is made of the session alone: of no row, and of no constant alone.
func (c *compiler) sessionOnly(n *node) bool {
	ok, reads := true, false
	walkNodes(n, func(x *node) {
		switch x.op {
		case opExists, opScalar, opPresent, opArray:
			ok = false
		case opVar:
			ok = ok && c.p.vars[x.v].class != classColumn
			reads = true
		case opSetting:
			reads = true
		}
	})
	return ok && reads
}

// guessContexts takes the settings that the key is compared with, where the model names none.
func (c *compiler) guessContexts(k *claim) {
	walkNodes(c.p.root, func(n *node) {
		if n.op != opCompare && n.op != opQuant || n.cmp != cmpEQ {
			return
		}
		vars := c.p.valuesOf(n)
		if !slices.ContainsFunc(vars, func(v int) bool { return slices.Contains(k.keys, v) }) {
			return
		}
		for _, v := range vars {
			if c.p.vars[v].class == classSetting && !slices.ContainsFunc(k.contexts, func(x tenantContext) bool { return x.v == v }) {
				k.contexts = append(k.contexts, tenantContext{v: v})
			}
		}
	})
}

// findLists fills in what of the context holds tenants in another form: the other side of an equality with the key, where
// it reads the tenant's setting as a list or takes a part of it.
func (c *compiler) findLists(k *claim) {
	visit := func(n *node) {
		if (n.op != opCompare && n.op != opQuant || n.cmp != cmpEQ || n.not) && n.op != opDistinct || len(n.args) != 2 {
			return
		}
		for i := range 2 {
			if !c.touches(n.args[i], k.keys) || !c.structuredContext(n.args[1-i], k) {
				continue
			}
			k.lists = append(k.lists, uncut(n.args[1-i]))
		}
	}
	walkNodes(c.p.root, visit)
	for i := range c.p.subs {
		walkNodes(c.p.subs[i].where, visit)
		walkNodes(c.p.subs[i].where, func(n *node) { // an element of the context's list is compared with the key
			if n.op == opQuant && n.cmp == cmpEQ && !n.not && c.structuredContext(n.args[1], k) && c.derived(n.args[0]) {
				k.lists = append(k.lists, uncut(n.args[1]))
			}
		})
	}
}

// uncut is a node without the limits of length in its conversions: what the context names is named in full.
func uncut(n *node) *node {
	out := *n
	out.args = make([]*node, len(n.args))
	for i, a := range n.args {
		out.args[i] = uncut(a)
	}
	if out.op == opConvert {
		out.to.length, out.stand = 0, -1
		if out.to.elem != nil {
			elem := *out.to.elem
			elem.length = 0
			out.to.elem = &elem
		}
	}
	return &out
}

func (c *compiler) derived(n *node) bool {
	return n.op == opVar && c.p.vars[n.v].class == classColumn && c.p.rows[c.p.vars[n.v].row].rel == nil
}

func (c *compiler) touches(n *node, vars []int) bool {
	hit := false
	walkNodes(n, func(x *node) { hit = hit || x.op == opVar && slices.Contains(vars, x.v) })
	return hit
}

// structuredContext reports whether a node is made of the tenant's settings alone, and reads them as a list or in part.
func (c *compiler) structuredContext(n *node, k *claim) bool {
	ok, reads, structure, extract, blank := true, false, n.t.kind == kindArray, false, false
	walkNodes(n, func(x *node) {
		switch x.op {
		case opSetting:
			reads = true
			ok = ok && slices.ContainsFunc(k.contexts, func(t tenantContext) bool { return t.v == x.v })
		case opVar, opExists, opScalar, opPresent, opArray:
			ok = false
		case opCall:
			extract = extract || x.fn.extract
			structure = structure || x.fn.extract || x.fn.path != nil && c.plainContext(x, k)
			ok = ok && (x.fn.extract || x.fn.path != nil || x.fn.name == "string_to_array" || x.fn.name == "array_remove" || len(x.args) == 0)
		case opConvert:
			structure = structure || x.t.kind == kindArray
		case opCoalesce, opCase, opTry:
			ok = ok && !hasConstants(x, false)
			blank = blank || hasConstants(x, true)
		}
	})
	return ok && reads && structure && !(extract && blank) // a part of what stands for "unset" is no tenant
}

// plainContext reports whether a document's member is read from a setting that the model lists without a path.
func (c *compiler) plainContext(x *node, k *claim) bool {
	vars := c.p.valuesOf(x)
	return slices.ContainsFunc(k.contexts, func(t tenantContext) bool { return t.path == nil && slices.Contains(vars, t.v) })
}

// hasConstants reports whether a constant stands in for what is missing: the empty string, or any other.
func hasConstants(n *node, empty bool) bool {
	return slices.ContainsFunc(n.args, func(a *node) bool { return a.op == opConst && !a.val.null && (a.val.s == "") == empty })
}

// findMembers fills in, for each sub-query, which columns of its tied rows name a tenant.
func (c *compiler) findMembers(k *claim) {
	k.members = make([][]int, len(c.p.subs))
	for n := range c.p.subs {
		for r := range c.p.subs[n].bound {
			rel := c.p.rows[r].rel
			if rel == nil {
				continue
			}
			for i := range c.p.vars {
				v := &c.p.vars[i]
				if v.class == classColumn && v.row == r && c.namesTenant(rel, v, k) {
					k.members[n] = append(k.members[n], i)
				}
			}
		}
	}
}

// memberKeys are the tenant keys, as far as the predicate reads them, of the rows that sub-queries tie to the context.
func (c *compiler) memberKeys() []int {
	var out []int
	for i := range c.p.vars {
		v := &c.p.vars[i]
		if v.class != classColumn || v.row < 0 || c.p.rows[v.row].rel == nil {
			continue
		}
		tied := slices.ContainsFunc(c.p.subs, func(s subquery) bool { return s.bound[v.row] })
		if t := c.m.Table(c.p.rows[v.row].rel.Identity()); tied && t != nil && slices.Contains(t.Key, v.name) {
			out = append(out, i)
		}
	}
	return out
}

// namesTenant reports whether a column of a relation names a tenant: it is the relation's key, or, where the model knows
// none, of the key's type and compared with it.
func (c *compiler) namesTenant(rel *catalog.Relation, v *variable, k *claim) bool {
	if t := c.m.Table(rel.Identity()); t != nil && len(t.Key) > 0 {
		return slices.Contains(t.Key, v.name)
	}
	return slices.ContainsFunc(k.keys, func(i int) bool { return c.p.vars[i].group == v.group && c.p.vars[i].t.kind == v.t.kind })
}
