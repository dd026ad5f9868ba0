package expr

import (
	"fmt"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"
)

// statement resolves one statement; nil for an empty one.
func (a *analyzer) statement(n *pgquery.Node) *Query {
	if n.GetNode() == nil {
		return nil
	}
	q := &Query{CanSetTag: true}
	b := a.in(q)
	if b.depth > maxParseDepth {
		b.incomplete("nested too deep")
		return q
	}
	if set := asSetConfig(n.GetVariableSetStmt()); set != nil {
		n = set
	}
	switch n := n.GetNode().(type) {
	case *pgquery.Node_SelectStmt:
		b.selectStmt(n.SelectStmt)
	case *pgquery.Node_InsertStmt:
		b.insert(n.InsertStmt)
	case *pgquery.Node_UpdateStmt:
		b.update(n.UpdateStmt)
	case *pgquery.Node_DeleteStmt:
		b.delete(n.DeleteStmt)
	case *pgquery.Node_MergeStmt:
		b.mergeStmt(n.MergeStmt)
	default:
		q.Command, q.Utility = "utility", utilityTag(n)
		if b.about(n); q.Utility != TruncateTag {
			b.incomplete("statement " + q.Utility)
		}
	}
	foldRecord(q)
	return q
}

// with resolves WITH entries in order; a recursive one sees its own first part.
func (a *analyzer) with(n *pgquery.WithClause) {
	for _, item := range n.GetCtes() {
		e := item.GetCommonTableExpr()
		c := &CTE{Name: e.Ctename, Recursive: n.Recursive, Materialized: materialized(e.Ctematerialized)}
		for _, name := range e.Aliascolnames {
			c.names = append(c.names, str(name))
		}
		if n.Recursive {
			c.Query = a.recursiveStart(e.Ctequery)
			a.space.ctes = append(a.space.ctes, c)
			c.Query = a.statement(e.Ctequery)
		} else {
			c.Query = a.statement(e.Ctequery)
			a.space.ctes = append(a.space.ctes, c)
		}
		a.space.query.CTEs = append(a.space.query.CTEs, *c)
	}
}

// recursiveStart resolves the part of a recursive entry that does not refer to it, for its columns.
func (a *analyzer) recursiveStart(n *pgquery.Node) *Query {
	s := n.GetSelectStmt()
	if s == nil || s.Op == pgquery.SetOperation_SETOP_NONE || s.Larg == nil {
		return nil
	}
	quiet := *a
	quiet.notes = &notes{}
	return quiet.statement(&pgquery.Node{Node: &pgquery.Node_SelectStmt{SelectStmt: s.Larg}})
}

func materialized(m pgquery.CTEMaterialize) string {
	switch m {
	case pgquery.CTEMaterialize_CTEMaterializeAlways:
		return "always"
	case pgquery.CTEMaterialize_CTEMaterializeNever:
		return "never"
	default:
		return "default"
	}
}

func (a *analyzer) selectStmt(n *pgquery.SelectStmt) {
	q := a.space.query
	q.Command = "select"
	if n.IntoClause != nil {
		a.incomplete("SELECT INTO, which makes a table")
	}
	a.with(n.WithClause)
	switch {
	case n.Op == pgquery.SetOperation_SETOP_UNION || n.Op == pgquery.SetOperation_SETOP_INTERSECT || n.Op == pgquery.SetOperation_SETOP_EXCEPT:
		a.setOperation(n)
	case len(n.ValuesLists) > 0:
		a.values(n.ValuesLists)
	default:
		a.from(n.FromClause)
		q.Where = a.boolean(n.WhereClause)
		for _, w := range n.WindowClause {
			a.space.window(w.GetWindowDef())
		}
		q.Targets = a.targetList(n.TargetList)
		a.orderBy(n.SortClause)
		q.Group = q.Group || len(n.GroupClause) > 0 || len(n.DistinctClause) > 0
		q.Grouped = len(n.GroupClause) > 0
		q.Having = a.boolean(n.HavingClause)
		for _, g := range n.GroupClause {
			if a.junk(g); g.GetGroupingSet() != nil {
				a.incomplete("GROUPING SETS")
			}
		}
		for _, w := range a.space.windows {
			a.junk(w)
		}
	}
	if n.LimitCount != nil || n.LimitOffset != nil {
		q.Limit = true
		for _, l := range []*pgquery.Node{n.LimitOffset, n.LimitCount} {
			if l != nil {
				q.Values = append(q.Values, a.coerce(a.expr(l), 20, implicitCast))
			}
		}
		q.Some = n.LimitOffset == nil && positive(q.Values[len(q.Values)-1])
	}
	q.RowMarks = len(n.LockingClause) > 0
}

// orderBy keeps the expressions of ORDER BY that are not output columns.
func (a *analyzer) orderBy(list []*pgquery.Node) {
	for _, s := range list {
		a.junk(s.GetSortBy().GetNode())
	}
}

// junk keeps an expression of ORDER BY or GROUP BY as a column that is not shown, unless it is shown already.
func (a *analyzer) junk(n *pgquery.Node) {
	if a.space.query.SetOp != nil || n.GetAConst() != nil || n.GetGroupingSet() != nil || a.isOutput(n) {
		return
	}
	q := a.space.query
	e := a.expr(n)
	for _, t := range q.Targets {
		if Equal(t.Expr, e) {
			return
		}
	}
	q.Targets = append(q.Targets, Target{Expr: e, Num: int16(len(q.Targets) + 1), Junk: true})
}

func (a *analyzer) isOutput(n *pgquery.Node) bool {
	ref := n.GetColumnRef()
	if ref == nil || len(ref.Fields) != 1 {
		return false
	}
	for _, t := range a.space.query.Targets {
		if t.Name == str(ref.Fields[0]) {
			return true
		}
	}
	return false
}

// targetList resolves output columns; literals of unknown type become text.
func (a *analyzer) targetList(list []*pgquery.Node) []Target {
	var out []Target
	for _, n := range list {
		rt := n.GetResTarget()
		if stars, ok := a.star(rt.GetVal()); ok {
			for _, c := range stars {
				out = append(out, a.target(c.value, c.name, len(out)))
			}
			continue
		}
		e := a.expr(rt.GetVal())
		if e.Type() == unknownOID {
			e = a.coerce(e, textOID, implicitCast)
		}
		name := rt.GetName()
		if name == "" {
			name = outputName(rt.GetVal())
		}
		out = append(out, a.target(e, name, len(out)))
	}
	return out
}

func (a *analyzer) target(e Expr, name string, at int) Target {
	t := Target{Expr: e, Num: int16(at + 1), Name: name}
	if v, ok := e.(*Var); ok && v.Level == 0 && v.RTE > 0 && v.RTE <= len(a.space.query.Range) {
		if r := &a.space.query.Range[v.RTE-1]; r.Relation != nil {
			t.OriginRelation, t.OriginColumn = r.RelOID, v.Num
		}
	}
	return t
}

// star expands * and alias.*.
func (a *analyzer) star(n *pgquery.Node) ([]column, bool) {
	ref := n.GetColumnRef()
	if ref == nil || len(ref.Fields) == 0 || ref.Fields[len(ref.Fields)-1].GetAStar() == nil {
		return nil, false
	}
	var out []column
	if len(ref.Fields) == 1 {
		for _, it := range a.space.items { // merged columns first, as the server lists them
			if it.alias == "" && it.rte == 0 {
				out = append(out, it.columns...)
			}
		}
	}
	for _, it := range a.space.items {
		if it.alias == "" && it.rte == 0 || len(ref.Fields) > 1 && it.alias != str(ref.Fields[len(ref.Fields)-2]) {
			continue
		}
		for _, c := range it.columns {
			if len(ref.Fields) > 1 || !c.merged {
				out = append(out, c)
			}
		}
		if it.relation == nil && it.rte > 0 && a.space.query.Range[it.rte-1].Kind == "relation" {
			a.incomplete("* over a relation that is not known")
		}
	}
	if len(out) == 0 && len(ref.Fields) > 1 {
		return a.rowStar(ref), true
	}
	for i := range out {
		a.use(a.space, out[i].value)
	}
	return out, true
}

// rowStar expands variable.*, the fields of a variable of a row type: NEW.* in a trigger's function.
func (a *analyzer) rowStar(ref *pgquery.ColumnRef) []column {
	var names []string
	for _, f := range ref.Fields[:len(ref.Fields)-1] {
		names = append(names, str(f))
	}
	v := a.findVariable(names)
	if v == nil {
		a.incomplete(fmt.Sprintf("%s.* is not known", strings.Join(names, ".")))
		return nil
	}
	rel := a.r.rowType(v.Type())
	if rel == nil {
		a.incomplete(fmt.Sprintf("the fields of %s are not known", strings.Join(names, ".")))
		return nil
	}
	var out []column
	for i := range rel.Columns {
		c := &rel.Columns[i]
		out = append(out, column{name: c.Name, value: &Field{Arg: v, Num: c.Num, Name: c.Name, TypeOID: c.TypeOID}})
	}
	return out
}

// outputName is the name that a column gets when none is written (FigureColname).
func outputName(n *pgquery.Node) string {
	switch n := n.GetNode().(type) {
	case *pgquery.Node_ColumnRef:
		return str(n.ColumnRef.Fields[len(n.ColumnRef.Fields)-1])
	case *pgquery.Node_FuncCall:
		_, name := nameParts(n.FuncCall.Funcname)
		return name
	case *pgquery.Node_TypeCast:
		if name := outputName(n.TypeCast.Arg); name != "?column?" {
			return name
		}
		_, name := nameParts(n.TypeCast.TypeName.GetNames())
		return name
	case *pgquery.Node_CoalesceExpr:
		return "coalesce"
	case *pgquery.Node_CaseExpr:
		return "case"
	case *pgquery.Node_SubLink:
		if s := n.SubLink.Subselect.GetSelectStmt(); s != nil && len(s.TargetList) == 1 && n.SubLink.SubLinkType == pgquery.SubLinkType_EXPR_SUBLINK {
			rt := s.TargetList[0].GetResTarget()
			if rt.GetName() != "" {
				return rt.GetName()
			}
			return outputName(rt.GetVal())
		}
		return "exists"
	}
	return "?column?"
}

// values resolves VALUES lists as a select from them.
func (a *analyzer) values(lists []*pgquery.Node) {
	e := RangeEntry{Kind: "values", Alias: "*VALUES*"}
	var cols []column
	for i, l := range lists {
		row := a.listed(l.GetList().GetItems(), a.expr)
		for j, v := range row {
			if v.Type() == unknownOID {
				row[j] = a.coerce(v, textOID, implicitCast)
			}
		}
		e.Values = append(e.Values, row)
		for j := range row {
			if i == 0 {
				cols = append(cols, column{name: fmt.Sprintf("column%d", j+1), value: &Var{Num: int16(j + 1), TypeOID: row[j].Type(), TypeMod: -1, Collation: a.collationOf(row[j])}})
			}
		}
	}
	f, it := a.entry(e, "", cols)
	q := a.space.query
	q.From = append(q.From, *f)
	for i, c := range it.columns {
		q.Targets = append(q.Targets, a.target(c.value, c.name, i))
	}
}

// setOperation resolves UNION and its kin: each leaf is a sub-query of its own.
func (a *analyzer) setOperation(n *pgquery.SelectStmt) {
	q := a.space.query
	q.SetOp = a.setOpTree(n)
	first := q.SetOp
	for first.Left != nil {
		first = first.Left
	}
	if first.RTE == 0 {
		return
	}
	for i, c := range queryColumns(q.Range[first.RTE-1].Subquery, nil) {
		v := *c.value.(*Var)
		v.RTE, v.Name = first.RTE, c.name
		q.Targets = append(q.Targets, a.target(&v, c.name, i))
	}
}

func (a *analyzer) setOpTree(n *pgquery.SelectStmt) *SetOp {
	ops := map[pgquery.SetOperation]string{pgquery.SetOperation_SETOP_UNION: "union", pgquery.SetOperation_SETOP_INTERSECT: "intersect", pgquery.SetOperation_SETOP_EXCEPT: "except"}
	op, ok := ops[n.Op]
	if ok && n.WithClause == nil && n.Larg != nil && n.Rarg != nil {
		return &SetOp{Op: op, All: n.All, Left: a.setOpTree(n.Larg), Right: a.setOpTree(n.Rarg)}
	}
	sub := a.statement(&pgquery.Node{Node: &pgquery.Node_SelectStmt{SelectStmt: n}})
	a.space.query.Range = append(a.space.query.Range, RangeEntry{Kind: "subquery", Subquery: sub, Columns: columnNames(queryColumns(sub, nil))})
	return &SetOp{RTE: len(a.space.query.Range)}
}

// subLink resolves a sub-query in an expression.
func (a *analyzer) subLink(n *pgquery.SubLink) Expr {
	q := a.statement(n.Subselect)
	if q == nil {
		return a.unknown("SUBLINK", "an empty sub-query")
	}
	s := &SubLink{Query: q, TypeOID: boolOID}
	cols := queryColumns(q, nil)
	switch n.SubLinkType {
	case pgquery.SubLinkType_EXISTS_SUBLINK:
		s.Kind = "exists"
		return s
	case pgquery.SubLinkType_EXPR_SUBLINK, pgquery.SubLinkType_ARRAY_SUBLINK:
		if len(cols) == 0 {
			return a.unknown("SUBLINK", "a sub-query without a column")
		}
		s.Kind, s.TypeOID = "scalar", cols[0].value.Type()
		if n.SubLinkType == pgquery.SubLinkType_ARRAY_SUBLINK {
			s.Kind, s.TypeOID = "array", a.t.arrayOf(s.TypeOID)
		}
		return s
	case pgquery.SubLinkType_ANY_SUBLINK, pgquery.SubLinkType_ALL_SUBLINK:
		return a.quantifiedLink(n, s, cols)
	}
	return a.unknown("SUBLINK", fmt.Sprintf("%s is not modelled", n.SubLinkType))
}

// quantifiedLink resolves expr OP ANY (sub-query), and IN.
func (a *analyzer) quantifiedLink(n *pgquery.SubLink, s *SubLink, cols []column) Expr {
	s.Kind = "any"
	if n.SubLinkType == pgquery.SubLinkType_ALL_SUBLINK {
		s.Kind = "all"
	}
	schema, name := nameParts(n.OperName)
	if name == "" {
		name = "="
	}
	left := []Expr{a.expr(n.Testexpr)}
	if row, ok := left[0].(*Row); ok {
		left = row.Fields
	}
	if len(left) != len(cols) {
		return a.unknown("SUBLINK", "a sub-query with another number of columns", left...)
	}
	var tests []Expr
	for i, l := range left {
		tests = append(tests, a.apply(schema, name, []Expr{l, &SubColumn{Num: i + 1, TypeOID: cols[i].value.Type()}}))
	}
	if s.Test = tests[0]; len(tests) > 1 {
		s.Test = &Logic{Op: map[bool]string{true: "or", false: "and"}[name == "<>"], Args: tests}
	}
	return s
}
