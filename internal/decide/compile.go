package decide

import (
	"fmt"
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A compiler turns one expression into a program.
type compiler struct {
	p         *program
	m         *tenancy.Model
	d         *Decider
	snap      *catalog.Snapshot
	as        string // whose rights sub-queries use
	user      string // what current_user says
	asContext bool   // definer functions without arguments give the tenant
	args      bool   // parameters are the caller's to choose
	login     string // what session_user says
	sub       int    // the sub-query being compiled, -1: none
	// stack holds the relations whose policies are being expanded: meeting one again is PostgreSQL's infinite recursion.
	stack     []*catalog.Relation
	recursion *catalog.Relation
	caseArgs  []*node
	// domainValues are the values that the domain checks being compiled are about.
	domainValues []*node
	over         *aggregation // the sub-query whose targets are being compiled, where it computes over its rows
	next         *aggregation // … for the query that is compiled next
	subCols      []*node
	set          *expr.Call // the call of the target at hand that returns a set, and one of its elements
	setElem      *node
	queries      []sharedQuery     // sub-queries that were compiled
	unfolds      map[int]*elements // free variables that stand for an element
	calls        int
	nodes        int
}

// maxNodes bounds a program: what is larger is not decided.
const maxNodes = 20000

// A binding is what one range table entry became.
type binding struct {
	row     int     // its row, -1
	targets []*node // a sub-query's or function's columns
	free    int     // number of an entry that is not understood, from 1
	// elements are what it unfolds: understood as far as members of them are asked for.
	elements *elements
}

// A scope is a query being compiled and the ones around it.
type scope struct {
	outer    *scope
	query    *expr.Query
	bindings map[int]binding
	id       int
}

func (c *compiler) newScope(outer *scope, q *expr.Query) *scope {
	c.calls++
	return &scope{outer: outer, query: q, bindings: map[int]binding{}, id: c.calls}
}

// rowScope is the scope of an expression over one row.
func (c *compiler) rowScope(r int) *scope {
	s := c.newScope(nil, nil)
	s.bindings[1], s.bindings[2] = binding{row: r}, binding{row: r}
	return s
}

func (c *compiler) typeOf(oid uint32, mod int32) sqlType { return typeOf(c.snap, oid, mod) }

// compile turns e, standing in s, into a node.
func (c *compiler) compile(e expr.Expr, s *scope) *node {
	c.nodes++
	if c.nodes > maxNodes {
		return constant(null)
	}
	n := c.compileNode(e, s)
	return fold(n)
}

func (c *compiler) compileNode(e expr.Expr, s *scope) *node {
	switch e := e.(type) {
	case nil:
		return constant(null)
	case *expr.Var:
		return c.column(e, s)
	case *expr.Const:
		return c.literal(e)
	case *expr.Logic:
		return c.logic(e, s)
	case *expr.NullTest:
		return &node{op: opIsNull, args: []*node{c.compile(e.Arg, s)}, not: e.Not, stand: -1}
	case *expr.TruthTest:
		return &node{op: opTruth, args: []*node{c.compile(e.Arg, s)}, want: e.Want, not: e.Not, stand: -1}
	case *expr.Case:
		return c.caseOf(e, s)
	case *expr.CaseArg:
		if len(c.caseArgs) > 0 {
			return c.caseArgs[len(c.caseArgs)-1]
		}
	case *expr.Coalesce:
		n := operation(opCoalesce, c.all(e.Args, s)...)
		n.t = c.typeOf(e.TypeOID, -1)
		return n
	case *expr.Cast:
		return c.cast(e, s)
	case *expr.Collate:
		return c.compile(e.Arg, s)
	case *expr.Operation:
		return c.operator(e, s)
	case *expr.Quantified:
		return c.quantified(e, s)
	case *expr.RowCompare:
		return c.rowCompare(e, s)
	case *expr.Row:
		return operation(opRow, c.all(e.Fields, s)...)
	case *expr.Array:
		n := operation(opArray, c.all(e.Elements, s)...)
		n.t = c.typeOf(e.TypeOID, -1)
		return n
	case *expr.Call:
		return c.call(e, s)
	case *expr.MinMax:
		return c.run(minMax(e.Greatest), e, c.all(e.Args, s), s)
	case *expr.Subscript:
		if len(e.Upper) == 1 && len(e.Lower) == 0 && c.typeOf(e.Container.Type(), -1).kind == kindArray {
			return c.run(&subscriptFunction, e, []*node{c.compile(e.Container, s), c.compile(e.Upper[0], s)}, s)
		}
	case *expr.SessionValue:
		return c.session(e, s)
	case *expr.SubLink:
		return c.subLink(e, s)
	case *expr.Param:
		if e.Kind == "domain" && len(c.domainValues) > 0 {
			return c.domainValues[len(c.domainValues)-1]
		}
		if c.args && e.Kind == "extern" {
			return c.argument(e)
		}
	case *expr.Unknown:
		if e.Tag == "RAISE" { // PL/pgSQL: RAISE, or the end of a body without RETURN
			return &node{op: opRaise, stand: -1, t: c.typeOf(e.TypeOID, -1)}
		}
	case *expr.Aggregate:
		if c.over != nil {
			return c.aggregate(e, s)
		}
	case *expr.SubColumn:
		if e.Num >= 1 && e.Num <= len(c.subCols) {
			return c.subCols[e.Num-1]
		}
	}
	return c.free(e, s, describe(e))
}

func (c *compiler) all(es []expr.Expr, s *scope) []*node {
	out := make([]*node, len(es))
	for i, e := range es {
		out[i] = c.compile(e, s)
	}
	return out
}

func (c *compiler) logic(e *expr.Logic, s *scope) *node {
	args := c.all(e.Args, s)
	switch e.Op {
	case "and":
		return conjunction(args...)
	case "not":
		return operation(opNot, args...)
	}
	var kept []*node
	for _, a := range args {
		if a.op == opConst && a.val.isTrue() {
			return constant(trueV) // the planner drops what stands beside a constant TRUE
		}
		if !(a.op == opConst && a.val.isFalse()) {
			kept = append(kept, a)
		}
	}
	if len(kept) == 0 {
		return constant(falseV)
	}
	return operation(opOr, kept...)
}

func (c *compiler) caseOf(e *expr.Case, s *scope) *node {
	if e.Arg != nil {
		c.caseArgs = append(c.caseArgs, c.compile(e.Arg, s))
		defer func() { c.caseArgs = c.caseArgs[:len(c.caseArgs)-1] }()
	}
	n := operation(opCase)
	if u, ok := firstCondition(e).(*expr.Unknown); ok && u.Tag == "EXCEPTION" && u.Key == expr.AnyError && len(e.Whens) == 1 {
		n.op = opTry
	}
	n.t = c.typeOf(e.TypeOID, -1)
	for _, w := range e.Whens {
		n.args = append(n.args, c.compile(w.Cond, s), c.compile(w.Result, s))
	}
	n.args = append(n.args, c.compile(e.Else, s))
	if u, ok := firstCondition(e).(*expr.Unknown); ok && u.Tag == "EXCEPTION" {
		return afterAll(c.all(u.Args, s), n)
	}
	return n
}

// afterAll is n after all of args were evaluated: where one of them raises, n is never reached.
func afterAll(args []*node, n *node) *node {
	out := operation(opCase)
	for _, a := range args {
		if a.op != opConst && a.op != opVar {
			out.args = append(out.args, &node{op: opTruth, want: "true", args: []*node{compare(cmpEQ, constant(null), a)}, stand: -1}, constant(null))
		}
	}
	if len(out.args) == 0 {
		return n
	}
	out.args = append(out.args, n)
	out.t = n.t
	return out
}

func firstCondition(e *expr.Case) expr.Expr {
	if e.Arg != nil || len(e.Whens) == 0 {
		return nil
	}
	return e.Whens[0].Cond
}

// column resolves a Var to a variable, or to the expression behind it.
func (c *compiler) column(e *expr.Var, s *scope) *node {
	at := s
	for range e.Level {
		if at = at.outer; at == nil {
			return c.free(e, s, describe(e))
		}
	}
	b, ok := at.bindings[e.RTE]
	switch {
	case !ok || e.Num <= 0 && b.row >= 0:
		return c.free(e, s, describe(e))
	case b.targets != nil:
		if int(e.Num) >= 1 && int(e.Num) <= len(b.targets) {
			return b.targets[e.Num-1]
		}
		return c.free(e, s, describe(e))
	case b.elements != nil:
		return c.elementColumn(b, e, s)
	case b.free > 0:
		return c.freeKeyed(fmt.Sprintf("entry/%d/%d", b.free, e.Num), c.typeOf(e.TypeOID, e.TypeMod), describe(e), false)
	}
	return c.columnOf(b.row, e.Num, e.Name, c.typeOf(e.TypeOID, e.TypeMod))
}

// columnOf is a column of one of the program's rows.
func (c *compiler) columnOf(r int, num int16, name string, t sqlType) *node {
	rw := &c.p.rows[r]
	notNull := false
	if rw.rel != nil {
		if col := rw.rel.Column(num); col != nil {
			name, notNull = col.Name, col.NotNull
			t = c.typeOf(col.TypeOID, col.TypeMod)
		}
	}
	i := c.p.variable("c/"+strconv.Itoa(r)+"/"+strconv.Itoa(int(num)), func() variable {
		return variable{class: classColumn, name: name, row: r, num: num, t: t, notNull: notNull}
	})
	n := &node{op: opVar, v: i, t: t, stand: -1}
	if rw.present >= 0 && rw.source != "parent" {
		return &node{op: opPresent, v: rw.present, args: []*node{n}, t: t, stand: -1}
	}
	return n
}

func (c *compiler) literal(e *expr.Const) *node {
	t := c.typeOf(e.TypeOID, -1)
	if e.Null {
		return constant(null)
	}
	if e.Known {
		if v, ok := parse(e.Text, t); ok {
			n := constant(v)
			n.t = t
			return n
		}
	}
	return c.freeKeyed("const/"+strconv.Itoa(int(e.TypeOID))+"/"+e.Raw+e.Text, t, "a constant of type "+t.format, true)
}

// free is a node for what is not understood: it may be anything, and NULL.
func (c *compiler) free(e expr.Expr, s *scope, what string) *node {
	v, rowFree := c.freeVariable(e, s, what)
	return &node{op: opVar, v: v, t: c.p.vars[v].t, stand: -1, not: rowFree}
}

func (c *compiler) freeVariable(e expr.Expr, s *scope, what string) (int, bool) {
	rowFree, volatile := true, false
	expr.Walk(e, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.Var, *expr.SubLink, *expr.SubColumn, *expr.CaseArg, *expr.Aggregate:
			rowFree = false
		case *expr.Call:
			volatile = volatile || x.Func == nil || x.Func.Volatility == "volatile"
		case *expr.Unknown:
			volatile = volatile || !x.Stable
		}
		return true
	})
	key := "free/"
	if volatile || c.m.Reader == nil || len(c.caseArgs)+len(c.domainValues)+len(c.subCols) > 0 {
		c.calls++
		key += "#" + strconv.Itoa(c.calls)
	} else {
		key += c.m.Reader.Identity(e)
		if !rowFree {
			key += "@" + strconv.Itoa(s.id)
		}
	}
	n := c.freeKeyed(key, c.typeOf(e.Type(), -1), what, rowFree)
	c.p.vars[n.v].state = rowFree && saysOfSession(e)
	return n.v, rowFree
}

func (c *compiler) freeKeyed(key string, t sqlType, what string, rowFree bool) *node {
	i := c.p.variable(key, func() variable { return variable{class: classFree, name: what, t: t, rowFree: rowFree, row: -1} })
	return &node{op: opVar, v: i, t: t, stand: -1}
}

// fold evaluates what is constant.
func fold(n *node) *node {
	if n.op == opCall && n.fn.clock {
		return n
	}
	switch n.op {
	case opCompare, opDistinct, opNullif, opConvert, opArray, opRow, opQuant, opCall:
	case opNot, opIsNull, opTruth:
		if n.args[0].op == opConst {
			if r := (&env{}).eval(n); r.st == known {
				return constant(r.v)
			}
		}
		return n
	default:
		return n
	}
	vals := make([]value, len(n.args))
	for i, a := range n.args {
		if a.op != opConst {
			return n
		}
		vals[i] = a.val
	}
	v, how := applyValues(n, vals)
	switch how {
	case done:
		out := constant(v)
		out.t = n.t
		return out
	case raised:
		return &node{op: opRaise, stand: -1, t: n.t}
	}
	return n
}

// describe says in a few words what an expression is, for people.
func describe(e expr.Expr) string {
	switch e := e.(type) {
	case *expr.Call:
		if e.Func != nil {
			return "function " + e.Func.Identity()
		}
		return "function " + strconv.Itoa(int(e.OID))
	case *expr.Operation:
		if e.Op != nil {
			return "operator " + e.Op.Identity()
		}
		return "operator " + strconv.Itoa(int(e.OID))
	case *expr.Quantified:
		if e.Op != nil {
			return "operator " + e.Op.Identity()
		}
	case *expr.Var:
		if e.Name != "" {
			return "column " + e.Name
		}
		return "a whole row"
	case *expr.SessionValue:
		return e.Name
	case *expr.Unknown:
		return "node " + e.Tag
	case *expr.Aggregate:
		return "an aggregate"
	case *expr.SubLink:
		return "a sub-query"
	case *expr.Param:
		return "a parameter"
	}
	return fmt.Sprintf("%T", e)[len("*expr."):]
}
