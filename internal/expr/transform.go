package expr

// mapExprs applies f to each of a list; the list is copied.
func mapExprs(in []Expr, f func(Expr) Expr) []Expr {
	if in == nil {
		return nil
	}
	out := make([]Expr, len(in))
	for i, e := range in {
		out[i] = f(e)
	}
	return out
}

// mapChildren returns a copy of e with f applied to its children, and q to its sub-query. f is never given nil.
func mapChildren(e Expr, f func(Expr) Expr, q func(*Query) *Query) Expr {
	switch e := e.(type) {
	case *Call:
		c := *e
		c.Args = mapExprs(e.Args, f)
		return &c
	case *Operation:
		c := *e
		c.Args = mapExprs(e.Args, f)
		return &c
	case *Quantified:
		c := *e
		c.Left, c.Array = f(e.Left), f(e.Array)
		return &c
	case *Logic:
		return &Logic{Op: e.Op, Args: mapExprs(e.Args, f)}
	case *NullTest:
		c := *e
		c.Arg = f(e.Arg)
		return &c
	case *TruthTest:
		c := *e
		c.Arg = f(e.Arg)
		return &c
	case *Case:
		return mapCase(e, f)
	case *SubLink:
		c := *e
		if e.Test != nil {
			c.Test = f(e.Test)
		}
		c.Query = q(e.Query)
		return &c
	case *Aggregate:
		c := *e
		c.Args = mapExprs(e.Args, f)
		if e.Filter != nil {
			c.Filter = f(e.Filter)
		}
		return &c
	}
	return mapValue(e, f)
}

func mapCase(e *Case, f func(Expr) Expr) Expr {
	c := &Case{TypeOID: e.TypeOID, Else: f(e.Else)}
	if e.Arg != nil {
		c.Arg = f(e.Arg)
	}
	for _, w := range e.Whens {
		c.Whens = append(c.Whens, When{Cond: f(w.Cond), Result: f(w.Result)})
	}
	return c
}

// mapValue is mapChildren for the forms that convert, build and take apart values; leaves are returned as they are.
func mapValue(e Expr, f func(Expr) Expr) Expr {
	switch e := e.(type) {
	case *Coalesce:
		return &Coalesce{Args: mapExprs(e.Args, f), TypeOID: e.TypeOID}
	case *MinMax:
		return &MinMax{Greatest: e.Greatest, Args: mapExprs(e.Args, f), TypeOID: e.TypeOID}
	case *Cast:
		c := *e
		c.Arg = f(e.Arg)
		if e.Elem != nil {
			c.Elem = f(e.Elem)
		}
		return &c
	case *Collate:
		return &Collate{Arg: f(e.Arg), Collation: e.Collation}
	case *RowCompare:
		c := *e
		c.Left, c.Right = mapExprs(e.Left, f), mapExprs(e.Right, f)
		return &c
	case *Row:
		return &Row{Fields: mapExprs(e.Fields, f), TypeOID: e.TypeOID}
	case *Array:
		c := *e
		c.Elements = mapExprs(e.Elements, f)
		return &c
	case *Subscript:
		c := *e
		c.Container, c.Lower, c.Upper = f(e.Container), mapExprs(e.Lower, f), mapExprs(e.Upper, f)
		return &c
	case *Field:
		c := *e
		c.Arg = f(e.Arg)
		return &c
	case *Unknown:
		c := *e
		c.Args = mapExprs(e.Args, f)
		return &c
	}
	return e
}

// rewrite copies e, with every node for which f answers true replaced by what f gives; below a replaced node nothing is
// visited. Sub-queries are entered: depth says how many stand between e and the node.
func rewrite(e Expr, f func(e Expr, depth int) (Expr, bool)) Expr {
	w := &rewriter{f: f}
	return w.expr(e, 0)
}

type rewriter struct {
	f func(Expr, int) (Expr, bool)
}

func (w *rewriter) expr(e Expr, depth int) Expr {
	if e == nil {
		return nil
	}
	if out, done := w.f(e, depth); done {
		return out
	}
	return mapChildren(e,
		func(c Expr) Expr { return w.expr(c, depth) },
		func(q *Query) *Query { return w.query(q, depth+1) })
}

func (w *rewriter) query(q *Query, depth int) *Query {
	if q == nil {
		return nil
	}
	return mapQuery(q, func(e Expr) Expr { return w.expr(e, depth) }, func(s *Query) *Query { return w.query(s, depth+1) })
}

// mapQuery returns a copy of q with f applied to its own expressions and sub to the queries directly inside it (sub-queries
// in FROM and WITH; those in expressions are f's business).
func mapQuery(q *Query, f func(Expr) Expr, sub func(*Query) *Query) *Query {
	opt := func(e Expr) Expr {
		if e == nil {
			return nil
		}
		return f(e)
	}
	c := *q
	c.Where, c.Having, c.MergeOn, c.Values = opt(q.Where), opt(q.Having), opt(q.MergeOn), mapExprs(q.Values, f)
	c.Targets, c.Returning = mapTargets(q.Targets, f), mapTargets(q.Returning, f)
	c.Range = append([]RangeEntry(nil), q.Range...)
	for i := range c.Range {
		mapRange(&c.Range[i], f, sub)
	}
	c.From = append([]FromItem(nil), q.From...)
	for i := range c.From {
		c.From[i] = *mapFrom(&c.From[i], opt)
	}
	c.CTEs = append([]CTE(nil), q.CTEs...)
	for i := range c.CTEs {
		if c.CTEs[i].Query != nil {
			c.CTEs[i].Query = sub(c.CTEs[i].Query)
		}
	}
	if q.OnConflict != nil {
		c.OnConflict = &OnConflict{Action: q.OnConflict.Action, Arbiter: q.OnConflict.Arbiter, Set: mapTargets(q.OnConflict.Set, f), Where: opt(q.OnConflict.Where)}
	}
	c.Merge = append([]MergeAction(nil), q.Merge...)
	for i := range c.Merge {
		c.Merge[i].Qual, c.Merge[i].Targets = opt(c.Merge[i].Qual), mapTargets(c.Merge[i].Targets, f)
	}
	return &c
}

func mapTargets(in []Target, f func(Expr) Expr) []Target {
	out := append([]Target(nil), in...)
	for i := range out {
		out[i].Expr = f(out[i].Expr)
	}
	return out
}

func mapRange(e *RangeEntry, f func(Expr) Expr, sub func(*Query) *Query) {
	if e.Subquery != nil {
		e.Subquery = sub(e.Subquery)
	}
	e.Funcs, e.JoinVars = mapExprs(e.Funcs, f), mapExprs(e.JoinVars, f)
	if e.Values != nil {
		rows := make([][]Expr, len(e.Values))
		for i, row := range e.Values {
			rows[i] = mapExprs(row, f)
		}
		e.Values = rows
	}
}

func mapFrom(in *FromItem, opt func(Expr) Expr) *FromItem {
	if in == nil {
		return nil
	}
	c := *in
	c.Left, c.Right, c.On = mapFrom(in.Left, opt), mapFrom(in.Right, opt), opt(in.On)
	return &c
}

// shift moves an expression n queries further in: Vars that point out of it keep pointing at the same entries.
func shift(e Expr, n int) Expr {
	if n == 0 {
		return e
	}
	return rewrite(e, func(e Expr, depth int) (Expr, bool) {
		v, ok := e.(*Var)
		if !ok || v.Level < depth {
			return nil, false
		}
		c := *v
		c.Level += n
		return &c, true
	})
}

// maxNodes bounds how large an expression may grow by inlining or by following PL/pgSQL.
const maxNodes = 50_000

// outgrows reports whether e, with its sub-queries, has more nodes than limit.
func outgrows(e Expr, limit int) bool {
	n := 0
	WalkDeep(e, func(Expr, int) bool {
		n++
		return n <= limit
	})
	return n > limit
}
