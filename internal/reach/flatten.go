package reach

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// maxNesting bounds views in views, functions in functions, and the like.
const maxNesting = 16

// A reading is one place where a query reads rows of a relation.
type reading struct {
	rel  *catalog.Relation
	as   string // whose rights count
	via  Path   // views on the way
	hard expr.Expr
	soft expr.Expr // what a leaky function can run ahead of
	// values is true where columns of the rows come out of the query, not only their existence.
	values bool
}

// A flattener finds the readings of a query.
type flattener struct {
	w       *walker
	current string // who runs the query: what security_invoker views and plain entries use
	found   []reading
	unknown []string // forms that were met and not understood
}

// A frame is where in the nest of queries the flattener is.
type frame struct {
	scope   *scope
	as      string // whose rights count for the query's own tables
	via     Path
	barrier bool // a barrier stands between the caller's functions and this query
	depth   int
	ctes    map[string]*expr.Query
	values  bool
	rows    bool       // the query's entries 1 and 2 are OLD and NEW, which the scope holds in its places 1 and 2
	self    *recursion // the recursive query that the frame is in
	// around gives the places in the scope of the entries of the query around, for one that looks at it.
	around map[int]int
}

// readings returns where q reads rows, its own tables in the rights of as, with current as the role that runs it. Where hard
// is given, no function of the caller's gets into the query: a function's body.
func (w *walker) readings(q *expr.Query, as, current string, barrier bool, outer *scope) ([]reading, []string) {
	f := &flattener{w: w, current: current}
	if outer == nil {
		outer = &scope{}
	}
	f.query(q, frame{scope: outer, as: as, barrier: barrier, values: true}, nil)
	return f.found, f.unknown
}

// query looks at one query. project receives, for each leaf, the frame's scope with that leaf's sources and conditions, and
// the expressions of its result; it adds what the queries around require.
func (f *flattener) query(q *expr.Query, fr frame, project func(s *scope, columns map[int16]expr.Expr, q *expr.Query)) {
	if fr.depth > maxNesting {
		f.unknown = append(f.unknown, "queries nested too deeply")
		return
	}
	f.unknown = append(f.unknown, q.Unknown...)
	fr.ctes = withCTEs(fr.ctes, q)
	if q.SetOp != nil {
		f.setOperation(q, q.SetOp, fr, project)
		return
	}
	f.plain(q, fr, project)
}

func withCTEs(known map[string]*expr.Query, q *expr.Query) map[string]*expr.Query {
	if len(q.CTEs) == 0 {
		return known
	}
	out := make(map[string]*expr.Query, len(known)+len(q.CTEs))
	for k, v := range known {
		out[k] = v
	}
	for i := range q.CTEs {
		out[q.CTEs[i].Name] = q.CTEs[i].Query
	}
	return out
}

// setOperation looks at each leaf of UNION, INTERSECT or EXCEPT; what EXCEPT takes away does not come out.
func (f *flattener) setOperation(q *expr.Query, s *expr.SetOp, fr frame, project func(*scope, map[int16]expr.Expr, *expr.Query)) {
	if s == nil {
		return
	}
	if s.Op == "" {
		if s.RTE > 0 && s.RTE <= len(q.Range) && q.Range[s.RTE-1].Subquery != nil {
			fr.depth++
			f.query(q.Range[s.RTE-1].Subquery, fr, project)
		}
		return
	}
	f.setOperation(q, s.Left, fr, project)
	if s.Op != "except" {
		f.setOperation(q, s.Right, fr, project)
	}
}

// plain looks at a query without set operations: it lays its entries out in the scope, adds its conditions, and looks at
// each entry in turn.
func (f *flattener) plain(q *expr.Query, fr frame, project func(*scope, map[int16]expr.Expr, *expr.Query)) {
	base := fr.scope.clone()
	place := make(map[int]int, len(q.Range)) // entry → place in the scope
	for i := range q.Range {
		if fr.rows && i < 2 {
			place[i+1] = i + 1
			continue
		}
		place[i+1] = base.add(source{entry: resolved(q.Range[i], fr), as: fr.as})
	}
	columns := make(map[int16]expr.Expr, len(q.Targets))
	for _, t := range q.Targets {
		if e := placed(t.Expr, place, fr.around); !t.Junk && e != nil && !fr.self.loses(t.Expr, q, fr.ctes) {
			columns[t.Num] = e
		}
	}
	rows := fr.rows
	fr.rows = false
	require := func(s *scope, at int) {
		for _, c := range conditionsFor(q, at) {
			if !fr.self.loses(c, q, fr.ctes) {
				s.require(placed(c, place, fr.around), !fr.barrier)
			}
		}
	}
	for _, at := range entriesOf(q) {
		if rows && at <= 2 {
			continue
		}
		s := base.clone()
		require(s, at)
		if project != nil {
			project(s, columns, q)
		}
		inner := fr
		if inner.around = nil; q.Range[at-1].Lateral {
			inner.around = place
		}
		f.entry(q, at, place[at], s, inner)
	}
	fr.scope, fr.around = base, place
	require(fr.scope, 0)
	f.inTargets(q, fr)
}

// placed puts an expression of a query into its scope's places: entries of its own, and of the query around where these have places; nil
// where it looks further out.
func placed(e expr.Expr, place, around map[int]int) expr.Expr {
	ok := true
	out := expr.Rewrite(e, func(n expr.Expr, depth int) (expr.Expr, bool) {
		v, isVar := n.(*expr.Var)
		if !isVar || v.Level < depth {
			return nil, false
		}
		c := *v
		switch {
		case v.Level == depth:
			c.RTE = place[v.RTE]
		case v.Level == depth+1 && around[v.RTE] > 0:
			c.Level, c.RTE = depth, around[v.RTE]
		default:
			ok = false
		}
		return &c, true
	})
	if !ok {
		return nil
	}
	return out
}

// resolved puts the body of a WITH entry in the place of its name, and what a recursive one begins with in the place of its own.
func resolved(e expr.RangeEntry, fr frame) expr.RangeEntry {
	if fr.self.ofItself(&e, fr.ctes) {
		if fr.self.base != nil {
			e.Kind, e.Subquery = "subquery", fr.self.base
		}
		return e
	}
	if body := fr.ctes[e.CTE]; e.Kind == "cte" && body != nil && body.SetOp == nil {
		e.Kind, e.Subquery = "subquery", body
	}
	return e
}

// entry looks at one entry: a table is a reading, a view and a sub-query are pulled up.
func (f *flattener) entry(q *expr.Query, at, place int, s *scope, fr frame) {
	e := &q.Range[at-1]
	switch {
	case e.Kind == "relation" && e.Relation == nil:
		f.unknown = append(f.unknown, "a relation that the snapshot does not hold")
	case e.Kind == "relation" && e.Relation.Kind == catalog.View:
		f.view(e.Relation, place, s, fr)
	case rowRelation(e) && !e.Relation.System:
		if fr.barrier {
			s = s.clone()
			s.drop()
		}
		f.found = append(f.found, reading{rel: e.Relation, as: fr.as, via: fr.via, hard: s.lift(place, false), soft: s.lift(place, true), values: fr.values})
		if e.Relation.Kind == catalog.MatView {
			f.matview(e.Relation, place, s, fr)
		}
	case e.Subquery != nil:
		f.pullUp(e.Subquery, place, s, fr)
	case fr.self.ofItself(e, fr.ctes):
		f.itself(q, at, place, s, fr)
	case e.Kind == "cte":
		if body := fr.ctes[e.CTE]; body != nil {
			fr.self = recursionOf(e.CTE, body)
			fr.barrier = fr.barrier || fr.self.base != nil // nothing is pushed down into it
			f.pullUp(body, place, s, fr)
		}
	}
}

// view pulls a view's definition up. Its tables are read in its owner's rights, or the caller's where it is an invoker's.
func (f *flattener) view(v *catalog.Relation, place int, s *scope, fr frame) {
	body := f.w.definition(v)
	if body == nil {
		f.unknown = append(f.unknown, "the definition of "+v.Identity())
		return
	}
	inner := fr
	inner.as = f.w.viewRights(v, f.current)
	inner.via = append(append(Path(nil), fr.via...), Hop{Via: "view", Name: v.Identity()})
	inner.barrier = fr.barrier || v.Options["security_barrier"] == "true" || v.Options["security_barrier"] == "on" || v.Options["security_barrier"] == "1"
	if !f.w.m.Rights.Relation(fr.as, v, "SELECT").Held {
		return // the view is refused to whoever asks for it here
	}
	f.pullUp(body, place, s, inner)
}

// matview follows a materialized view to what it was filled from: rows as its owner saw them.
func (f *flattener) matview(v *catalog.Relation, place int, s *scope, fr frame) {
	body := f.w.definition(v)
	if body == nil {
		f.unknown = append(f.unknown, "the definition of "+v.Identity())
		return
	}
	inner := fr
	inner.as = v.Owner
	inner.barrier = true
	inner.via = append(append(Path(nil), fr.via...), Hop{Via: "matview", Name: v.Identity()})
	f.pullUp(body, place, s, inner)
}

// pullUp looks into a query that stands at a place of the scope: the conditions around it are turned into conditions on its
// own rows, where its result columns say what they are.
func (f *flattener) pullUp(body *expr.Query, place int, around *scope, fr frame) {
	inner := fr
	inner.depth++
	inner.scope = &scope{sources: slices.Clone(around.sources)}
	f.query(body, inner, func(s *scope, columns map[int16]expr.Expr, q *expr.Query) {
		if windowed(q) {
			return // computed before the conditions around it apply
		}
		for _, c := range around.conds {
			e, ok := substituted(c.expr, func(v *expr.Var) expr.Expr {
				if v.RTE != place {
					return v
				}
				by := columns[v.Num]
				if by == nil || aggregated(by) {
					return nil
				}
				return by
			})
			if ok {
				s.conds = append(s.conds, condition{e, c.soft})
			}
		}
	})
}

// aggregated reports whether a value is computed from several rows.
func aggregated(e expr.Expr) bool {
	found := false
	expr.Walk(e, func(n expr.Expr) bool {
		_, is := n.(*expr.Aggregate)
		found = found || is
		return !found
	})
	return found
}

// windowed reports whether a query's results look at other rows of it.
func windowed(q *expr.Query) bool {
	found := false
	for _, t := range q.Targets {
		expr.Walk(t.Expr, func(n expr.Expr) bool {
			a, is := n.(*expr.Aggregate)
			found = found || is && a.Window
			return !found
		})
	}
	return found
}

// inTargets looks at the sub-queries among a query's results, whose values come out as well, for each row that the query around them finds.
func (f *flattener) inTargets(q *expr.Query, fr frame) {
	for _, t := range q.Targets {
		expr.Walk(t.Expr, func(n expr.Expr) bool {
			s, ok := n.(*expr.SubLink)
			if !ok || s.Query == nil {
				return true
			}
			inner := fr
			inner.depth++
			inner.values = fr.values && (s.Kind == "scalar" || s.Kind == "array" || s.Kind == "multi")
			if s.RunAs != "" {
				inner.as = s.RunAs
			}
			f.query(s.Query, inner, nil)
			return false
		})
	}
}

// escapes reports whether an expression looks at a query around the one that it stands in.
func escapes(e expr.Expr) bool {
	out := false
	expr.WalkDeep(e, func(n expr.Expr, depth int) bool {
		v, ok := n.(*expr.Var)
		out = out || ok && v.Level > depth
		return !out
	})
	return out
}
