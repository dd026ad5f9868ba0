package decide

import "slices"

// A derivedSet is a set of rows that a sub-query reads and no table holds: the elements of an array, or what VALUES lists. A search chooses
// one of its rows; a refutation looks at all of them.
type derivedSet struct {
	vars  []int // the columns
	array *node // whose elements they are, or
	rows  [][]*node
}

// elements lists the rows under the present assignment; where that is not known, how far it got.
func (d *derivedSet) elements(e *env) ([][]value, result) {
	var out [][]value
	if d.array != nil {
		r := e.eval(d.array)
		if r.st != known || r.v.null {
			return nil, r
		}
		for _, x := range r.v.elems {
			out = append(out, []value{x})
		}
		return out, r
	}
	for _, row := range d.rows {
		vals := make([]value, len(d.vars))
		for i := range d.vars {
			r := e.eval(row[i])
			if r.st != known {
				return nil, r
			}
			vals[i] = r.v
		}
		out = append(out, vals)
	}
	return out, result{}
}

// A census says how many of a sub-query's rows it finds, and of how many its test is NULL.
type census struct{ found, unknown int }

// anchored reports whether a sub-query finds nothing where its tables are empty: it is not only an outer join that reads them.
func (p *program) anchored(q *subquery) bool {
	return slices.ContainsFunc(q.rows, func(r int) bool { return p.rows[r].present < 0 })
}

// count goes through all rows of a sub-query that reads no table. What cannot be counted is not known; need is the variable it wants, or -1.
func (s *search) count(q *subquery) (out census, need int, ok bool) {
	s.env.mode.strict = true
	defer func() { s.env.mode.strict = false }()
	need = -1
	ok = s.countFrom(q, 0, &out, &need)
	return out, need, ok
}

func (s *search) countFrom(q *subquery, at int, out *census, need *int) bool {
	if at == len(q.sets) {
		return s.countRow(q, out, need)
	}
	d := &q.sets[at]
	rows, r := d.elements(&s.env)
	if r.st != known {
		if r.st == wanting {
			*need = r.need
		}
		return false
	}
	for _, v := range d.vars {
		defer func(x value, set bool) { s.env.val[v], s.env.set[v] = x, set }(s.env.val[v], s.env.set[v])
	}
	for _, row := range rows {
		for i, v := range d.vars {
			s.env.val[v], s.env.set[v] = row[i], true
		}
		if !s.countFrom(q, at+1, out, need) {
			return false
		}
	}
	return true
}

func (s *search) countRow(q *subquery, out *census, need *int) bool {
	holds := func(n *node) (yes, ok bool) {
		r := s.env.eval(n)
		if r.st == wanting {
			*need = r.need
		}
		return r.st == known && r.v.isTrue(), r.st == known
	}
	found, ok := holds(q.where)
	if !ok {
		return false
	}
	if found {
		out.found++
		return true
	}
	if q.test == nil {
		return true
	}
	cond, ok := holds(q.cond)
	if !ok || !cond {
		return ok
	}
	unknown, ok := holds(q.test)
	if unknown {
		out.unknown++
	}
	return ok
}
