package expr

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// A sieve goes through the body of a loop over a query's rows: of a row that the body skips, nothing comes out.
type sieve struct {
	p       *plReader
	label   string          // the loop's
	row     map[string]Expr // the query's targets by the variables that take them
	acts    []Expr          // under which conditions on the row the body does something
	always  bool            // … under none
	unclear []Expr          // conditions that are not known to say something of the row alone, or under which one ends the loop
}

// sift notes the conditions under which the body of a loop does anything with a row of the loop's query.
func (p *plReader) sift(loop plNode, q *Query) {
	if q == nil || q.Command != "select" || q.SetOp != nil || q.Group || p.twice {
		return
	}
	s := &sieve{p: p, row: p.takenBy(loop, q), label: loop.text("label")}
	for _, at := range p.assigned(plNode{fields: map[string]json.RawMessage{"body": loop.fields["body"]}}) {
		if at >= 0 && at < len(p.names) {
			s.forget(cmp.Or(p.telling.name[at], p.names[at]))
		}
	}
	s.through(loop.list("body"), nil)
	switch {
	case s.always || len(s.acts) == 0:
	case p.outlives(loop):
		p.body.Unsifted[q] = append(s.acts, s.unclear...)
	case len(s.unclear) > 0:
		p.body.Unsifted[q] = s.unclear
	default:
		p.sifted[q] = either(s.acts)
	}
}

// takenBy returns a query's targets by the variables of a loop that take them: a list of them and a row of a table's type by their order,
// a record by their names.
func (p *plReader) takenBy(loop plNode, q *Query) map[string]Expr {
	into := loop.sub("var")
	record, columns := into.text("refname"), []string(nil)
	if fields := p.rowFields(into); into.kind == "row" {
		for _, at := range fields {
			if at >= len(p.names) {
				return nil
			}
			columns = append(columns, p.names[at])
		}
		if len(fields) == 1 && p.columnsOf(p.types[fields[0]]) != nil {
			record, columns = columns[0], p.columnsOf(p.types[fields[0]])
		} else {
			record = ""
		}
	}
	out := map[string]Expr{}
	i := 0
	for _, t := range q.Targets {
		if t.Junk || columns != nil && i >= len(columns) {
			continue
		}
		name := t.Name
		if columns != nil {
			name = columns[i]
		}
		if record != "" {
			name = record + "." + name
		}
		if _, again := out[strings.ToLower(name)]; !again { // of two fields of one name, the first is meant
			out[strings.ToLower(name)] = t.Expr
		}
		i++
	}
	return out
}

// columnsOf lists the columns of a table's row type in their order; nil where it is none.
func (p *plReader) columnsOf(typ uint32) []string {
	rel := p.a.r.rowType(typ)
	if rel == nil {
		return nil
	}
	var out []string
	for i := range rel.Columns {
		out = append(out, rel.Columns[i].Name)
	}
	return out
}

// forget drops what a variable, or a record's fields, were given by the query: the body gives them something else.
func (s *sieve) forget(name string) {
	for taken := range s.row {
		if record, _, _ := strings.Cut(taken, "."); strings.EqualFold(record, name) || strings.EqualFold(taken, name) {
			delete(s.row, taken)
		}
	}
}

// through follows statements that a row comes to under a condition, and returns the one under which it comes to what stands after them;
// gone is true where it does not.
func (s *sieve) through(list []plNode, when Expr) (after Expr, gone bool) {
	for _, n := range list {
		switch {
		case n.kind == "stmt_if", n.kind == "stmt_case" && n.query("t_expr") == "":
			when, gone = s.branches(n, when)
		case n.kind == "stmt_return" && n.query("expr") == "":
			s.end(when)
			return nil, true
		case n.kind == "stmt_exit" && (!n.flag("is_exit") || n.text("label") == "" || n.text("label") == s.label):
			cond := Expr(nil)
			if n.query("cond") != "" {
				cond = s.condition(n.query("cond"))
			}
			if n.flag("is_exit") {
				s.end(both(when, cond))
			}
			if cond == nil {
				return nil, true
			}
			when = both(when, notTrue(cond))
		case n.kind == "stmt_block" && n.sub("exceptions").kind == "":
			when, gone = s.through(n.list("body"), when)
		default:
			s.act(when)
			gone = n.kind == "stmt_return"
		}
		if gone {
			return nil, true
		}
	}
	return when, false
}

func (s *sieve) branches(n plNode, when Expr) (after Expr, gone bool) {
	arms, last, raises := armsOf(n)
	var on []Expr
	past, open := Expr(nil), false
	branch := func(cond Expr, list []plNode) {
		out, gone := s.through(list, both(when, cond))
		if !gone {
			on, open = append(on, out), open || out == nil
		}
	}
	for _, a := range arms {
		cond := s.condition(a.cond)
		branch(both(past, cond), a.list)
		past = both(past, notTrue(cond))
	}
	if raises {
		s.act(both(when, past))
	} else {
		branch(past, last)
	}
	if len(on) == 0 {
		return nil, true
	}
	if open {
		return nil, false
	}
	return either(on), false
}

// end notes that a row ends the loop: of one that the body does nothing with, that tells whether it came before the others.
func (s *sieve) end(when Expr) {
	switch {
	case when == nil:
		s.unclear = append(s.unclear, s.acts...)
	case !slices.Contains(s.acts, when):
		s.unclear = append(s.unclear, when)
	}
}

func (s *sieve) act(when Expr) {
	if when == nil {
		s.always = true
		return
	}
	s.acts = append(s.acts, when)
}

// condition reads a condition over the query's own row.
func (s *sieve) condition(text string) Expr {
	e := Rewrite(s.p.expression(text), s.p.withFixed)
	e = Rewrite(e, func(e Expr, depth int) (Expr, bool) {
		name, suffix := e, ""
		if f, ok := e.(*Field); ok {
			name, suffix = f.Arg, "."+f.Name
		}
		v, ok := name.(*Param)
		if !ok || v.Kind != "variable" {
			return nil, false
		}
		target, ok := s.row[strings.ToLower(v.Name+suffix)]
		if !ok {
			return nil, false
		}
		return shift(target, depth), true
	})
	clear := stable(e)
	Walk(e, func(e Expr) bool {
		switch e := e.(type) {
		case *Unknown, *Aggregate:
			clear = false
		case *Param:
			clear = clear && e.Kind == "extern" && !s.p.changed[strings.ToLower(e.Name)]
		}
		return clear
	})
	if !clear {
		s.unclear = append(s.unclear, e)
	}
	return e
}
