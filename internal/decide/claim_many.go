package decide

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A cousin is a row that a sub-query of the predicate finds and that stands in the same reference to the judged row as its
// parent does. Where many rows may stand there (a user's memberships), the row belongs to the tenant of each of them.
type cousin struct {
	sub   int
	pairs [][2]int // variables that the reference makes equal: the judged row's column, the cousin's
	keys  []int    // the cousin's tenant key
}

// findCousins fills in the cousins of row 0, a row of t, where t reaches its tenant by a reference that many rows may answer.
func (c *compiler) findCousins(k *claim, t *tenancy.Table) {
	l := t.Parent
	if len(t.Key) > 0 || l == nil || l.Table == nil || len(l.Table.Key) == 0 || single(l.Table.Relation, l.Refs) {
		return
	}
	for n := range c.p.subs {
		for _, r := range c.p.subs[n].rows {
			if c.p.rows[r].rel != l.Table.Relation {
				continue
			}
			if x, ok := c.cousinAt(n, r, l); ok {
				k.cousins = append(k.cousins, x)
			}
		}
	}
}

// cousinAt looks up the variables of a cousin; false where the predicate does not read what the reference compares.
func (c *compiler) cousinAt(sub, r int, l *tenancy.Link) (cousin, bool) {
	x := cousin{sub: sub}
	for i, name := range l.Columns {
		if i >= len(l.Refs) {
			return x, false
		}
		child, ok1 := c.read(0, name)
		ref, ok2 := c.read(r, l.Refs[i])
		if !ok1 || !ok2 {
			return x, false
		}
		x.pairs = append(x.pairs, [2]int{child, ref})
	}
	for _, name := range l.Table.Key {
		key, ok := c.read(r, name)
		if !ok {
			return x, false
		}
		x.keys = append(x.keys, key)
	}
	return x, len(x.pairs) > 0
}

// read returns the variable of a row's column, where the predicate reads it.
func (c *compiler) read(r int, column string) (int, bool) {
	i := slices.IndexFunc(c.p.vars, func(v variable) bool { return v.class == classColumn && v.row == r && v.name == column })
	return i, i >= 0
}

// single reports whether at most one row has given values in the columns.
func single(r *catalog.Relation, columns []string) bool {
	return slices.ContainsFunc(r.Indexes, func(x catalog.Index) bool {
		return x.Unique && x.Valid && x.Predicate == nil && !slices.ContainsFunc(x.Keys, func(key catalog.IndexKey) bool {
			return key.Column == "" || !slices.Contains(columns, key.Column)
		})
	})
}

// belongsToCousin reports whether one of the cousins that were found is the context's tenant's.
func (k *claim) belongsToCousin(e *env) bool {
	return slices.ContainsFunc(k.cousins, func(x cousin) bool {
		found := k.p.subs[x.sub].found
		if !e.set[found] || !e.val[found].isTrue() {
			return false
		}
		for _, p := range x.pairs {
			if !e.set[p[0]] || !e.set[p[1]] || !refers(e.val[p[0]], e.val[p[1]]) {
				return false
			}
		}
		return !slices.ContainsFunc(x.keys, func(key int) bool { return !k.named(e, key) })
	})
}

// refers compares two columns of a reference, also where one is the text of the other.
func refers(a, b value) bool {
	return !a.null && !b.null && (a.k == b.k && equal(a, b) || a.k != b.k && a.s == b.s)
}

// named reports whether a context names the tenant of a key.
func (k *claim) named(e *env, key int) bool {
	return e.set[key] && !e.val[key].null && slices.ContainsFunc(k.contexts, func(c tenantContext) bool { return e.set[c.v] && c.names(e.val[c.v], e.val[key]) })
}
