package decide

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// consistent reports whether the rows can stand in one database: no unique key twice, no foreign key into nothing.
func (s *search) consistent() bool {
	rows := s.k.p.rows
	for i := range rows {
		for j := i + 1; j < len(rows); j++ {
			if rows[i].rel != nil && rows[i].rel == rows[j].rel && s.exists(i) && s.exists(j) && !s.distinct(i, j) {
				return false
			}
		}
	}
	for i := range rows {
		if rows[i].rel != nil && s.exists(i) && !s.foreignKeysHold(i) {
			return false
		}
	}
	return s.orphansHold()
}

// sameColumns lists the variables that consistent compares: a column in several rows of one relation, and the columns of foreign keys.
func (p *program) sameColumns() [][]int {
	type column struct {
		rel *catalog.Relation
		num int16
	}
	byColumn := map[column][]int{}
	var order []column
	for i := range p.vars {
		v := &p.vars[i]
		if v.class != classColumn || v.row < 0 || p.rows[v.row].rel == nil {
			continue
		}
		at := column{p.rows[v.row].rel, v.num}
		if byColumn[at] == nil {
			order = append(order, at)
		}
		byColumn[at] = append(byColumn[at], i)
	}
	var out [][]int
	for _, at := range order {
		out = append(out, byColumn[at])
		for i := range at.rel.Constraints {
			k := &at.rel.Constraints[i]
			if k.Kind != "foreign" || !k.Validated || len(k.Columns) < 2 {
				continue
			}
			for to, vars := range byColumn {
				if to.rel.Identity() == k.RefTable && refersBy(k, at.rel.Column(at.num), to.rel.Column(to.num)) {
					out = append(out, []int{byColumn[at][0], vars[0]})
				}
			}
		}
	}
	return out
}

// refersBy reports whether a foreign key pairs two columns.
func refersBy(k *catalog.Constraint, from, to *catalog.Column) bool {
	if from == nil || to == nil {
		return false
	}
	i := slices.Index(k.Columns, from.Name)
	return i >= 0 && i < len(k.RefColumns) && k.RefColumns[i] == to.Name
}

// ordersAgree reports whether what was chosen of comparisons by order can be: of two values that differ, one is the lesser in all of them.
func (s *search) ordersAgree() bool {
	less := map[[2]string]bool{}
	for _, n := range s.k.p.orders {
		if !s.env.set[n.stand] {
			continue
		}
		a, b := s.env.eval(n.args[0]), s.env.eval(n.args[1])
		if a.st != known || b.st != known || a.v.null || b.v.null || a.v.k != b.v.k || equal(a.v, b.v) {
			continue
		}
		first := s.env.val[n.stand].isTrue() == (n.cmp == cmpLT || n.cmp == cmpLE)
		x, y := a.v.s, b.v.s
		if x > y {
			x, y, first = y, x, !first
		}
		if was, ok := less[[2]string{x, y}]; ok && was != first {
			return false
		}
		less[[2]string{x, y}] = first
	}
	return true
}

// functionsAgree reports whether what was chosen of functions and conversions that a proof does not run can be: of the same arguments
// they give the same.
func (s *search) functionsAgree() bool {
	for i, a := range s.k.p.stands {
		for _, b := range s.k.p.stands[:i] {
			if alikeCalls(a, b) && s.env.set[a.stand] && s.env.set[b.stand] && s.sameArgs(a, b) && !same(s.env.val[a.stand], s.env.val[b.stand]) {
				return false
			}
		}
	}
	return true
}

// alikeCalls reports whether two nodes run one function, or convert to one type.
func alikeCalls(a, b *node) bool {
	switch {
	case a.op != b.op || a.stand == b.stand || len(a.args) != len(b.args):
		return false
	case a.op == opCall:
		return a.fn.name == b.fn.name && a.fn.run != nil && !a.fn.clock && a.fn.name != unknownFunction.name && a.fn.path == nil && b.fn.path == nil
	}
	return a.op == opConvert && a.to.oid == b.to.oid && a.to.length == b.to.length && a.to.kind == b.to.kind && a.to.elem == nil
}

// sameArgs reports whether two nodes have the same arguments to the letter.
func (s *search) sameArgs(a, b *node) bool {
	for i := range a.args {
		x, y := s.env.eval(a.args[i]), s.env.eval(b.args[i])
		if x.st != known || y.st != known || x.v.null || y.v.null || x.v.k != y.v.k || x.v.s != y.v.s || x.v.elems != nil || y.v.elems != nil {
			return false
		}
	}
	return len(a.args) > 0
}

// column returns what a row's column holds, where that is decided and not NULL.
func (s *search) column(r int, num int16) (value, bool) {
	for i := range s.env.vars {
		v := &s.env.vars[i]
		if v.class == classColumn && v.row == r && v.num == num && s.env.set[i] {
			return s.env.val[i], !s.env.val[i].null
		}
	}
	return null, false
}

// distinct reports whether two rows of one relation differ as its unique keys ask: where a key is alike, they are one row,
// and all columns are alike.
func (s *search) distinct(a, b int) bool { return !s.alike(a, b) || s.oneRow(a, b) }

// alike reports whether two rows of one relation have a unique key in common.
func (s *search) alike(a, b int) bool {
	return slices.ContainsFunc(s.k.p.unique, func(u uniqueKey) bool {
		return u.rel == s.k.p.rows[a].rel && !slices.ContainsFunc(u.nums, func(num int16) bool {
			x, okX := s.column(a, num)
			y, okY := s.column(b, num)
			return !okX || !okY || !equal(x, y)
		})
	})
}

// forced returns what a column must hold since its row is one with another, as a unique key says, that holds it.
func (s *search) forced(i int) (value, bool) {
	v := &s.k.p.vars[i]
	if v.class != classColumn || v.row < 0 || s.k.p.rows[v.row].rel == nil || !s.exists(v.row) {
		return null, false
	}
	for j := range s.env.vars {
		w := &s.env.vars[j]
		if w.class == classColumn && w.num == v.num && w.row != v.row && s.env.set[j] && s.k.p.rows[w.row].rel == s.k.p.rows[v.row].rel &&
			s.exists(w.row) && s.alike(v.row, w.row) {
			return s.env.val[j], true
		}
	}
	return null, false
}

func (s *search) oneRow(a, b int) bool {
	for i := range s.env.vars {
		v := &s.env.vars[i]
		if v.class != classColumn || v.row != a || !s.env.set[i] {
			continue
		}
		for j := range s.env.vars {
			w := &s.env.vars[j]
			if w.class == classColumn && w.row == b && w.num == v.num && s.env.set[j] && !same(s.env.val[i], s.env.val[j]) {
				return false
			}
		}
	}
	return true
}

// foreignKeysHold reports whether a row's foreign keys agree with the rows they refer to: where a unique key among the
// referenced columns is alike, all referenced columns are.
func (s *search) foreignKeysHold(r int) bool {
	rel := s.k.p.rows[r].rel
	for i := range rel.Constraints {
		k := &rel.Constraints[i]
		if k.Kind != "foreign" || !k.Validated || len(k.Columns) < 2 {
			continue
		}
		for q := range s.k.p.rows {
			to := s.k.p.rows[q].rel
			if to != nil && q != r && to.Identity() == k.RefTable && s.exists(q) && !s.referenceHolds(r, q, k) {
				return false
			}
		}
	}
	return true
}

func (s *search) referenceHolds(r, q int, k *catalog.Constraint) bool {
	from, to := s.k.p.rows[r].rel, s.k.p.rows[q].rel
	alike := map[int16]bool{}
	differ := false
	for i, name := range k.Columns {
		if i >= len(k.RefColumns) {
			return true
		}
		a, b := from.ColumnByName(name), to.ColumnByName(k.RefColumns[i])
		if a == nil || b == nil {
			return true
		}
		x, okX := s.column(r, a.Num)
		y, okY := s.column(q, b.Num)
		switch {
		case okX && okY && equal(x, y):
			alike[b.Num] = true
		case okX && okY:
			differ = true
		}
	}
	for _, u := range s.k.p.unique {
		if u.rel == to && differ && len(u.nums) > 0 && slices.IndexFunc(u.nums, func(n int16) bool { return !alike[n] }) < 0 {
			return false
		}
	}
	return true
}

// orphansHold reports whether a row without its parent is one: no row of the parent's relation is what it refers to.
func (s *search) orphansHold() bool {
	for _, r := range s.k.parents {
		p := s.k.p.rows[r]
		if !s.env.set[p.present] || s.env.val[p.present].isTrue() {
			continue
		}
		for q := range s.k.p.rows {
			if q != r && s.k.p.rows[q].rel == p.rel && s.exists(q) && s.linked(r, q) {
				return false
			}
		}
	}
	return true
}

// linked reports whether row q is what the link to the missing parent r refers to.
func (s *search) linked(r, q int) bool {
	for i, a := range s.k.links {
		if s.k.parents[i] != r {
			continue
		}
		for _, l := range a {
			x, okX := s.column(l.child, l.from)
			y, okY := s.column(q, l.to)
			if !okX || !okY || !equal(x, y) {
				return false
			}
		}
		return len(a) > 0
	}
	return false
}
