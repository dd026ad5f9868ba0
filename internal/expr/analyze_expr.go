package expr

import (
	"fmt"
	"strconv"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// expr resolves one expression.
func (a *analyzer) expr(n *pgquery.Node) Expr {
	if a.depth++; a.depth > maxParseDepth {
		a.depth--
		return a.unknown("DEEP", "nested too deep")
	}
	defer func() { a.depth-- }()
	switch n := n.GetNode().(type) {
	case *pgquery.Node_AConst:
		return literal(n.AConst)
	case *pgquery.Node_ColumnRef:
		return a.columnRef(n.ColumnRef)
	case *pgquery.Node_ParamRef:
		return a.param(int(n.ParamRef.Number))
	case *pgquery.Node_AExpr:
		return a.operatorExpr(n.AExpr)
	case *pgquery.Node_BoolExpr:
		return a.logic(n.BoolExpr)
	case *pgquery.Node_FuncCall:
		return a.call(n.FuncCall)
	case *pgquery.Node_TypeCast:
		return a.typeCast(n.TypeCast)
	case *pgquery.Node_SubLink:
		return a.subLink(n.SubLink)
	case *pgquery.Node_NullTest:
		arg := a.expr(n.NullTest.Arg)
		return &NullTest{Arg: arg, Not: n.NullTest.Nulltesttype == pgquery.NullTestType_IS_NOT_NULL, Row: a.isRow(arg.Type())}
	case *pgquery.Node_BooleanTest:
		kind := int(n.BooleanTest.Booltesttype) - 1
		if kind < 0 || kind > 5 {
			return a.unknown("BOOLEANTEST", "a truth test of unknown kind")
		}
		return &TruthTest{Arg: a.boolean(n.BooleanTest.Arg), Want: [...]string{"true", "false", "unknown"}[kind/2], Not: kind%2 == 1}
	}
	return a.choice(n)
}

// isRow reports whether a type is of rows.
func (a *analyzer) isRow(typ uint32) bool {
	y := a.t.typeOf(typ)
	return typ == recordOID || y != nil && y.Kind == "composite"
}

// choice resolves the forms that choose or build a value.
func (a *analyzer) choice(n *pgquery.Node) Expr {
	switch n := n.GetNode().(type) {
	case *pgquery.Node_CaseExpr:
		return a.caseExpr(n.CaseExpr)
	case *pgquery.Node_CoalesceExpr:
		args, typ := a.common(n.CoalesceExpr.Args)
		return &Coalesce{Args: args, TypeOID: typ}
	case *pgquery.Node_MinMaxExpr:
		args, typ := a.common(n.MinMaxExpr.Args)
		return &MinMax{Greatest: n.MinMaxExpr.Op == pgquery.MinMaxOp_IS_GREATEST, Args: args, TypeOID: typ}
	case *pgquery.Node_SqlvalueFunction:
		name := sessionValue(int(n.SqlvalueFunction.Op) - 1)
		return &SessionValue{Name: name, TypeOID: sessionType(name)}
	case *pgquery.Node_RowExpr:
		return &Row{Fields: a.exprs(n.RowExpr.Args), TypeOID: recordOID}
	case *pgquery.Node_AArrayExpr:
		return a.array(n.AArrayExpr)
	case *pgquery.Node_AIndirection:
		return a.indirection(n.AIndirection)
	case *pgquery.Node_CollateClause:
		_, name := nameParts(n.CollateClause.Collname)
		return &Collate{Arg: a.expr(n.CollateClause.Arg), Collation: a.collation(name)}
	case *pgquery.Node_NamedArgExpr:
		return a.expr(n.NamedArgExpr.Arg)
	case nil:
		return a.unknown("NOTHING", "an empty expression")
	}
	return a.unknown("EXPRESSION", fmt.Sprintf("%T is not modelled", n.GetNode()))
}

func (a *analyzer) exprs(list []*pgquery.Node) []Expr {
	var out []Expr
	for _, n := range list {
		out = append(out, a.expr(n))
	}
	return out
}

// listed resolves a list of values, each by one, in which row.* stands for the row's fields.
func (a *analyzer) listed(list []*pgquery.Node, one func(*pgquery.Node) Expr) []Expr {
	var out []Expr
	for _, n := range list {
		if cols, ok := a.star(n); ok {
			for _, c := range cols {
				out = append(out, c.value)
			}
			continue
		}
		out = append(out, one(n))
	}
	return out
}

// boolean resolves a condition; a literal becomes boolean.
func (a *analyzer) boolean(n *pgquery.Node) Expr {
	if n == nil {
		return nil
	}
	return a.coerce(a.expr(n), boolOID, implicitCast)
}

// literal reads a constant as the grammar gives it: strings are of unknown type.
func literal(c *pgquery.A_Const) Expr {
	if c.Isnull {
		return &Const{TypeOID: unknownOID, Null: true, Known: true}
	}
	switch v := c.Val.(type) {
	case *pgquery.A_Const_Ival:
		return &Const{TypeOID: int4OID, Known: true, Text: strconv.Itoa(int(v.Ival.Ival))}
	case *pgquery.A_Const_Boolval:
		return &Const{TypeOID: boolOID, Known: true, Text: strconv.FormatBool(v.Boolval.Boolval)}
	case *pgquery.A_Const_Fval:
		if _, err := strconv.ParseInt(v.Fval.Fval, 10, 64); err == nil {
			return &Const{TypeOID: 20, Known: true, Text: v.Fval.Fval}
		}
		text, ok := numericLiteral(v.Fval.Fval)
		return &Const{TypeOID: 1700, Known: ok, Text: text, Raw: "text:" + v.Fval.Fval}
	case *pgquery.A_Const_Sval:
		return &Const{TypeOID: unknownOID, Known: true, Text: v.Sval.Sval}
	}
	return &Const{TypeOID: 1560, Raw: c.String()}
}

// param resolves $n of the function.
func (a *analyzer) param(n int) Expr {
	if a.fn == nil || n < 1 || n > len(a.fn.ArgumentOIDs) {
		return a.unknown("PARAM", fmt.Sprintf("parameter $%d", n))
	}
	return &Param{Kind: "extern", ID: n, Name: argumentName(a.fn, n), TypeOID: a.fn.ArgumentOIDs[n-1]}
}

func (a *analyzer) logic(n *pgquery.BoolExpr) Expr {
	op := map[pgquery.BoolExprType]string{pgquery.BoolExprType_AND_EXPR: "and", pgquery.BoolExprType_OR_EXPR: "or", pgquery.BoolExprType_NOT_EXPR: "not"}[n.Boolop]
	l := &Logic{Op: op}
	for _, arg := range n.Args {
		l.Args = append(l.Args, a.boolean(arg))
	}
	return l
}

func (a *analyzer) caseExpr(n *pgquery.CaseExpr) Expr {
	c := &Case{}
	if n.Arg != nil {
		c.Arg = a.expr(n.Arg)
		if c.Arg.Type() == unknownOID {
			c.Arg = a.coerce(c.Arg, textOID, implicitCast)
		}
	}
	var results []Expr
	for _, w := range n.Args {
		when := w.GetCaseWhen()
		var cond Expr
		if c.Arg != nil {
			cond = a.apply("", "=", []Expr{&CaseArg{TypeOID: c.Arg.Type()}, a.expr(when.GetExpr())})
		} else {
			cond = a.boolean(when.GetExpr())
		}
		c.Whens = append(c.Whens, When{Cond: cond})
		results = append(results, a.expr(when.GetResult()))
	}
	if n.Defresult != nil {
		results = append(results, a.expr(n.Defresult))
	}
	results, c.TypeOID = a.unify(results)
	for i := range c.Whens {
		c.Whens[i].Result = results[i]
	}
	c.Else = Expr(&Const{TypeOID: c.TypeOID, Null: true, Known: true})
	if n.Defresult != nil {
		c.Else = results[len(results)-1]
	}
	return c
}

func (a *analyzer) array(n *pgquery.A_ArrayExpr) Expr {
	args, elem := a.common(n.Elements)
	typ := a.t.arrayOf(elem)
	if y := a.t.typeOf(elem); y != nil && y.Category == "A" {
		typ, elem = elem, y.Element
	}
	return &Array{Elements: args, TypeOID: typ, ElemOID: elem}
}

func (a *analyzer) indirection(n *pgquery.A_Indirection) Expr {
	e := a.expr(n.Arg)
	for _, step := range n.Indirection {
		switch s := step.GetNode().(type) {
		case *pgquery.Node_String_:
			f := a.fieldOf(e, s.String_.Sval)
			if f == nil {
				return a.unknown("FIELD", fmt.Sprintf("field %q is not known", s.String_.Sval), e)
			}
			e = f
		case *pgquery.Node_AIndices:
			e = a.subscript(e, s.AIndices)
		default:
			return a.unknown("INDIRECTION", "a .* inside an expression", e)
		}
	}
	return e
}

func (a *analyzer) subscript(e Expr, n *pgquery.A_Indices) Expr {
	s := &Subscript{Container: e, TypeOID: e.Type()}
	if !n.IsSlice {
		if y := a.t.typeOf(a.t.base(e.Type())); y != nil {
			s.TypeOID = y.Element
		}
	} else {
		s.Lower = []Expr{a.bound(n.Lidx)}
	}
	s.Upper = []Expr{a.bound(n.Uidx)}
	return s
}

func (a *analyzer) bound(n *pgquery.Node) Expr {
	if n == nil {
		return &Unknown{Tag: "MISSING", Key: "missing", Stable: true}
	}
	return a.expr(n)
}

// collation finds a collation by name, 0 where it is not known.
func (a *analyzer) collation(name string) uint32 {
	switch name {
	case "C":
		return 950
	case "POSIX":
		return 951
	case "default":
		return 100
	}
	for i := range a.r.snap.Collations {
		if c := &a.r.snap.Collations[i]; c.Name == name || c.Name == "pg_catalog."+name || c.Name == `pg_catalog."`+name+`"` {
			return c.OID
		}
	}
	return 0
}

// sessionType is the type of a SQLValueFunction.
func sessionType(name string) uint32 {
	switch name {
	case "current_date":
		return 1082
	case "current_time":
		return 1266
	case "current_timestamp":
		return 1184
	case "localtime":
		return 1083
	case "localtimestamp":
		return 1114
	default:
		return 19
	}
}
