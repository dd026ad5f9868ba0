package reach

import "github.com/ringfencehq/ringfence/internal/expr"

// entriesOf returns the places of the entries that a query's FROM names, and its result relation's for UPDATE and DELETE.
func entriesOf(q *expr.Query) []int {
	var out []int
	var walk func(f *expr.FromItem)
	walk = func(f *expr.FromItem) {
		switch {
		case f == nil:
		case f.RTE > 0:
			if f.RTE <= len(q.Range) && f.RTE != q.Result {
				out = append(out, f.RTE)
			}
		default:
			walk(f.Left)
			walk(f.Right)
		}
	}
	for i := range q.From {
		walk(&q.From[i])
	}
	return out
}

// conditionsFor returns the conditions that hold whenever a row of the entry at contributes to q's result: WHERE, and ON of
// the joins that filter that entry. What looks at entries that an outer join may fill with NULLs is left out.
func conditionsFor(q *expr.Query, at int) []expr.Expr {
	var conds []expr.Expr
	optional := make(map[int]bool)
	for i := range q.From {
		joined(&q.From[i], at, &conds, optional)
	}
	split(q.Where, &conds)
	if len(optional) == 0 {
		return conds
	}
	var out []expr.Expr
	for _, c := range conds {
		ok := true
		for rte := range mentions(c) {
			ok = ok && !optional[rte]
		}
		if ok {
			out = append(out, c)
		}
	}
	return out
}

// split takes conjunctions apart.
func split(e expr.Expr, into *[]expr.Expr) {
	if e == nil {
		return
	}
	if l, ok := e.(*expr.Logic); ok && l.Op == "and" {
		for _, a := range l.Args {
			split(a, into)
		}
		return
	}
	*into = append(*into, e)
}

// joined collects the ON conditions under a FROM item that filter the entry at, and the entries that may be missing though a
// row of at is there.
func joined(f *expr.FromItem, at int, conds *[]expr.Expr, optional map[int]bool) {
	if f == nil || f.RTE > 0 {
		return
	}
	inLeft, inRight := holdsEntry(f.Left, at), holdsEntry(f.Right, at)
	keepLeft, keepRight := true, true
	switch f.Join {
	case "inner":
		split(f.On, conds)
	case "left":
		keepRight = inRight
	case "right":
		keepLeft = inLeft
	default: // full, and what is not known: either side may be missing
		keepLeft, keepRight = inLeft, inRight
	}
	if f.Join == "left" && inRight || f.Join == "right" && inLeft {
		split(f.On, conds)
	}
	for side, keep := range map[*expr.FromItem]bool{f.Left: keepLeft, f.Right: keepRight} {
		if keep {
			joined(side, at, conds, optional)
		} else {
			missing(side, optional)
		}
	}
}

func holdsEntry(f *expr.FromItem, at int) bool {
	if f == nil {
		return false
	}
	return f.RTE == at || f.RTE == 0 && (holdsEntry(f.Left, at) || holdsEntry(f.Right, at))
}

func missing(f *expr.FromItem, optional map[int]bool) {
	if f == nil {
		return
	}
	if f.RTE > 0 {
		optional[f.RTE] = true
		return
	}
	missing(f.Left, optional)
	missing(f.Right, optional)
}
