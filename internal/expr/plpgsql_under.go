package expr

import (
	"slices"
	"strings"
)

// follow collects statements one after the other. What an IF lets on to holds for those after it: where a branch raises or leaves, its
// condition was not TRUE, which NULL is not either.
func (p *plReader) follow(list []plNode) {
	for _, n := range list {
		p.collect(n)
		switch n.kind {
		case "stmt_perform", "stmt_execsql", "stmt_assign", "stmt_raise":
		default: // it may say anew whether a row was found
			p.found = nil
		}
	}
}

// inner collects what a statement holds. Only a plain block, which is gone through from its beginning to its end, says something
// of what comes after it.
func (p *plReader) inner(n plNode) {
	before := p.when
	if n.kind == "stmt_block" && n.sub("exceptions").kind == "" && !jumps(n) {
		p.follow(n.list("body"))
		return
	}
	guards := len(p.body.Guards)
	for _, s := range inside(n) {
		p.found = nil
		p.lost = p.lost || s.kind == "exception" && len(p.body.Guards) > guards
		if s.kind == "exception" || s.kind == "case_when" {
			p.when = before
		}
		p.collect(s)
	}
	p.when, p.lost = before, p.lost || len(p.body.Guards) > guards
}

// jumps reports whether a statement may go on elsewhere than after itself.
func jumps(n plNode) bool {
	return n.kind == "stmt_exit" || slices.ContainsFunc(inside(n), jumps)
}

// An arm is a branch of an IF or a CASE.
type arm struct {
	cond string
	list []plNode
}

// armsOf takes an IF apart, or a CASE that compares nothing; raises is true where a row of conditions that are all not TRUE is an error.
func armsOf(n plNode) (arms []arm, last []plNode, raises bool) {
	if n.kind == "stmt_case" {
		for _, w := range n.list("case_when_list") {
			arms = append(arms, arm{w.query("expr"), w.list("stmts")})
		}
		return arms, n.list("else_stmts"), !n.flag("have_else")
	}
	arms = append(arms, arm{n.query("cond"), n.list("then_body")})
	for _, e := range n.list("elsif_list") {
		arms = append(arms, arm{e.query("cond"), e.list("stmts")})
	}
	return arms, n.list("else_body"), false
}

// branches collects an IF or a CASE: each branch under its condition, and what comes after it, where branches raise or leave, under those
// of the others.
func (p *plReader) branches(n plNode) {
	arms, last, raises := armsOf(n)
	guards := raises || refuses(last) || slices.ContainsFunc(arms, func(a arm) bool { return refuses(a.list) })
	before, past, found := p.when, Expr(nil), p.found
	var on []Expr
	refused, open := raises, false
	branch := func(when Expr, list []plNode) {
		p.when, p.found = both(before, when), found
		guards := len(p.body.Guards)
		p.follow(list)
		p.lost = p.lost || len(p.body.Guards) > guards
		if refuses(list) {
			refused = true
			return
		}
		on = append(on, when)
		open = open || when == nil
	}
	for _, a := range arms {
		p.when, p.found = both(before, past), found
		p.keepExpr(a.cond)
		cond := p.condition(a.cond, guards)
		branch(both(past, cond), a.list)
		past = both(past, notTrue(cond))
	}
	if !raises {
		branch(past, last)
	}
	switch p.when = before; {
	case !refused || len(on) == 0:
	case open:
		p.lost = true
	default:
		p.when = both(before, either(on))
	}
}

// condition reads a condition, and returns it where it means the same in every later statement: over the session, parameters and rows
// that the body gives nothing, variables that are fixed, and tables, which fix sees to. Nil for others. One under which the body refuses is a guard either way.
func (p *plReader) condition(text string, refuses bool) Expr {
	e := Rewrite(p.expression(text), p.withFound)
	var guards []Expr
	if refuses {
		guards = p.guard(e)
	}
	e = Rewrite(e, p.withFixed)
	followed := true
	WalkDeep(e, func(e Expr, _ int) bool {
		switch e := e.(type) {
		case *Call:
			followed = followed && e.Func != nil && e.Func.Volatility != "volatile"
		case *SubLink:
			followed = followed && e.Query != nil && e.Query.Command == "select"
			p.ask(e.Query)
		case *Unknown:
			followed = false
		case *Field: // a trigger's rows
			if v, ok := e.Arg.(*Param); ok && !p.changed[strings.ToLower(v.Name)] && (strings.EqualFold(v.Name, "new") || strings.EqualFold(v.Name, "old")) {
				return false
			}
		case *Param:
			followed = followed && e.Kind == "extern" && !p.changed[strings.ToLower(e.Name)]
		}
		return followed
	})
	if followed {
		return e
	}
	p.body.Unfollowed = append(p.body.Unfollowed, guards...)
	return nil
}

// withFound replaces FOUND by the question whether the query that it is of finds a row.
func (p *plReader) withFound(e Expr, _ int) (Expr, bool) {
	v, ok := e.(*Param)
	if !ok || v.Kind != "variable" || v.Name != "found" || p.twice || p.changed["found"] || p.found == nil || p.found.Command != "select" || len(p.found.From) == 0 {
		return nil, false
	}
	return &SubLink{Kind: "exists", Query: p.found, TypeOID: boolOID}, true
}

// ask notes the tables that a condition looks at.
func (p *plReader) ask(q *Query) {
	Queries(q, func(q *Query) {
		for i := range q.Range {
			if rel := q.Range[i].Relation; rel != nil {
				p.asked[rel] = true
			}
		}
	})
}

// writesAsked reports whether a statement writes a table that a condition looks at.
func (p *plReader) writesAsked(s *Query) bool {
	found := false
	Queries(s, func(q *Query) {
		found = found || p.asked[q.Written()]
	})
	return found
}

func notTrue(e Expr) Expr {
	if e == nil {
		return nil
	}
	return &TruthTest{Arg: e, Want: "true", Not: true}
}

// both joins two conditions; nil is one that says nothing.
func both(a, b Expr) Expr {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &Logic{Op: "and", Args: []Expr{a, b}}
}

func either(all []Expr) Expr {
	if len(all) == 1 {
		return all[0]
	}
	return &Logic{Op: "or", Args: all}
}
