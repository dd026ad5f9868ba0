package expr

// Walk calls visit for e and everything below it, parents first; sub-queries are not entered. Where visit returns false the
// node's children are left out.
func Walk(e Expr, visit func(Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	for _, c := range e.Children() {
		Walk(c, visit)
	}
}

// WalkDeep calls visit for e and everything below it, sub-queries included; depth counts the queries between. Where visit
// returns false the node's children are left out.
func WalkDeep(e Expr, visit func(e Expr, depth int) bool) { walkDeep(e, 0, visit) }

func walkDeep(e Expr, depth int, visit func(e Expr, depth int) bool) {
	if e == nil || !visit(e, depth) {
		return
	}
	for _, c := range e.Children() {
		walkDeep(c, depth, visit)
	}
	switch e := e.(type) {
	case *Cast:
		walkDeep(e.Elem, depth, visit)
	case *SubLink:
		walkQuery(e.Query, depth+1, visit)
	}
}

// WalkQuery calls visit for every expression of q, sub-queries included.
func WalkQuery(q *Query, visit func(e Expr, depth int) bool) { walkQuery(q, 0, visit) }

func walkQuery(q *Query, depth int, visit func(e Expr, depth int) bool) {
	if q == nil {
		return
	}
	parts(q, func(e Expr) { walkDeep(e, depth, visit) }, func(s *Query) { walkQuery(s, depth+1, visit) })
}

// Queries calls visit for q and for every query inside it, outermost first.
func Queries(q *Query, visit func(*Query)) {
	if q == nil {
		return
	}
	visit(q)
	parts(q, func(e Expr) {
		Walk(e, func(e Expr) bool {
			if s, ok := e.(*SubLink); ok {
				Queries(s.Query, visit)
			}
			return true
		})
	}, func(s *Query) { Queries(s, visit) })
}

// parts calls f for each of q's own expressions and sub for each query directly inside it, in the order of mapQuery.
func parts(q *Query, f func(Expr), sub func(*Query)) {
	all := func(list []Expr) {
		for _, e := range list {
			f(e)
		}
	}
	targets := func(list []Target) {
		for i := range list {
			f(list[i].Expr)
		}
	}
	f(q.Where)
	f(q.Having)
	f(q.MergeOn)
	all(q.Values)
	targets(q.Targets)
	targets(q.Returning)
	for i := range q.Range {
		e := &q.Range[i]
		if e.Subquery != nil {
			sub(e.Subquery)
		}
		all(e.Funcs)
		all(e.JoinVars)
		for _, row := range e.Values {
			all(row)
		}
	}
	for i := range q.From {
		conditions(&q.From[i], f)
	}
	for i := range q.CTEs {
		sub(q.CTEs[i].Query)
	}
	if c := q.OnConflict; c != nil {
		targets(c.Set)
		f(c.Where)
	}
	for i := range q.Merge {
		f(q.Merge[i].Qual)
		targets(q.Merge[i].Targets)
	}
}

// conditions calls f for what joins are on.
func conditions(in *FromItem, f func(Expr)) {
	if in == nil {
		return
	}
	conditions(in.Left, f)
	conditions(in.Right, f)
	f(in.On)
}

// stable reports whether an expression has one value throughout a statement, for one row: nothing in it is volatile,
// unknown or a sub-query.
func stable(e Expr) bool {
	ok := true
	Walk(e, func(e Expr) bool {
		switch e := e.(type) {
		case *Call:
			ok = ok && e.Func != nil && e.Func.Volatility != "volatile"
		case *SubLink:
			ok = false
		case *Unknown:
			ok = ok && e.Stable
		}
		return ok
	})
	return ok
}
