package expr

// expr reads one expression; nil for <>. What has no case here becomes Unknown.
func (b *builder) expr(n *node) Expr {
	if n.kind != structNode {
		if n.kind == nullNode {
			return nil
		}
		return &Unknown{Tag: "VALUE", Key: n.atom}
	}
	switch n.tag {
	case "VAR":
		return b.variable(n)
	case "CONST":
		return b.constant(n)
	case "PARAM":
		return &Param{Kind: paramKind(n.get("paramkind").int()), ID: n.get("paramid").int(), TypeOID: n.get("paramtype").oid()}
	case "COERCETODOMAINVALUE":
		return &Param{Kind: "domain", TypeOID: n.get("typeId").oid()}
	case "FUNCEXPR":
		return b.call(n)
	case "NAMEDARGEXPR":
		return b.expr(n.get("arg")) // in its place only once call has put it there
	case "OPEXPR", "DISTINCTEXPR", "NULLIFEXPR":
		return b.operation(n)
	case "SCALARARRAYOPEXPR":
		return b.quantified(n)
	case "BOOLEXPR":
		return &Logic{Op: n.get("boolop").text(), Args: b.exprs(n.get("args"))}
	case "NULLTEST":
		return &NullTest{Arg: b.must(n.get("arg")), Not: n.get("nulltesttype").int() == 1, Row: n.get("argisrow").bool()}
	case "BOOLEANTEST":
		return b.truthTest(n)
	case "SUBLINK":
		return b.subLink(n)
	case "SETTODEFAULT":
		return &Unknown{Tag: n.tag, Key: "default", TypeOID: n.get("typeId").oid()}
	case "AGGREF", "WINDOWFUNC":
		return b.aggregate(n)
	case "SQLVALUEFUNCTION":
		return &SessionValue{Name: sessionValue(n.get("op").int()), TypeOID: n.get("type").oid()}
	}
	if e := b.conditional(n); e != nil {
		return e
	}
	if e := b.conversion(n); e != nil {
		return e
	}
	if e := b.composite(n); e != nil {
		return e
	}
	return b.unknown(n)
}

// conditional reads the forms that choose a value.
func (b *builder) conditional(n *node) Expr {
	switch n.tag {
	case "CASE", "CASEEXPR":
		return b.caseExpr(n)
	case "CASETESTEXPR":
		return &CaseArg{TypeOID: n.get("typeId").oid()}
	case "COALESCE", "COALESCEEXPR":
		return &Coalesce{Args: b.exprs(n.get("args")), TypeOID: n.get("coalescetype").oid()}
	case "MINMAX", "MINMAXEXPR":
		return &MinMax{Greatest: n.get("op").int() == 0, Args: b.exprs(n.get("args")), TypeOID: n.get("minmaxtype").oid()}
	}
	return nil
}

// conversion reads the forms that change a value's type or collation, and those that only wrap a value.
func (b *builder) conversion(n *node) Expr {
	switch n.tag {
	case "RELABELTYPE":
		return b.cast("relabel", n)
	case "COERCEVIAIO":
		return b.cast("io", n)
	case "ARRAYCOERCEEXPR":
		return b.cast("array", n)
	case "CONVERTROWTYPEEXPR":
		return b.cast("rowtype", n)
	case "COERCETODOMAIN":
		return b.cast("domain", n)
	case "COLLATE", "COLLATEEXPR":
		return &Collate{Arg: b.must(n.get("arg")), Collation: n.get("collOid").oid()}
	case "JSONVALUEEXPR":
		if f := b.expr(n.get("formatted_expr")); f != nil {
			return f
		}
		return b.expr(n.get("raw_expr"))
	case "RETURNINGEXPR":
		return b.expr(n.get("retexpr"))
	case "TARGETENTRY":
		return b.expr(n.get("expr"))
	}
	return nil
}

// composite reads rows, arrays and what is taken out of them.
func (b *builder) composite(n *node) Expr {
	switch n.tag {
	case "ROW", "ROWEXPR":
		return &Row{Fields: b.exprs(n.get("args")), TypeOID: n.get("row_typeid").oid()}
	case "ARRAY", "ARRAYEXPR":
		return &Array{Elements: b.exprs(n.get("elements")), TypeOID: n.get("array_typeid").oid(), ElemOID: n.get("element_typeid").oid()}
	case "ROWCOMPARE", "ROWCOMPAREEXPR":
		return b.rowCompare(n)
	case "SUBSCRIPTINGREF":
		if n.get("refassgnexpr").null() {
			return &Subscript{Container: b.must(n.get("refexpr")), Lower: b.exprs(n.get("reflowerindexpr")),
				Upper: b.exprs(n.get("refupperindexpr")), TypeOID: n.get("refrestype").oid()}
		}
	case "FIELDSELECT":
		return b.field(n)
	}
	return nil
}

// exprs reads a list; an empty place in it (the open end of a slice) is NULL.
func (b *builder) exprs(n *node) []Expr {
	if len(n.items) == 0 {
		return nil
	}
	out := make([]Expr, len(n.items))
	for i, item := range n.items {
		out[i] = b.must(item)
	}
	return out
}

// must reads an expression that has to be there; where it is not, an Unknown stands for it.
func (b *builder) must(n *node) Expr {
	if e := b.expr(n); e != nil {
		return e
	}
	return &Unknown{Tag: "MISSING", Key: "missing", Stable: true}
}

func paramKind(kind int) string {
	switch kind {
	case 0:
		return "extern"
	case 1:
		return "exec"
	case 2:
		return "sublink"
	default:
		return "multiexpr"
	}
}

// sessionValue names SQLValueFunctionOp, whose order is the same in 14 to 18.
func sessionValue(op int) string {
	names := [...]string{"current_date", "current_time", "current_time", "current_timestamp", "current_timestamp",
		"localtime", "localtime", "localtimestamp", "localtimestamp", "current_role", "current_user", "current_user",
		"session_user", "current_catalog", "current_schema"}
	if op < 0 || op >= len(names) {
		return "unknown"
	}
	return names[op]
}
