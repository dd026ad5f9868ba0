package expr

import (
	"fmt"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// operatorExpr resolves the forms that the grammar writes as operators.
func (a *analyzer) operatorExpr(n *pgquery.A_Expr) Expr {
	schema, name := nameParts(n.Name)
	switch n.Kind {
	case pgquery.A_Expr_Kind_AEXPR_OP:
		return a.plainOperator(schema, name, n)
	case pgquery.A_Expr_Kind_AEXPR_OP_ANY, pgquery.A_Expr_Kind_AEXPR_OP_ALL:
		return a.quantified(schema, name, a.expr(n.Lexpr), a.expr(n.Rexpr), n.Kind == pgquery.A_Expr_Kind_AEXPR_OP_ANY)
	case pgquery.A_Expr_Kind_AEXPR_DISTINCT:
		return a.kind("distinct", a.apply(schema, name, []Expr{a.expr(n.Lexpr), a.expr(n.Rexpr)}))
	case pgquery.A_Expr_Kind_AEXPR_NOT_DISTINCT:
		return &Logic{Op: "not", Args: []Expr{a.kind("distinct", a.apply(schema, name, []Expr{a.expr(n.Lexpr), a.expr(n.Rexpr)}))}}
	case pgquery.A_Expr_Kind_AEXPR_NULLIF:
		return a.nullif(a.apply(schema, name, []Expr{a.expr(n.Lexpr), a.expr(n.Rexpr)}))
	case pgquery.A_Expr_Kind_AEXPR_IN:
		return a.inList(schema, name, n)
	case pgquery.A_Expr_Kind_AEXPR_LIKE, pgquery.A_Expr_Kind_AEXPR_ILIKE, pgquery.A_Expr_Kind_AEXPR_SIMILAR:
		return a.apply(schema, name, []Expr{a.expr(n.Lexpr), a.expr(n.Rexpr)})
	case pgquery.A_Expr_Kind_AEXPR_BETWEEN, pgquery.A_Expr_Kind_AEXPR_NOT_BETWEEN,
		pgquery.A_Expr_Kind_AEXPR_BETWEEN_SYM, pgquery.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return a.between(n)
	}
	return a.unknown("OPERATOR", fmt.Sprintf("%s is not modelled", n.Kind))
}

// plainOperator resolves an operator; rows are compared field by field.
func (a *analyzer) plainOperator(schema, name string, n *pgquery.A_Expr) Expr {
	if n.Lexpr == nil {
		return a.negative(name, a.apply(schema, name, []Expr{a.expr(n.Rexpr)}))
	}
	left, right := a.expr(n.Lexpr), a.expr(n.Rexpr)
	l, lok := left.(*Row)
	r, rok := right.(*Row)
	if lok && rok && len(l.Fields) == len(r.Fields) {
		return a.rows(schema, name, l, r)
	}
	return a.apply(schema, name, []Expr{left, right})
}

// negative folds a sign into a number, as the grammar of stored trees has it.
func (a *analyzer) negative(name string, e Expr) Expr {
	o, ok := e.(*Operation)
	if !ok || name != "-" || len(o.Args) != 1 {
		return e
	}
	c, ok := o.Args[0].(*Const)
	if !ok || c.Null || !c.Known || c.TypeOID != int4OID && c.TypeOID != 20 && c.TypeOID != 1700 {
		return e
	}
	return &Const{TypeOID: c.TypeOID, Known: true, Text: "-" + c.Text}
}

// rows compares rows: = is AND of the fields, <> is OR.
func (a *analyzer) rows(schema, name string, l, r *Row) Expr {
	if name != "=" && name != "<>" {
		return a.rowCompare(schema, name, l, r)
	}
	out := &Logic{Op: "and"}
	if name == "<>" {
		out.Op = "or"
	}
	for i := range l.Fields {
		out.Args = append(out.Args, a.apply(schema, name, []Expr{l.Fields[i], r.Fields[i]}))
	}
	return out
}

// rowCompare resolves (a, b) < (c, d) and its kin.
func (a *analyzer) rowCompare(schema, name string, l, r *Row) Expr {
	out := &RowCompare{Strategy: map[string]int{"<": 1, "<=": 2, ">=": 4, ">": 5}[name]}
	for i := range l.Fields {
		o, ok := a.apply(schema, name, []Expr{l.Fields[i], r.Fields[i]}).(*Operation)
		if !ok || out.Strategy == 0 {
			return a.unknown("OPERATOR", "a comparison of rows by "+name, l, r)
		}
		out.Ops, out.Left, out.Right = append(out.Ops, o.OID), append(out.Left, o.Args[0]), append(out.Right, o.Args[1])
	}
	return out
}

// apply resolves an operator by the types of its operands and coerces them to what it asks for.
func (a *analyzer) apply(schema, name string, args []Expr) Expr {
	types := typesOf(args)
	for _, t := range types {
		if t == 0 {
			return a.follows("OPERATOR", fmt.Sprintf("operator %s over an operand of unknown type", name), args...)
		}
	}
	m, ok := a.d.operator(a.t, schema, name, types, a.path.schemas)
	if !ok {
		return a.unknown("OPERATOR", fmt.Sprintf("operator %s(%s) is not known or not certain", name, a.typeList(types)), args...)
	}
	a.namedMatch("operator", schema, name, m, types)
	result, ok := m.result(a.t, types)
	if !ok {
		return a.unknown("OPERATOR", fmt.Sprintf("operator %s over types that do not agree", name), args...)
	}
	o := &Operation{Kind: "plain", OID: m.c.op.OID, Op: m.c.op, FuncOID: m.c.opFunc, Args: a.fit(args, m, types), TypeOID: result}
	o.Collation = a.inputCollation(o.Args)
	return o
}

// kind makes an operation DISTINCT; what could not be resolved stays so.
func (a *analyzer) kind(kind string, e Expr) Expr {
	if o, ok := e.(*Operation); ok {
		o.Kind, o.TypeOID = kind, boolOID
	}
	return e
}

// nullif makes an operation NULLIF, whose type is its first operand's.
func (a *analyzer) nullif(e Expr) Expr {
	if o, ok := e.(*Operation); ok {
		o.Kind, o.TypeOID = "nullif", o.Args[0].Type()
	}
	return e
}

// quantified resolves expr OP ANY (array): the operator is over the element's type.
func (a *analyzer) quantified(schema, name string, left, right Expr, any bool) Expr {
	y := a.t.typeOf(a.t.base(right.Type()))
	if right.Type() == 0 || left.Type() == 0 {
		return a.follows("QUANTIFIED", name+" over an operand of unknown type", left, right)
	}
	if right.Type() == unknownOID {
		right = a.coerce(right, a.t.arrayOf(left.Type()), implicitCast)
		y = a.t.typeOf(right.Type())
	}
	if y == nil || y.Element == 0 {
		return a.unknown("QUANTIFIED", fmt.Sprintf("%s ANY over something that is no array", name), left, right)
	}
	types := []uint32{left.Type(), y.Element}
	m, ok := a.d.operator(a.t, schema, name, types, a.path.schemas)
	if !ok {
		return a.unknown("OPERATOR", fmt.Sprintf("operator %s(%s) is not known or not certain", name, a.typeList(types)), left, right)
	}
	a.namedMatch("operator", schema, name, m, types)
	want := m.actual(a.t, types)
	q := &Quantified{OID: m.c.op.OID, Op: m.c.op, FuncOID: m.c.opFunc, Any: any, Left: a.coerce(left, want[0], implicitCast)}
	q.Array = a.coerce(right, a.t.arrayOf(want[1]), implicitCast)
	q.Collation = a.inputCollation([]Expr{q.Left, q.Array})
	return q
}

// inList resolves expr IN (list): one ANY over an array where the list has one type, else an OR.
func (a *analyzer) inList(schema, name string, n *pgquery.A_Expr) Expr {
	left := a.expr(n.Lexpr)
	items := a.exprs(n.Rexpr.GetList().GetItems())
	any := name == "="
	_, isRow := left.(*Row)
	if list, typ := a.unify(append([]Expr{left}, items...)); typ != 0 && !isRow && len(items) > 1 && noVars(items) && a.t.arrayOf(typ) != 0 {
		arr := &Array{Elements: list[1:], ElemOID: typ, TypeOID: a.t.arrayOf(typ)}
		return a.quantified(schema, name, left, arr, any)
	}
	out := &Logic{Op: map[bool]string{true: "or", false: "and"}[any]}
	for _, it := range items {
		r, isRowToo := it.(*Row)
		if l, ok := left.(*Row); ok && isRowToo && len(l.Fields) == len(r.Fields) {
			out.Args = append(out.Args, a.rows(schema, name, l, r))
			continue
		}
		out.Args = append(out.Args, a.apply(schema, name, []Expr{left, it}))
	}
	if len(out.Args) == 1 {
		return out.Args[0]
	}
	return out
}

func noVars(list []Expr) bool {
	for _, e := range list {
		found := false
		Walk(e, func(e Expr) bool {
			_, v := e.(*Var)
			found = found || v
			return !found
		})
		if found {
			return false
		}
	}
	return true
}

func (a *analyzer) between(n *pgquery.A_Expr) Expr {
	bounds := n.Rexpr.GetList().GetItems()
	if len(bounds) != 2 {
		return a.unknown("BETWEEN", "BETWEEN without two bounds")
	}
	e, low, high := a.expr(n.Lexpr), a.expr(bounds[0]), a.expr(bounds[1])
	outside := func(low, high Expr) Expr {
		return &Logic{Op: "or", Args: []Expr{a.apply("", "<", []Expr{e, low}), a.apply("", ">", []Expr{e, high})}}
	}
	inside := func(low, high Expr) Expr {
		return &Logic{Op: "and", Args: []Expr{a.apply("", ">=", []Expr{e, low}), a.apply("", "<=", []Expr{e, high})}}
	}
	switch n.Kind {
	case pgquery.A_Expr_Kind_AEXPR_NOT_BETWEEN:
		return outside(low, high)
	case pgquery.A_Expr_Kind_AEXPR_BETWEEN_SYM:
		return &Logic{Op: "or", Args: []Expr{inside(low, high), inside(high, low)}}
	case pgquery.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		return &Logic{Op: "and", Args: []Expr{outside(low, high), outside(high, low)}}
	}
	return inside(low, high)
}

func typesOf(args []Expr) []uint32 {
	out := make([]uint32, len(args))
	for i, e := range args {
		out[i] = e.Type()
	}
	return out
}

func (a *analyzer) typeList(types []uint32) string {
	s := ""
	for i, t := range types {
		if i > 0 {
			s += ","
		}
		s += a.r.typeName(t)
	}
	return s
}

// inputCollation is the collation that an operator or function compares under: that of its arguments, another than the
// default before the default; 0 where none has one, or two differ.
func (a *analyzer) inputCollation(args []Expr) uint32 {
	var out uint32
	for _, e := range args {
		c := a.collationOf(e)
		switch {
		case c == 0 || c == out:
		case out == 0 || out == 100:
			out = c
		case c != 100:
			return 0
		}
	}
	return out
}

func (a *analyzer) collationOf(e Expr) uint32 {
	own := a.t.collatable(e.Type())
	switch e := e.(type) {
	case *Collate:
		return e.Collation
	case *Var:
		return e.Collation
	case *SubLink, *Case:
		return own
	case *Const, *Param, *SessionValue:
		return own
	}
	if own == 0 {
		return 0
	}
	if c := a.inputCollation(e.Children()); c != 0 { // what is made of collatable things has their collation
		return c
	}
	return own
}
