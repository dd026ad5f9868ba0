package reach

import (
	"slices"
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// drop takes out of a scope the conditions that the caller fulfils as he likes. What then speaks of given rows alone, and of no row
// that is looked for, goes too. Leaving conditions out is sound; leaving these out keeps a way that is open from looking undecided.
func (s *scope) drop() {
	s.dropChosen()
	s.dropGiven()
}

// dropChosen drops what the caller chooses: a column equal to a parameter, or to a column of a new row, that nothing else speaks of; or
// different from it, which almost any choice is.
func (s *scope) dropChosen() {
	counts := make(map[string]int)
	for _, c := range s.conds {
		for key := range s.choices(c.expr) {
			counts[key]++
		}
	}
	s.conds = slices.DeleteFunc(s.conds, func(c condition) bool {
		o, ok := c.expr.(*expr.Operation)
		if !ok || o.Kind != "plain" || o.Op == nil || o.Op.BTreeStrategy != 3 && !differs(o.Op) || len(o.Args) != 2 {
			return false
		}
		for i := range o.Args {
			key, ok := s.choice(o.Args[i])
			if ok && counts[key] == 1 && len(s.choices(o.Args[1-i])) == 0 {
				return true
			}
		}
		return false
	})
}

// choose writes the columns of NEW that the caller chooses as what they are: arguments, of no number, that have the columns' names.
func (s *scope) choose() {
	for i := range s.conds {
		s.conds[i].expr = expr.Rewrite(s.conds[i].expr, func(e expr.Expr, depth int) (expr.Expr, bool) {
			v, ok := e.(*expr.Var)
			if !ok || v.Level != depth {
				return nil, false
			}
			at := *v
			at.Level = 0
			name, ok := s.choice(&at)
			if !ok {
				return nil, false
			}
			return &expr.Param{Kind: "extern", Name: name, TypeOID: v.TypeOID}, true
		})
	}
}

// differs reports whether an operator is PostgreSQL's own <> of a type.
func differs(o *catalog.Operator) bool {
	return o.Schema == "pg_catalog" && o.Name == "<>" && o.Left == o.Right
}

// dropGiven drops the conditions on given rows that are tied to nothing else.
func (s *scope) dropGiven() {
	tied := false
	for _, c := range s.conds {
		given, other := false, false
		for p := range mentions(c.expr) {
			if p <= len(s.sources) && s.sources[p-1].given {
				given = true
			} else {
				other = true
			}
		}
		tied = tied || given && other
	}
	if tied {
		return
	}
	s.conds = slices.DeleteFunc(s.conds, func(c condition) bool {
		m := mentions(c.expr)
		for p := range m {
			if p > len(s.sources) || !s.sources[p-1].given {
				return false
			}
		}
		return len(m) > 0
	})
}

// choices returns the values in e that the caller chooses.
func (s *scope) choices(e expr.Expr) map[string]bool {
	out := make(map[string]bool)
	expr.WalkDeep(e, func(n expr.Expr, depth int) bool {
		if v, ok := n.(*expr.Var); ok && v.Level == depth {
			c := *v
			c.Level = 0
			n = &c
		}
		if key, ok := s.choice(n); ok {
			out[key] = true
		}
		return true
	})
	return out
}

// choice returns the key of a value that the caller chooses: a parameter, or a column of NEW that no constraint ties to others.
func (s *scope) choice(e expr.Expr) (string, bool) {
	for {
		c, ok := e.(*expr.Cast)
		if !ok || c.Kind != "relabel" {
			break
		}
		e = c.Arg
	}
	switch e := e.(type) {
	case *expr.Param:
		return "$" + strconv.Itoa(e.ID), e.Kind == "extern"
	case *expr.Var:
		if e.Level != 0 || e.RTE < 1 || e.RTE > len(s.sources) {
			return "", false
		}
		src := &s.sources[e.RTE-1]
		if !src.chosen || src.entry.Relation == nil || constrained(src.entry.Relation, e.Name) {
			return "", false
		}
		return "new." + e.Name, true
	}
	return "", false
}

// constrained reports whether a column's value is bound to those of others: by a CHECK, a foreign key of several columns, a
// generation expression.
func constrained(rel *catalog.Relation, column string) bool {
	if c := rel.ColumnByName(column); c == nil || c.Generated != "" {
		return true
	}
	for i := range rel.Constraints {
		c := &rel.Constraints[i]
		if (c.Kind == "check" || c.Kind == "foreign" && len(c.Columns) > 1) && slices.Contains(c.Columns, column) {
			return true
		}
	}
	return false
}

// boundTo copies a called function's statement with its parameters replaced by what the call gives: what depends on a row of the
// caller's becomes a value that nobody knows.
func boundTo(q *expr.Query, args []expr.Expr) *expr.Query {
	return expr.RewriteQuery(q, func(e expr.Expr, _ int) (expr.Expr, bool) {
		p, ok := e.(*expr.Param)
		if !ok || p.Kind != "extern" {
			return nil, false
		}
		if p.ID >= 1 && p.ID <= len(args) && !readsRows(args[p.ID-1]) {
			return args[p.ID-1], true
		}
		c := *p
		c.Kind, c.ID = "variable", p.ID+callerParams
		return &c, true
	})
}

// callerParams sets the parameters of a called function apart from those of its caller.
const callerParams = 1000

// readsRows reports whether an expression depends on a row of the query that it stands in.
func readsRows(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(n expr.Expr, depth int) bool {
		v, ok := n.(*expr.Var)
		found = found || ok && v.Level >= depth
		return !found
	})
	return found
}

// as writes a role's name where a predicate asks for the current user, for ways on which that is another than the session's own
// role: who reads it there was chosen with the way.
func (w *walker) as(e expr.Expr, role string) expr.Expr {
	if e == nil {
		return nil
	}
	key := asKey{e, role}
	if known, ok := w.named[key]; ok {
		return known
	}
	changed := false
	out := expr.Rewrite(e, func(n expr.Expr, _ int) (expr.Expr, bool) {
		v, ok := n.(*expr.SessionValue)
		if !ok || v.Name != "current_user" && v.Name != "current_role" && v.Name != "user" {
			return nil, false
		}
		changed = true
		return &expr.Const{TypeOID: v.TypeOID, Known: true, Text: role}, true
	})
	if !changed {
		out = e
	}
	w.named[key] = out
	return out
}

type asKey struct {
	e    expr.Expr
	role string
}
