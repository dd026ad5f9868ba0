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
func (s *search) distinct(a, b int) bool {
	for _, u := range s.k.p.unique {
		if u.rel != s.k.p.rows[a].rel {
			continue
		}
		alike := slices.IndexFunc(u.nums, func(num int16) bool {
			x, okX := s.column(a, num)
			y, okY := s.column(b, num)
			return !okX || !okY || !equal(x, y)
		}) < 0
		if alike && !s.oneRow(a, b) {
			return false
		}
	}
	return true
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
