package expr

import "github.com/ringfencehq/ringfence/internal/catalog"

// variable reads a Var. One that names a column of a join, or (18) of the grouping step, is replaced by the expression
// behind it, so that the same query reads the same on every version.
func (b *builder) variable(n *node) Expr {
	v := &Var{Level: n.get("varlevelsup").int(), RTE: n.get("varno").int(), Num: int16(n.get("varattno").int()),
		TypeOID: n.get("vartype").oid(), TypeMod: int32(n.get("vartypmod").int()), Collation: n.get("varcollid").oid()}
	switch n.get("varreturningtype").int() {
	case 1:
		v.Returning = "old"
	case 2:
		v.Returning = "new"
	}
	if s := b.scope.up(v.Level); s != nil {
		v.RTE -= s.skip
	}
	e := b.scope.entry(v.Level, v.RTE)
	if e == nil {
		return v
	}
	if (e.Kind == "join" || e.Kind == "group") && v.Num > 0 && int(v.Num) <= len(e.JoinVars) && e.JoinVars[v.Num-1] != nil && b.affords(e.JoinVars[v.Num-1]) {
		return shift(e.JoinVars[v.Num-1], v.Level)
	}
	v.Name = columnName(e, v.Num)
	return v
}

// columnName returns the name of an entry's column: the relation's own where it is known, else the alias's.
func columnName(e *RangeEntry, num int16) string {
	if e.Relation != nil && num > 0 {
		if c := e.Relation.Column(num); c != nil {
			return c.Name
		}
	}
	if num > 0 && int(num) <= len(e.Columns) {
		return e.Columns[num-1]
	}
	return systemColumn(num)
}

// systemColumn names the columns that every table has (sysattr.h, 12 and later).
func systemColumn(num int16) string {
	names := [...]string{"ctid", "xmin", "cmin", "xmax", "cmax", "tableoid"}
	if num < 0 && int(-num) <= len(names) {
		return names[-num-1]
	}
	return ""
}

// call reads a function call. Named arguments are put in their places; those left out stay for Inline, which knows defaults.
func (b *builder) call(n *node) Expr {
	c := &Call{OID: n.get("funcid").oid(), TypeOID: n.get("funcresulttype").oid(), Collation: n.get("inputcollid").oid(),
		Variadic: n.get("funcvariadic").bool(), Set: n.get("funcretset").bool(), Form: callForm(n.get("funcformat").int())}
	c.Func = b.r.function(c.OID)
	for i, item := range n.get("args").items {
		place := i
		if item.tag == "NAMEDARGEXPR" {
			place = item.get("argnumber").int()
		}
		if place < 0 || place > 100 { // FUNC_MAX_ARGS
			return b.unknown(n)
		}
		for len(c.Args) <= place {
			c.Args = append(c.Args, nil)
		}
		c.Args[place] = b.must(item)
	}
	return b.r.fillDefaults(c)
}

func callForm(format int) string {
	switch format {
	case 1:
		return "cast"
	case 2:
		return "implicit"
	default:
		return "call"
	}
}

// function returns a function by OID: the snapshot's, else PostgreSQL's own; nil when neither knows it.
func (r *Reader) function(oid uint32) *catalog.Function {
	if f := r.snap.FunctionByOID(oid); f != nil {
		return f
	}
	return r.names.builtinFunction(oid)
}

// operator returns an operator by OID, likewise.
func (r *Reader) operator(oid uint32) *catalog.Operator {
	if o := r.snap.OperatorByOID(oid); o != nil {
		return o
	}
	return r.names.builtinOperator(oid)
}

func (b *builder) operation(n *node) Expr {
	kind := "plain"
	switch n.tag {
	case "DISTINCTEXPR":
		kind = "distinct"
	case "NULLIFEXPR":
		kind = "nullif"
	}
	oid := n.get("opno").oid()
	return &Operation{Kind: kind, OID: oid, Op: b.r.operator(oid), FuncOID: n.get("opfuncid").oid(),
		Args: b.exprs(n.get("args")), TypeOID: n.get("opresulttype").oid(), Collation: n.get("inputcollid").oid()}
}

func (b *builder) quantified(n *node) Expr {
	args := n.get("args").items
	if len(args) != 2 {
		return b.unknown(n)
	}
	oid := n.get("opno").oid()
	return &Quantified{OID: oid, Op: b.r.operator(oid), FuncOID: n.get("opfuncid").oid(), Any: n.get("useOr").bool(),
		Left: b.must(args[0]), Array: b.must(args[1]), Collation: n.get("inputcollid").oid()}
}

func (b *builder) truthTest(n *node) Expr {
	kind := n.get("booltesttype").int()
	want := [...]string{"true", "false", "unknown"}
	if kind < 0 || kind > 5 {
		return b.unknown(n)
	}
	return &TruthTest{Arg: b.must(n.get("arg")), Want: want[kind/2], Not: kind%2 == 1}
}

func (b *builder) caseExpr(n *node) Expr {
	c := &Case{Arg: b.expr(n.get("arg")), TypeOID: n.get("casetype").oid(), Else: b.expr(n.get("defresult"))}
	for _, w := range n.get("args").items {
		c.Whens = append(c.Whens, When{Cond: b.must(w.get("expr")), Result: b.must(w.get("result"))})
	}
	if c.Else == nil {
		c.Else = &Const{TypeOID: c.TypeOID, Null: true, Known: true}
	}
	return c
}

func (b *builder) cast(kind string, n *node) Expr {
	c := &Cast{Kind: kind, Arg: b.must(n.get("arg")), TypeOID: n.get("resulttype").oid(), TypeMod: -1}
	if n.has("resulttypmod") {
		c.TypeMod = int32(n.get("resulttypmod").int())
	}
	if kind == "array" {
		c.Elem = b.expr(n.get("elemexpr"))
	}
	return c
}

func (b *builder) rowCompare(n *node) Expr {
	rc := &RowCompare{Strategy: n.get("rctype").int(), Ops: n.get("opnos").oids(), Left: b.exprs(n.get("largs")), Right: b.exprs(n.get("rargs"))}
	if n.has("cmptype") { // 18
		rc.Strategy = n.get("cmptype").int()
	}
	return rc
}

func (b *builder) field(n *node) Expr {
	f := &Field{Arg: b.must(n.get("arg")), Num: int16(n.get("fieldnum").int()), TypeOID: n.get("resulttype").oid()}
	f.Name = b.r.fieldName(f.Arg.Type(), f.Num)
	return f
}

// fieldName returns the name of a composite type's field, "" where the snapshot does not say.
func (r *Reader) fieldName(typ uint32, num int16) string {
	t := r.snap.TypeByOID(typ)
	for n := 0; t != nil && t.Kind == "domain" && n < 32; n++ {
		t = r.snap.TypeByOID(t.Base)
	}
	if t == nil || t.Relation == "" {
		return ""
	}
	rel := r.snap.Relation(t.Relation)
	if rel == nil {
		return ""
	}
	if c := rel.Column(num); c != nil {
		return c.Name
	}
	return ""
}

func (b *builder) aggregate(n *node) Expr {
	a := &Aggregate{Window: n.tag == "WINDOWFUNC", Filter: b.expr(n.get("aggfilter"))}
	a.Args = append(b.exprs(n.get("aggdirectargs")), b.exprs(n.get("args"))...)
	if a.Window {
		a.OID, a.TypeOID = n.get("winfnoid").oid(), n.get("wintype").oid()
	} else {
		a.OID, a.TypeOID = n.get("aggfnoid").oid(), n.get("aggtype").oid()
		a.Distinct = len(n.get("aggdistinct").items) > 0
	}
	a.Func = b.r.function(a.OID)
	return a
}

// subLink reads a sub-query in an expression. Parameters of its test that stand for its columns become SubColumn.
func (b *builder) subLink(n *node) Expr {
	kinds := [...]string{"exists", "all", "any", "rowcompare", "scalar", "multi", "array", "cte"}
	kind := n.get("subLinkType").int()
	if kind < 0 || kind >= len(kinds) || n.get("subselect").tag != "QUERY" {
		return b.unknown(n)
	}
	s := &SubLink{Kind: kinds[kind], Query: b.query(n.get("subselect")), TypeOID: boolOID}
	if test := b.expr(n.get("testexpr")); test != nil {
		s.Test = rewrite(test, func(e Expr, _ int) (Expr, bool) {
			if p, ok := e.(*Param); ok && p.Kind == "sublink" {
				return &SubColumn{Num: p.ID, TypeOID: p.TypeOID}, true
			}
			return nil, false
		})
	}
	if s.Kind != "scalar" && s.Kind != "array" && s.Kind != "multi" {
		return s
	}
	s.TypeOID = 0
	if len(s.Query.Targets) > 0 {
		s.TypeOID = s.Query.Targets[0].Expr.Type()
	}
	if s.Kind == "array" {
		s.TypeOID = b.r.names.arrayOf(s.TypeOID)
	}
	return s
}
