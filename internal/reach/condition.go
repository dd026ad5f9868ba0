package reach

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// onlyWhen copies a statement of a body with the condition under which it runs beside its own.
func onlyWhen(q *expr.Query, when expr.Expr) *expr.Query {
	out := *q
	if q.SetOp == nil {
		out.Where = and(q.Where, when)
	}
	out.CTEs = slices.Clone(q.CTEs)
	for i := range out.CTEs {
		if c := out.CTEs[i].Query; c != nil {
			out.CTEs[i].Query = onlyWhen(c, when)
		}
	}
	if q.SetOp != nil {
		out.Range = slices.Clone(q.Range)
		for i := range out.Range {
			if s := out.Range[i].Subquery; s != nil {
				out.Range[i].Subquery = onlyWhen(s, when)
			}
		}
	}
	return &out
}

// asking returns what of a condition looks at the tenant's context. What looks at nothing of the session is left out, as the caller
// fulfils it as he likes; what looks at other parts of it as well, of which nobody here knows who has them: asked is true for that.
func (w *walker) asking(when expr.Expr) (tenant expr.Expr, asked bool) {
	var all, asks []expr.Expr
	split(when, &all)
	for _, e := range all {
		contexts := w.m.Reader.ContextsAsked(e)
		switch {
		case len(contexts) == 0:
		case slices.ContainsFunc(contexts, func(c expr.Context) bool { return !w.tenantContext(c) }):
			asked = true
		default:
			asks = append(asks, e)
		}
	}
	if len(asks) == 0 {
		return nil, asked
	}
	return and(asks...), asked
}

func (w *walker) tenantContext(c expr.Context) bool {
	return slices.ContainsFunc(w.m.Contexts, func(k tenancy.Context) bool {
		return k.Kind == c.Kind && strings.EqualFold(k.Name, c.Name) && slices.Equal(k.Path, c.Path)
	})
}

// takesCondition reports whether onlyWhen's condition binds all that a statement does.
func takesCondition(q *expr.Query) bool {
	return q.Command != "utility" &&
		!slices.ContainsFunc(q.CTEs, func(c expr.CTE) bool { return c.Query != nil && !takesCondition(c.Query) })
}
