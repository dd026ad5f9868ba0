package expr

// Rewrite returns a copy of e in which every node for which f answers true is replaced by what f gives; below a replaced node
// nothing is visited. Sub-queries are entered: depth says how many stand between e and the node.
func Rewrite(e Expr, f func(e Expr, depth int) (Expr, bool)) Expr { return rewrite(e, f) }

// RewriteQuery is Rewrite for every expression of q, sub-queries in FROM and WITH included; q's own expressions have depth 0.
func RewriteQuery(q *Query, f func(e Expr, depth int) (Expr, bool)) *Query {
	w := &rewriter{f: f}
	return w.query(q, 0)
}

// Shift moves an expression n queries further in: Vars that point out of it keep pointing at the same entries.
func Shift(e Expr, n int) Expr { return shift(e, n) }
