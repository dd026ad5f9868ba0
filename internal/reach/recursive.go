package reach

import "github.com/ringfencehq/ringfence/internal/expr"

// A recursion is WITH RECURSIVE while it is being looked into: a UNION of the rows that it begins with and of those that it makes of its own.
type recursion struct {
	body *expr.Query
	base *expr.Query // what it begins with, as far as its rows' columns are those of all that follow; nil: that is not known
	keep map[int16]bool
	own  bool // its own rows are being looked into
}

// recursionOf takes a recursive query apart. A column is kept where each step hands it on, or sets it to what an = compares with it: its
// value is then that of some row at the beginning.
func recursionOf(name string, body *expr.Query) *recursion {
	r := &recursion{body: body, keep: make(map[int16]bool)}
	s := body.SetOp
	if s == nil || s.Op != "union" || s.Left == nil || s.Right == nil {
		return r
	}
	base, step := leaf(body, s.Left), leaf(body, s.Right)
	if base == nil || step == nil || base.SetOp != nil || step.SetOp != nil || base.Limit || anyAggregated(step) {
		return r
	}
	self := 0
	for i := range step.Range {
		if e := &step.Range[i]; e.Kind == "cte" && e.CTE == name {
			if self > 0 {
				return r
			}
			self = i + 1
		}
	}
	if self == 0 {
		return r
	}
	same := sameAs(step, self)
	for _, t := range step.Targets {
		if v, ok := t.Expr.(*expr.Var); ok && !t.Junk && v.Level == 0 && (v.RTE == self && v.Num == t.Num || same[entryColumn{v.RTE, v.Num}] == t.Num) {
			r.keep[t.Num] = true
		}
	}
	r.base = known(base, r.keep)
	return r
}

// leaf is the query of one arm, or nil where it is several.
func leaf(q *expr.Query, s *expr.SetOp) *expr.Query {
	if s.Op != "" || s.RTE < 1 || s.RTE > len(q.Range) {
		return nil
	}
	return q.Range[s.RTE-1].Subquery
}

func anyAggregated(q *expr.Query) bool { return q.Group || windowed(q) }

// An entryColumn is a column of an entry of a query.
type entryColumn struct {
	rte int
	num int16
}

// sameAs tells of the other entries' columns which of the entry self an = sets them equal to.
func sameAs(q *expr.Query, self int) map[entryColumn]int16 {
	out := make(map[entryColumn]int16)
	for _, c := range conditionsFor(q, 0) {
		o, ok := c.(*expr.Operation)
		if !ok || o.Kind != "plain" || o.Op == nil || o.Op.BTreeStrategy != 3 || o.Op.Schema != "pg_catalog" || o.Op.Left != o.Op.Right || len(o.Args) != 2 {
			continue
		}
		a, isA := o.Args[0].(*expr.Var)
		b, isB := o.Args[1].(*expr.Var)
		if !isA || !isB || a.Level > 0 || b.Level > 0 {
			continue
		}
		if b.RTE != self {
			a, b = b, a
		}
		if b.RTE == self && a.RTE != self {
			out[entryColumn{a.RTE, a.Num}] = b.Num
		}
	}
	return out
}

// known copies a query with the columns that are not kept made unknown.
func known(q *expr.Query, keep map[int16]bool) *expr.Query {
	out := *q
	out.Targets = nil
	for _, t := range q.Targets {
		if !t.Junk && !keep[t.Num] {
			t.Expr = &expr.Unknown{Tag: "RECURSION", Key: t.Name, TypeOID: t.Expr.Type()}
		}
		out.Targets = append(out.Targets, t)
	}
	return &out
}

// ofItself reports whether an entry is the recursive query's own.
func (r *recursion) ofItself(e *expr.RangeEntry, ctes map[string]*expr.Query) bool {
	return r != nil && e.Kind == "cte" && ctes[e.CTE] == r.body
}

// loses reports whether an expression of q looks at what the recursive query's own rows do not keep.
func (r *recursion) loses(e expr.Expr, q *expr.Query, ctes map[string]*expr.Query) bool {
	if r == nil {
		return false
	}
	found := false
	vars(e, func(v *expr.Var) {
		found = found || v.RTE > 0 && v.RTE <= len(q.Range) && !r.keep[v.Num] && r.ofItself(&q.Range[v.RTE-1], ctes)
	})
	return found
}

// itself looks at the rows that a recursive query makes of its own: once, for those further down keep the same columns. They come out
// where a step's results are made of them.
func (f *flattener) itself(q *expr.Query, at, place int, s *scope, fr frame) {
	if fr.self.own {
		return
	}
	shown := false
	for _, t := range q.Targets {
		vars(t.Expr, func(v *expr.Var) { shown = shown || v.RTE == at })
	}
	again := *fr.self
	again.own = true
	fr.self, fr.values = &again, fr.values && shown
	f.pullUp(fr.self.body, place, s, fr)
}
