package expr

import (
	"slices"
	"strings"
)

// collect takes the static statements, the expressions and the texts of dynamic statements, block by block.
func (p *plReader) collect(n plNode) {
	if n.kind == "stmt_if" || n.kind == "stmt_case" && n.query("t_expr") == "" {
		p.branches(n)
		return
	}
	switch n.kind {
	case "stmt_execsql":
		q := p.fields(n.sub("target"), p.statement(n.query("sqlstmt")))
		p.keep(q)
		p.found = q
		if n.flag("into") && q != nil {
			p.give(n, &SubLink{Kind: "scalar", Query: q})
			p.telling.takes(p, n, q, nil)
		}
	case "stmt_call":
		p.keep(p.statement(n.query("expr")))
	case "stmt_perform":
		p.found = p.statement(n.query("expr"))
		p.keep(p.found)
	case "stmt_return_query", "stmt_open", "stmt_fors":
		p.dynamic(n, "dynquery")
		if text := n.query("query"); text != "" {
			q := p.fields(n.sub("var"), p.statement(text))
			p.keep(q)
			p.sift(n, q)
			p.telling.takes(p, n, q, nil)
		}
	case "stmt_forc":
		p.a.notes.add(&p.a.notes.opaque, "a loop over a cursor")
	case "stmt_dynexecute", "stmt_dynfors":
		p.dynamic(n, "query")
	case "stmt_assign":
		_, text := assignment(n.query("expr"))
		e := p.expression(text)
		p.telling.takes(p, n, p.keepExpr(text), e)
		p.give(n, e)
	case "stmt_raise":
		p.telling.raised(p, n)
		return
	default:
		for _, name := range []string{"cond", "expr", "t_expr", "lower", "upper", "step"} {
			p.keepExpr(n.query(name))
		}
	}
	for _, e := range n.list("params") {
		p.keepExpr(e.text("query"))
	}
	p.inner(n)
}

// fields declares the fields of a record that takes a query's rows.
func (p *plReader) fields(rec plNode, q *Query) *Query {
	if rec.kind != "rec" {
		return q
	}
	for _, c := range queryColumns(q, nil) {
		name := rec.text("refname") + "." + c.name
		p.a.vars = append(p.a.vars, variable{name: name, value: &Param{Kind: "variable", Name: name, TypeOID: c.value.Type()}})
	}
	return q
}

func (p *plReader) keep(q *Query) {
	if q == nil {
		return
	}
	p.body.Statements = append(p.body.Statements, q)
	if p.when != nil {
		p.body.Under[q] = p.when
	}
	p.body.Beside[q] = p.lost
}

// keepExpr keeps an expression that reads or calls something as a select without FROM, and returns it.
func (p *plReader) keepExpr(text string) *Query {
	if text == "" || plain(text) {
		return nil
	}
	e := p.expression(text)
	found := false
	WalkDeep(e, func(e Expr, _ int) bool {
		switch e.(type) {
		case *Call, *SubLink, *Unknown, *SessionValue, *Operation:
			found = true
		}
		return !found
	})
	if !found {
		return nil
	}
	q := &Query{Command: "select", CanSetTag: true, Targets: []Target{{Expr: shift(e, 1), Num: 1}}}
	p.keep(q)
	return q
}

// plain reports whether a text is one word, which neither reads nor calls anything that is kept.
func plain(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "null", "true", "false", "new", "old", "found":
		return true
	}
	return false
}

// dynamic keeps the text of an EXECUTE; a constant that is given no values is a statement like any other.
func (p *plReader) dynamic(n plNode, field string) {
	text := n.query(field)
	if text == "" || slices.Contains(p.body.Dynamic, text) {
		return
	}
	e := p.expression(text)
	if k, ok := e.(*Const); ok && k.Known && len(n.list("params")) == 0 {
		if q := p.statement(k.Text); q != nil {
			p.keep(q)
			p.telling.takes(p, n, q, nil)
			return
		}
	}
	p.body.Dynamic = append(p.body.Dynamic, text)
	p.keepExpr(text)
	p.dynamics = append(p.dynamics, e)
}

// assignment splits target := value.
func assignment(text string) (target, value string) {
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], ":="):
			return strings.TrimSpace(text[:i]), text[i+2:]
		case text[i] == '=':
			return strings.TrimSpace(text[:i]), text[i+1:]
		case text[i] == '"':
			if end := strings.IndexByte(text[i+1:], '"'); end >= 0 {
				i += end + 1
			}
		}
	}
	return "", text
}

// give notes what a statement gives the variables that it assigns.
func (p *plReader) give(n plNode, e Expr) {
	for _, at := range p.assigned(n) {
		if at >= 0 && at < len(p.names) && p.names[at] != "" {
			p.given[p.names[at]] = append(p.given[p.names[at]], e)
		}
	}
}

// refuses reports whether statements end in an error, or leave the function.
func refuses(list []plNode) bool {
	if len(list) == 0 {
		return false
	}
	last := list[len(list)-1]
	return last.kind == "stmt_return" || last.kind == "stmt_raise" && (last.number("elog_level") >= 21 || last.number("elog_level") == 0)
}

// guard keeps a condition with what its variables were given, and returns what it keeps.
func (p *plReader) guard(cond Expr) []Expr {
	kept := []Expr{cond}
	Walk(cond, func(e Expr) bool {
		if v, ok := e.(*Param); ok && v.Kind == "variable" {
			name, _, _ := strings.Cut(v.Name, ".")
			kept = append(kept, p.given[name]...)
		}
		return true
	})
	p.body.Guards = append(p.body.Guards, kept...)
	return kept
}
