package reach

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/expr"
)

// selected writes INSERT … SELECT as an INSERT whose values stand in the statement itself: the query's entries and conditions become its
// own. A query that groups, or is several, stays as it is. LIMIT only leaves rows out.
func selected(q *expr.Query) *expr.Query {
	if q.Command != "insert" || len(q.From) != 1 {
		return q
	}
	at := q.From[0].RTE
	if at < 1 || at > len(q.Range) || q.Range[at-1].Kind != "subquery" || q.Range[at-1].Subquery == nil {
		return q
	}
	sub, base := q.Range[at-1].Subquery, len(q.Range)
	if sub.Command != "select" || sub.Group || sub.Having != nil || sub.SetOp != nil || len(sub.CTEs) > 0 {
		return q
	}
	inner := expr.RewriteQuery(sub, func(e expr.Expr, depth int) (expr.Expr, bool) {
		v, ok := e.(*expr.Var)
		if !ok || v.Level < depth {
			return nil, false
		}
		c := *v
		if v.Level == depth {
			c.RTE += base
		} else {
			c.Level--
		}
		return &c, true
	})
	columns := make(map[int16]expr.Expr, len(inner.Targets))
	for _, t := range inner.Targets {
		if !t.Junk {
			columns[t.Num] = t.Expr
		}
	}
	out := *q
	own := expr.Expr(trueExpr)
	if q.Where != nil {
		own = q.Where
		if mentions(own)[at] {
			return q
		}
	}
	out.Range, out.Where, out.From = append(slices.Clone(q.Range), inner.Range...), and(own, inner.Where), nil
	for i := range inner.From {
		out.From = append(out.From, *movedFrom(&inner.From[i], base))
	}
	out.Targets = slices.Clone(q.Targets)
	for i := range out.Targets {
		e, ok := substituted(out.Targets[i].Expr, func(v *expr.Var) expr.Expr {
			if v.RTE == at {
				return columns[v.Num]
			}
			c := *v
			c.Level = 0
			return &c
		})
		if !ok {
			return q
		}
		out.Targets[i].Expr = e
	}
	return &out
}
