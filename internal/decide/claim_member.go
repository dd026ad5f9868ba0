package decide

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// findOwn fills in which comparisons tell the session's own row: in a table where its tenants are looked up, a membership says itself
// whose it is; a person's own row, and a tenant that the person founds, are the person's. Of memberships it is so of rows that are there,
// not of those that are made, and of all only while nothing but such look-ups names the tenant.
func (c *compiler) findOwn(k *claim, t *tenancy.Table) {
	if len(t.Principals) == 0 || slices.ContainsFunc(c.m.Contexts, func(x tenancy.Context) bool {
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
