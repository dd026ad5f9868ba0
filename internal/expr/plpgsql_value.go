package expr

import (
	"maps"
	"strings"
)

// maxPaths bounds how many ways through a PL/pgSQL body are followed.
const maxPaths = 64

// plpgsqlValue says what a PL/pgSQL function returns, by running it on expressions: assignments become substitution, IF and
// CASE become CASE, SELECT INTO a scalar sub-query, an exception handler a choice that nobody can foresee, RAISE a value
// that is not known. Loops, dynamic statements and writes make what they assign unknown.
func (r *Reader) plpgsqlValue(b *Body, p *plReader, fn plNode) {
	f := b.Function
	if p.twice || f.Kind != "function" || f.ResultOID == voidOID || f.ResultOID == triggerOID {
		return
	}
	if f.ReturnsSet {
		b.Rows = p.onlyRows(fn.sub("action"))
		return
	}
	s := &plRunner{p: p, env: map[string]Expr{}, typ: f.ResultOID}
	kept := p.a.notes
	p.a.notes = &notes{}
	defer func() { p.a.notes = kept }()
	vars := p.a.vars
	defer func() { p.a.vars = vars }()
	for i, name := range p.names {
		if p.args[i] || name == "" {
			continue
		}
		s.env[name] = Expr(&Const{TypeOID: p.types[i], Null: true, Known: true})
		if p.types[i] == 0 {
			s.env[name] = &Unknown{Tag: "VARIABLE", Key: name}
		}
		if p.inits[i] != "" {
			s.env[name] = s.eval(p.inits[i], p.types[i])
		}
	}
	if v := s.run([]plNode{fn.sub("action")}, s.env); !s.failed {
		b.Value = v
	}
}

// onlyRows returns the query of a set-returning body that is nothing but RETURN QUERY.
func (p *plReader) onlyRows(block plNode) *Query {
	var rows *Query
	for _, n := range block.list("body") {
		switch {
		case n.kind == "stmt_return_query" && rows == nil && n.query("query") != "":
			rows = p.statement(n.query("query"))
		case n.kind == "stmt_return" && n.query("expr") == "":
		default:
			return nil
		}
	}
	if block.sub("exceptions").kind != "" {
		return nil
	}
	return rows
}

// A plRunner follows the ways through a body.
type plRunner struct {
	p      *plReader
	env    map[string]Expr
	typ    uint32
	paths  int
	failed bool
}

// eval resolves an expression with the variables' present values, in a type where one is asked for.
func (s *plRunner) eval(text string, typ uint32) Expr {
	e := s.replace(s.p.expression(text), s.env)
	if outgrows(e, maxNodes) { // v := v || v, again and again
		s.failed = true
		return s.unknown("LARGE")
	}
	if typ == 0 {
		return e
	}
	return s.p.a.coerce(e, typ, plpgsqlCast)
}

// replace puts the values of variables in their place.
func (s *plRunner) replace(e Expr, env map[string]Expr) Expr {
	return rewrite(e, func(e Expr, depth int) (Expr, bool) {
		p, ok := e.(*Param)
		if !ok || p.Kind != "variable" {
			return nil, false
		}
		v, ok := env[p.Name]
		if !ok {
			return &Unknown{Tag: "VARIABLE", Key: p.Name, TypeOID: p.TypeOID}, true
		}
		return shift(v, depth), true
	})
}

// run gives the value that the statements return, starting with those variables; NULL is never fallen back to: a body that
// ends without RETURN raises.
func (s *plRunner) run(list []plNode, env map[string]Expr) Expr {
	s.env = env
	if s.paths++; s.paths > maxPaths {
		s.failed = true
		return s.unknown("PATHS")
	}
	for i, n := range list {
		rest := list[i+1:]
		switch n.kind {
		case "stmt_block":
			return s.block(n, rest)
		case "stmt_return":
			if n.query("expr") == "" {
				return s.out()
			}
			return s.eval(n.query("expr"), s.typ)
		case "stmt_if":
			return s.branch(n, rest)
		case "stmt_case":
			return s.caseOf(n, rest)
		case "stmt_raise":
			if n.number("elog_level") >= 21 || n.number("elog_level") == 0 { // ERROR
				return s.unknown("RAISE")
			}
		default:
			s.step(n)
		}
		if s.failed {
			return s.unknown("FAILED")
		}
	}
	return s.unknown("RAISE")
}

// out is what a RETURN without a value gives: the one OUT argument's value. The parser also puts one at the end of a body
// that may run out, which raises where there is no such argument.
func (s *plRunner) out() Expr {
	outs := outs(s.p.a.fn)
	if len(outs) == 0 {
		return s.unknown("RAISE")
	}
	v, ok := s.env[outs[0]]
	if !ok || len(outs) > 1 {
		s.failed = true
		return s.unknown("RETURN")
	}
	return s.p.a.coerce(v, s.typ, plpgsqlCast)
}

func (s *plRunner) unknown(tag string) Expr {
	return &Unknown{Tag: tag, Key: strings.ToLower(tag), TypeOID: s.typ, Stable: true}
}

// AnyError is the key of the condition (Unknown, tag EXCEPTION) under which a handler takes whatever error the other arm raises.
const AnyError = "any error"

// block runs a block and then the rest. With handlers, nobody can say which is taken: a free truth value chooses.
func (s *plRunner) block(n plNode, rest []plNode) Expr {
	env := s.env
	handlers := n.sub("exceptions").list("exc_list")
	value := s.run(join(n.list("body"), rest), maps.Clone(env))
	if len(handlers) == 0 {
		return value
	}
	touched := maps.Clone(env)
	s.forget(n, touched)
	c := &Case{TypeOID: s.typ, Else: value}
	for i, h := range handlers {
		raised := &Unknown{Tag: "EXCEPTION", Key: "handler " + string(rune('1'+i%9)), TypeOID: boolOID}
		for at := range s.p.a.fn.ArgumentOIDs { // an error in these is the caller's
			raised.Args = append(raised.Args, s.p.a.param(at+1))
		}
		for _, k := range h.list("conditions") {
			if i == 0 && k.text("condname") == "others" {
				raised.Key = AnyError
			}
		}
		c.Whens = append(c.Whens, When{Cond: raised, Result: s.run(join(h.list("action"), rest), maps.Clone(touched))})
	}
	return c
}

func join(a, b []plNode) []plNode { return append(append([]plNode(nil), a...), b...) }

// branch follows IF: each arm with what comes after it.
func (s *plRunner) branch(n plNode, rest []plNode) Expr {
	env := s.env
	c := &Case{TypeOID: s.typ}
	c.Whens = append(c.Whens, When{Cond: s.eval(n.query("cond"), boolOID), Result: s.run(join(n.list("then_body"), rest), maps.Clone(env))})
	for _, e := range n.list("elsif_list") {
		s.env = env
		c.Whens = append(c.Whens, When{Cond: s.eval(e.query("cond"), boolOID), Result: s.run(join(e.list("stmts"), rest), maps.Clone(env))})
	}
	c.Else = s.run(join(n.list("else_body"), rest), maps.Clone(env))
	return c
}

// caseOf follows CASE, which raises where no arm is taken and there is no ELSE.
func (s *plRunner) caseOf(n plNode, rest []plNode) Expr {
	env := maps.Clone(s.env)
	if text := n.query("t_expr"); text != "" {
		at := n.number("t_varno")
		if at >= len(s.p.names) {
			s.failed = true
			return s.unknown("CASE")
		}
		v := s.eval(text, 0)
		s.p.types[at] = v.Type()
		s.p.retype(s.p.names[at], v.Type())
		env[s.p.names[at]] = v
	}
	c := &Case{TypeOID: s.typ}
	for _, w := range n.list("case_when_list") {
		s.env = env
		c.Whens = append(c.Whens, When{Cond: s.eval(w.query("expr"), boolOID), Result: s.run(join(w.list("stmts"), rest), maps.Clone(env))})
	}
	if c.Else = s.unknown("RAISE"); n.flag("have_else") {
		c.Else = s.run(join(n.list("else_stmts"), rest), maps.Clone(env))
	}
	return c
}

// retype gives the variable that CASE keeps its operand in the operand's type.
func (p *plReader) retype(name string, typ uint32) {
	for i := range p.a.vars {
		if v, ok := p.a.vars[i].value.(*Param); ok && p.a.vars[i].name == name && v.Kind == "variable" {
			c := *v
			c.TypeOID = typ
			p.a.vars[i].value = &c
		}
	}
}

// step follows a statement that does not choose: what it assigns is known, or it is not.
func (s *plRunner) step(n plNode) {
	switch n.kind {
	case "stmt_assign":
		s.assign(n)
	case "stmt_perform", "stmt_execsql":
		s.execute(n)
	case "stmt_assert", "stmt_commit", "stmt_rollback":
	case "stmt_call":
		s.forget(n, s.env)
	default: // loops, EXECUTE, GET DIAGNOSTICS, cursors
		if returns(n) {
			s.failed = true
		}
		s.forget(n, s.env)
	}
}

func (s *plRunner) assign(n plNode) {
	at := n.number("varno")
	target, text := assignment(n.query("expr"))
	if at >= len(s.p.names) || s.p.names[at] == "" || strings.ContainsAny(target, ".[") {
		s.forget(n, s.env)
		return
	}
	s.env[s.p.names[at]] = s.eval(text, s.p.types[at])
}

// execute follows SELECT INTO and PERFORM; FOUND says whether there was a row.
func (s *plRunner) execute(n plNode) {
	text := n.query("sqlstmt") + n.query("expr")
	q := s.p.statement(text)
	if q == nil || q.Command != "select" {
		s.forget(n, s.env)
		return
	}
	w := &rewriter{f: func(e Expr, depth int) (Expr, bool) {
		p, ok := e.(*Param)
		if !ok || p.Kind != "variable" {
			return nil, false
		}
		return shift(s.replace(p, s.env), depth+1), true
	}}
	q = w.query(q, 0)
	if n.flag("into") {
		s.into(n, q)
	}
	s.env["found"] = &SubLink{Kind: "exists", Query: q, TypeOID: boolOID}
	if plainValue(q) != nil {
		s.env["found"] = &Const{TypeOID: boolOID, Known: true, Text: "true"}
	}
}

// into gives each target of SELECT INTO its column of the first row.
func (s *plRunner) into(n plNode, q *Query) {
	target := n.sub("target")
	var visible []Target
	for _, t := range q.Targets {
		if !t.Junk {
			visible = append(visible, t)
		}
	}
	if target.kind == "rec" {
		s.intoRecord(target, q, visible, n.flag("strict"))
		return
	}
	if target.kind != "row" {
		s.forget(n, s.env)
		return
	}
	for i, f := range s.p.rowFields(target) {
		if f < 0 || f >= len(s.p.names) {
			continue
		}
		if i >= len(visible) {
			s.env[s.p.names[f]] = &Const{TypeOID: s.p.types[f], Null: true, Known: true}
			continue
		}
		s.env[s.p.names[f]] = s.column(q, visible[i], s.p.types[f], n.flag("strict"))
	}
}

// column is one column of a query's first row. A strict SELECT INTO raises where there is no row; that there is only one is
// left open, for the value of any of them is as good.
func (s *plRunner) column(q *Query, t Target, typ uint32, strict bool) Expr {
	one := *q
	one.Targets = []Target{t}
	v := s.p.a.r.queryValue(&one, typ)
	if !strict {
		return v
	}
	raise := &Unknown{Tag: "RAISE", Key: "raise", TypeOID: typ, Stable: true}
	return &Case{TypeOID: typ, Whens: []When{{Cond: s.exactly(q), Result: v}}, Else: raise}
}

// intoRecord gives a record the fields of a query's columns. One name with two types on two ways is given up.
func (s *plRunner) intoRecord(target plNode, q *Query, visible []Target, strict bool) {
	name := target.text("refname")
	s.forgetRecord(name, s.env)
	for _, t := range visible {
		field, typ := name+"."+t.Name, t.Expr.Type()
		if old := s.p.a.findVariable([]string{field}); old != nil && old.Type() != typ {
			s.failed = true
			return
		}
		s.p.a.vars = append(s.p.a.vars, variable{name: field, value: &Param{Kind: "variable", Name: field, TypeOID: typ}})
		s.env[field] = s.column(q, t, typ, strict)
	}
}

// forgetRecord makes a record's fields unknown.
func (s *plRunner) forgetRecord(name string, env map[string]Expr) {
	for k, v := range env {
		if strings.HasPrefix(k, name+".") {
			env[k] = &Unknown{Tag: "VARIABLE", Key: k, TypeOID: v.Type()}
		}
	}
}

// exactly says that a strict SELECT INTO did not raise, as far as an expression can: there was a row.
func (s *plRunner) exactly(q *Query) Expr {
	if plainValue(q) != nil {
		return &Const{TypeOID: boolOID, Known: true, Text: "true"}
	}
	return &SubLink{Kind: "exists", Query: q, TypeOID: boolOID}
}

// forget makes unknown what a statement, and those in it, may assign.
func (s *plRunner) forget(n plNode, env map[string]Expr) {
	for _, at := range s.p.assigned(n) {
		if at >= 0 && at < len(s.p.names) && s.p.names[at] != "" {
			env[s.p.names[at]] = &Unknown{Tag: "VARIABLE", Key: s.p.names[at], TypeOID: s.p.types[at]}
			s.forgetRecord(s.p.names[at], env)
		}
	}
	env["found"] = &Unknown{Tag: "VARIABLE", Key: "found", TypeOID: boolOID}
}
