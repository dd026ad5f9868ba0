package decide

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A sharedQuery is a sub-query that was compiled, with what makes another one the same.
type sharedQuery struct {
	e     *expr.SubLink
	text  string // its identity, written when a second one asks
	as    string
	scope int // of a correlated one, else -1
	stack []*catalog.Relation
	node  *node
}

// shared compiles a sub-query once for each place where it says the same: a duty that eight policies ask for is found in one row. It is
// so of sub-queries in one another's reach that run with the same rights, and of those that take some of many rows only where there is one.
func (c *compiler) shared(e *expr.SubLink, s *scope, compile func() *node) *node {
	q := sharedQuery{e: e, as: c.as, scope: -1, stack: slices.Clone(c.stack)}
	if !c.sharable(e, s, &q) {
		return compile()
	}
	for i := range c.queries {
		if o := &c.queries[i]; o.as == q.as && o.scope == q.scope && slices.Equal(o.stack, q.stack) && c.text(o) == c.text(&q) {
			out := *o.node
			return &out
		}
	}
	n := len(c.p.subs)
	q.node = compile()
	if n >= len(c.p.subs) || !c.p.subs[n].limited || c.p.atMostOne(&c.p.subs[n]) {
		c.queries = append(c.queries, q)
	}
	return q.node
}

func (c *compiler) text(q *sharedQuery) string {
	if q.text == "" {
		q.text = c.m.Reader.Identity(q.e)
	}
	return q.text
}

// sharable reports whether nothing but q says what a sub-query finds, and notes the scope of one that is correlated.
func (c *compiler) sharable(e *expr.SubLink, s *scope, q *sharedQuery) bool {
	if c.m.Reader == nil || len(c.caseArgs)+len(c.domainValues)+len(c.subCols) > 0 {
		return false
	}
	plain, correlated := true, e.Test != nil
	expr.WalkDeep(e, func(x expr.Expr, depth int) bool {
		switch x := x.(type) {
		case *expr.Var:
			correlated = correlated || x.Level >= depth
		case *expr.Call:
			plain = plain && x.Func != nil && x.Func.Volatility != "volatile"
		case *expr.Unknown:
			plain = plain && x.Stable
		}
		return plain
	})
	if correlated {
		q.scope = s.id
	}
	return plain
}
