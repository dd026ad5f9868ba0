package decide

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A cousin is a row that a sub-query of the predicate finds and that stands in the same reference to the judged row as its
// parent does, at once or over rows between that sub-queries find too. Where many rows may stand there (a user's memberships), the
// row belongs to the tenant of each of them.
type cousin struct {
	subs  []int
	pairs [][2]int // variables that the references make equal: the nearer row's column, the farther one's
	keys  []int    // the cousin's tenant key
}

// findCousins fills in the cousins of row 0, a row of t, where t reaches its tenant by a reference that many rows may answer.
func (c *compiler) findCousins(k *claim, t *tenancy.Table) {
	many := false
	at := t
	for hops := 0; len(at.Key) == 0; hops++ {
		l := at.Parent
		if l == nil || l.Table == nil || hops > maxHops {
			return
		}
		many = many || !single(l.Table.Relation, l.Refs)
		at = l.Table
	}
	if many {
		c.cousinsFrom(k, cousin{}, 0, t, 0)
	}
}

// maxHops bounds how many references lead from a row to its tenant.
const maxHops = 8

// cousinsFrom follows t's reference from row r, a row of t, to the rows of sub-queries that stand there, and on to those that have the
// tenant key. Where the predicate does not read what a reference compares, the way ends.
func (c *compiler) cousinsFrom(k *claim, x cousin, r int, t *tenancy.Table, hops int) {
	l := t.Parent
	if l == nil || l.Table == nil || hops > maxHops {
		return
	}
	for n := range c.p.subs {
		for _, next := range c.p.subs[n].rows {
			if c.p.rows[next].rel != l.Table.Relation || next == r {
				continue
			}
			pairs, ok := c.referred(r, next, l)
			if !ok {
				continue
			}
			far := cousin{subs: append(slices.Clone(x.subs), n), pairs: append(slices.Clone(x.pairs), pairs...)}
			if len(l.Table.Key) == 0 {
				c.cousinsFrom(k, far, next, l.Table, hops+1)
			} else if far.keys, ok = c.readAll(next, l.Table.Key); ok {
				k.cousins = append(k.cousins, far)
			}
		}
	}
}

// referred returns the variables that a reference from one row to another compares; false where the predicate does not read them.
func (c *compiler) referred(child, parent int, l *tenancy.Link) ([][2]int, bool) {
	if len(l.Columns) == 0 || len(l.Columns) > len(l.Refs) {
		return nil, false
	}
	from, ok1 := c.readAll(child, l.Columns)
	to, ok2 := c.readAll(parent, l.Refs[:len(l.Columns)])
	if !ok1 || !ok2 {
		return nil, false
	}
	var out [][2]int
	for i := range from {
		out = append(out, [2]int{from[i], to[i]})
	}
	return out, true
}

// readAll returns the variables of a row's columns, where the predicate reads each of them.
func (c *compiler) readAll(r int, columns []string) ([]int, bool) {
	var out []int
	for _, name := range columns {
		i, ok := c.read(r, name)
		if !ok {
			return nil, false
		}
		out = append(out, i)
	}
	return out, true
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
		for _, n := range x.subs {
			if found := k.p.subs[n].found; !e.set[found] || !e.val[found].isTrue() {
				return false
			}
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
