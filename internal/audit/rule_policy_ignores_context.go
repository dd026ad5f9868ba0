package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var policyIgnoresContext = Rule{
	ID:       "POL016",
	Name:     "policy-ignores-context",
	Title:    "the policy asks nothing that tells one tenant from another",
	Severity: High,
	Fix:      "replace_policy",
	Source:   "88, 95; verified attack by a command gap over a parent",
	Doc: `Nothing that the policy looks at, its helper functions included, depends on who asks: no setting, no claim, no user, no table whose own policies do.
Whatever it decides, it decides the same for every tenant. Often a helper that is SECURITY DEFINER asks only whether a parent exists.

Compare with the context, or ask a table that row level security binds.`,

	Check: func(in *Input, report func(Finding)) {
		unknown := in.ways(func(o open) bool {
			return o.answer.Verdict == decide.Undecided && direct(o) && o.way.Unbound == "" && o.way.Opaque == "" && plain(o.way) && len(o.way.Policies) == 1 && !settled(o.way) && !in.asks(o.way)
		})
		for _, g := range byTable(unknown, policyName) {
			f := g.finding("The same is open to every tenant: " + g.does() + ". " + g.answer.Why + ".")
			f.Object, f.ObjectType = g.way.Policies[0].Identity(g.way.Relation), "policy"
			report(f)
		}
	},
}

// settled reports whether a way is open or shut to everybody, as where no policy permits the command: there is nothing to ask.
func settled(w *reach.Way) bool {
	for _, e := range []expr.Expr{w.Old, w.New} {
		if _, ok := e.(*expr.Const); ok {
			return true
		}
	}
	return false
}

// asks reports whether what a way must fulfil depends on who asks, the bodies of functions included; what cannot be read may.
func (in *Input) asks(w *reach.Way) bool {
	seen := map[*catalog.Function]bool{}
	found := false
	var look func(definer bool) func(e expr.Expr, _ int) bool
	look = func(definer bool) func(e expr.Expr, _ int) bool {
		return func(e expr.Expr, _ int) bool {
			if _, ok := expr.ContextOf(e); ok {
				found = true
			}
			switch e := e.(type) {
			case *expr.Unknown:
				found = true
			case *expr.SubLink:
				found = found || !definer && boundTable(e.Query) || in.viewAsks(e.Query, look)
			case *expr.Call:
				if e.Func == nil || e.Func.System && !e.Func.Strict && e.Func.Volatility != "immutable" {
					found = true
					break
				}
				found = found || in.bodyAsks(e.Func, seen, look)
			}
			return !found
		}
	}
	for _, e := range []expr.Expr{w.Old, w.New} {
		if e != nil {
			expr.WalkDeep(e, look(false))
		}
	}
	return found
}

// bodyAsks enters a function.
func (in *Input) bodyAsks(f *catalog.Function, seen map[*catalog.Function]bool, look func(bool) func(expr.Expr, int) bool) bool {
	if f.System {
		return f.Volatility != "immutable"
	}
	if seen[f] {
		return false
	}
	seen[f] = true
	b, err := in.Model.Reader.Body(f)
	if err != nil || len(b.Opaque) > 0 || len(b.Dynamic) > 0 {
		return true
	}
	found := false
	visit := look(f.SecurityDefiner)
	for _, s := range b.Statements {
		found = found || !f.SecurityDefiner && boundTable(s)
		expr.WalkQuery(s, func(e expr.Expr, depth int) bool {
			if !visit(e, depth) {
				found = true
			}
			return !found
		})
	}
	return found
}

// viewAsks reports whether a view that a query reads depends on who asks: its own filter, or the row security of what it reads in the
// caller's rights.
func (in *Input) viewAsks(q *expr.Query, look func(bool) func(expr.Expr, int) bool) bool {
	found := false
	expr.Queries(q, func(q *expr.Query) {
		for i := range q.Range {
			view := q.Range[i].Relation
			if view == nil || view.Kind != catalog.View || found {
				continue
			}
			queries, err := in.Model.Reader.View(view)
			if err != nil {
				continue
			}
			definer := !reach.InvokersView(view)
			visit := look(definer)
			for _, d := range queries {
				found = found || !definer && boundTable(d) || in.viewAsks(d, look)
				expr.WalkQuery(d, func(e expr.Expr, depth int) bool {
					found = found || !visit(e, depth)
					return !found
				})
			}
		}
	})
	return found
}

// boundTable reports whether a query reads a table with row level security of its own.
func boundTable(q *expr.Query) bool {
	found := false
	expr.Queries(q, func(q *expr.Query) {
		for i := range q.Range {
			found = found || q.Range[i].Relation != nil && q.Range[i].Relation.RowSecurity
		}
	})
	return found
}
