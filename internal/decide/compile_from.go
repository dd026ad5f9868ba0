package decide

import (
	"slices"
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// queryBody compiles FROM and WHERE of a query into what its row fulfils, and its targets.
func (c *compiler) queryBody(q *expr.Query, s *scope) (*node, []*node) {
	if q.RunAs != "" {
		defer func(as string) { c.as = as }(c.as)
		c.as = q.RunAs
	}
	over := c.next
	c.next = nil
	inner := c.newScope(s, q)
	var conds []*node
	for i := range q.From {
		conds = append(conds, c.fromItem(&q.From[i], inner, -1))
	}
	if q.Where != nil {
		conds = append(conds, c.compile(q.Where, inner))
	}
	sub := &c.p.subs[c.sub]
	sub.exact = sub.exact && q.Having == nil && !anyAggregate(q) && (q.Some || !q.Limit)
	sub.limited = sub.limited || q.Limit || q.Group
	var targets []*node
	c.over = over
	defer func() { c.over = nil }()
	for _, t := range q.Targets {
		if t.Junk {
			continue
		}
		if elem, where, ok := c.unfolded(t.Expr, inner); ok {
			targets, conds = append(targets, elem), append(conds, where)
			continue
		}
		targets = append(targets, c.compile(t.Expr, inner))
	}
	return conjunction(conds...), targets
}

// fromItem binds an item of FROM; present is the variable of an outer join's optional side, or -1.
func (c *compiler) fromItem(f *expr.FromItem, s *scope, present int) *node {
	if f.RTE > 0 {
		return c.rangeEntry(f.RTE, s, present)
	}
	left, right := present, present
	if f.Join == "left" || f.Join == "full" {
		right = c.presence()
	}
	if f.Join == "right" || f.Join == "full" {
		left = c.presence()
	}
	conds := []*node{c.fromItem(f.Left, s, left), c.fromItem(f.Right, s, right)}
	on := constant(trueV)
	if f.On != nil {
		on = c.compile(f.On, s)
	}
	if f.Join != "inner" && f.Join != "" {
		if !optionalTable(f, s) {
			c.p.subs[c.sub].exact = false // "no partner" is not checked against what may be there
		}
		present := constant(trueV)
		for _, v := range []int{left, right} {
			if v >= 0 {
				present = conjunction(present, &node{op: opVar, v: v, stand: -1})
			}
		}
		on = operation(opOr, operation(opNot, present), on)
	}
	return conjunction(append(conds, on)...)
}

// optionalTable reports whether what an outer join may leave out is a table: of one, the witness names every row.
func optionalTable(f *expr.FromItem, s *scope) bool {
	side := map[string]*expr.FromItem{"left": f.Right, "right": f.Left}[f.Join]
	if side == nil || side.RTE < 1 || side.RTE > len(s.query.Range) {
		return false
	}
	rel := s.query.Range[side.RTE-1].Relation
	return rel != nil && (rel.Kind == catalog.Table || rel.Kind == catalog.Partitioned)
}

func (c *compiler) presence() int {
	c.calls++
	return c.p.variable("present/"+strconv.Itoa(c.calls), func() variable {
		return variable{class: classPresent, name: "an outer join's row", row: -1, t: boolType, notNull: true}
	})
}

// rangeEntry binds one range table entry and returns what its row fulfils.
func (c *compiler) rangeEntry(rte int, s *scope, present int) *node {
	if rte < 1 || rte > len(s.query.Range) {
		return nil
	}
	e := &s.query.Range[rte-1]
	switch {
	case e.Kind == "relation" && e.Relation != nil && e.Relation.Kind == catalog.View && present < 0 && !slices.Contains(c.d.doubted, e.Relation):
		if q := c.viewQuery(e.Relation); q != nil {
			where, targets := c.queryBody(q, s)
			s.bindings[rte] = binding{row: -1, targets: targets}
			return where
		}
		return c.relationEntry(e.Relation, rte, s, present)
	case e.Kind == "relation" && e.Relation != nil && !slices.Contains(c.d.doubted, e.Relation):
		return c.relationEntry(e.Relation, rte, s, present)
	case e.Kind == "subquery" && e.Subquery != nil && e.Subquery.SetOp == nil && !aggregates(e.Subquery) && present < 0:
		where, targets := c.queryBody(e.Subquery, s)
		s.bindings[rte] = binding{row: -1, targets: targets}
		return where
	case e.Kind == "cte":
		if q := c.cte(e, s); q != nil && q.SetOp == nil && !aggregates(q) && present < 0 {
			where, targets := c.queryBody(q, s)
			s.bindings[rte] = binding{row: -1, targets: targets}
			return where
		}
	case e.Kind == "function" && len(e.Funcs) == 1 && present < 0:
		if where, ok := c.functionEntry(e.Funcs[0], rte, s); ok {
			return where
		}
	case e.Kind == "values" && present < 0 && len(e.Values) > 0:
		return c.valuesEntry(e.Values, rte, s)
	}
	c.calls++
	c.p.subs[c.sub].exact, c.p.subs[c.sub].known = false, false
	s.bindings[rte] = binding{row: -1, free: c.calls}
	return nil
}

// viewQuery is the definition of a view, to be read in its owner's rights unless it is its caller's; nil where a row of it is not a row of
// what it reads.
func (c *compiler) viewQuery(view *catalog.Relation) *expr.Query {
	if c.nodes++; c.m.Reader == nil || c.nodes > maxNodes {
		return nil
	}
	queries, err := c.m.Reader.View(view)
	if err != nil || len(queries) != 1 || queries[0].Command != "select" || queries[0].SetOp != nil || aggregates(queries[0]) || len(queries[0].Unknown) > 0 {
		return nil
	}
	inlined, ok := c.inlined(&expr.SubLink{Kind: "exists", Query: queries[0]}).(*expr.SubLink)
	if !ok || inlined.Query == nil {
		return nil
	}
	c.p.trusted[view] = view.Owner
	q := *inlined.Query
	if !reach.InvokersView(view) {
		q.RunAs = view.Owner
	}
	return &q
}

func (c *compiler) cte(e *expr.RangeEntry, s *scope) *expr.Query {
	at := s
	for range e.CTELevel {
		if at = at.outer; at == nil {
			return nil
		}
	}
	if at.query == nil {
		return nil
	}
	for i := range at.query.CTEs {
		if x := &at.query.CTEs[i]; x.Name == e.CTE && !x.Recursive && x.Query != nil && x.Query.Command == "select" {
			return x.Query
		}
	}
	return nil
}

// relationEntry adds a row of a relation, bound by the row security that the reader meets there.
func (c *compiler) relationEntry(rel *catalog.Relation, rte int, s *scope, present int) *node {
	r := len(c.p.rows)
	c.p.rows = append(c.p.rows, row{rel: rel, found: c.p.subs[c.sub].found, present: present, source: "sub", sub: c.sub})
	c.p.subs[c.sub].rows = append(c.p.subs[c.sub].rows, r)
	s.bindings[rte] = binding{row: r}
	if rel.Kind != catalog.Table && rel.Kind != catalog.Partitioned {
		c.p.subs[c.sub].exact, c.p.subs[c.sub].known = false, false
	}
	if _, ok := c.p.trusted[rel]; !ok {
		c.p.trusted[rel] = c.as
	}
	if c.p.uniqueOf(rel) {
		c.p.addUnique(rel)
	}
	visible := c.visible(rel, r)
	if present >= 0 && visible != nil {
		return operation(opOr, operation(opNot, &node{op: opVar, v: present, stand: -1}), visible)
	}
	return visible
}
