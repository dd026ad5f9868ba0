package tenancy

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// lookUps notes by which columns policies and the functions they call find, in a table with a tenant key, the rows of the
// session: a person's memberships, a tenant's row by its login. Those rows tell which tenants the session's are.
func (in *inference) lookUps() {
	in.members = make(map[string]int)
	for _, t := range in.model.Tables {
		for i := range t.Relation.Policies {
			p := &t.Relation.Policies[i]
			seen := make(map[*catalog.Function]bool)
			people := make(map[string]bool)
			for _, tree := range []*catalog.Tree{p.Using, p.Check} {
				e, err := in.model.Reader.Expression(tree, t.Relation)
				if err != nil || e == nil {
					continue
				}
				in.lookUpsOf(e, 0, seen, people)
			}
			for name := range people {
				in.members[name]++
			}
		}
		in.ownerOf(t)
	}
}

// ownerOf notes the columns that name the person a tenant belongs to, where the tenant's own policies hold them against one.
func (in *inference) ownerOf(t *Table) {
	if t.Class != Root {
		return
	}
	for _, c := range in.compared[t.Relation.Identity()] {
		if c.exact && c.principal() && slices.Contains(words(c.column), "owner") && !slices.Contains(t.Principals, c.column) {
			t.Principals = append(t.Principals, c.column)
			slices.Sort(t.Principals)
		}
	}
}

// lookUpsOf looks at the sub-queries of an expression and at the bodies of the functions it calls.
func (in *inference) lookUpsOf(e expr.Expr, depth int, seen map[*catalog.Function]bool, people map[string]bool) {
	expr.WalkDeep(e, func(n expr.Expr, _ int) bool {
		switch n := n.(type) {
		case *expr.SubLink:
			if n.Query != nil {
				expr.Queries(in.found.opened(n.Query, 0), func(q *expr.Query) { in.lookUpBy(q, people) })
			}
		case *expr.Call:
			if n.Func == nil || builtin(n.Func) || seen[n.Func] || depth >= maxBodies {
				return true
			}
			seen[n.Func] = true
			for _, q := range in.found.bodyOf(n.Func) {
				expr.Queries(q, func(q *expr.Query) { in.lookUpBy(q, people) })
				expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
					in.lookUpsOf(e, depth+1, seen, people)
					return false
				})
			}
		}
		return true
	})
}

// lookUpBy notes the columns that one query holds against the session in a table whose tenant key it returns or compares.
func (in *inference) lookUpBy(q *expr.Query, people map[string]bool) {
	if q.Command != "select" {
		return
	}
	keyed := make(map[string]bool)
	for i := range q.Targets {
		in.noteKey(q, q.Targets[i].Expr, keyed)
	}
	var equalities []*expr.Operation
	for _, a := range append(joinConditions(q.From), q.Where) {
		equalities = conjuncts(a, equalities)
	}
	for _, n := range equalities {
		for _, a := range n.Args {
			in.noteKey(q, a, keyed)
		}
	}
	for _, n := range equalities {
		for i, a := range n.Args {
			rel, column, ok := queryColumn(q, bare(a))
			if !ok || !keyed[rel.Identity()] {
				continue
			}
			t := in.model.byRelation[rel.Identity()]
			if slices.Contains(t.Key, column) || !in.ofSession(column, n.Args[1-i]) {
				continue
			}
			if !slices.Contains(t.Principals, column) {
				t.Principals = append(t.Principals, column)
				slices.Sort(t.Principals)
			}
			if t.Class == Owned && personal(column) {
				people[rel.Identity()] = true
			}
		}
	}
}

// noteKey notes the table whose tenant key an expression of a query is.
func (in *inference) noteKey(q *expr.Query, e expr.Expr, keyed map[string]bool) {
	rel, column, ok := queryColumn(q, bare(e))
	if !ok {
		return
	}
	if t := in.model.byRelation[rel.Identity()]; t != nil && slices.Contains(t.Key, column) {
		keyed[rel.Identity()] = true
	}
}

// ofSession reports whether what a column is compared with is the session's: what it reads, or the person that a helper is
// given.
func (in *inference) ofSession(column string, other expr.Expr) bool {
	own := false
	expr.WalkDeep(other, func(n expr.Expr, _ int) bool {
		_, isVar := n.(*expr.Var)
		own = own || isVar
		return !own
	})
	if own {
		return false
	}
	if _, ok := bare(other).(*expr.Param); ok {
		return personal(column)
	}
	return len(in.found.reads(other)) > 0
}

// conjuncts collects the equalities that a row must fulfil whatever else is asked.
func conjuncts(e expr.Expr, to []*expr.Operation) []*expr.Operation {
	switch n := e.(type) {
	case *expr.Logic:
		if n.Op == "and" {
			for _, a := range n.Args {
				to = conjuncts(a, to)
			}
		}
	case *expr.Operation:
		if len(n.Args) == 2 && n.Kind != "nullif" && equality(n.Op) {
			to = append(to, n)
		}
	}
	return to
}
