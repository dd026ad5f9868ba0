package expr

import (
	"fmt"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// utilityTag names a statement that is not planned.
func utilityTag(n any) string {
	name := fmt.Sprintf("%T", n)
	return strings.ToUpper(strings.TrimSuffix(name[strings.LastIndexByte(name, '_')+1:], "Stmt"))
}

// result adds the relation that a statement writes.
func (a *analyzer) result(n *pgquery.RangeVar, perm string) *item {
	e, cols := a.relationEntry(n)
	e.Alias, e.Perms = n.Relname, []string{perm}
	if n.Alias != nil {
		e.Alias = n.Alias.Aliasname
	}
	e.Columns = columnNames(cols)
	f, it := a.entry(e, schemaOf(e.Relation, n), cols)
	a.space.query.Result = f.RTE
	return it
}

// assign resolves one assignment: the value in the column's type.
func (a *analyzer) assign(it *item, name string, e Expr) Target {
	t := Target{Expr: e, Name: name, Column: name}
	if it.relation == nil {
		return t
	}
	c := it.relation.ColumnByName(name)
	if c == nil {
		t.Expr = a.unknown("COLUMN", fmt.Sprintf("column %q is not known", name), e)
		return t
	}
	t.Num = c.Num
	if u, ok := e.(*Unknown); !ok || u.Tag != "SETTODEFAULT" {
		t.Expr = a.coerce(e, c.TypeOID, assignmentCast)
	}
	return t
}

// value resolves an assigned value, which may be DEFAULT.
func (a *analyzer) value(n *pgquery.Node) Expr {
	if n.GetSetToDefault() != nil {
		return &Unknown{Tag: "SETTODEFAULT", Key: "default"}
	}
	return a.expr(n)
}

func (a *analyzer) insert(n *pgquery.InsertStmt) {
	q := a.space.query
	q.Command = "insert"
	a.with(n.WithClause)
	it := a.result(n.Relation, "INSERT")
	q.Range[q.Result-1].Inherit = false // rows go into this relation, or where it sends them
	var names []string
	for _, c := range n.Cols {
		names = append(names, c.GetResTarget().GetName())
	}
	if len(names) == 0 {
		for _, c := range it.columns {
			names = append(names, c.name)
		}
	}
	for i, e := range a.insertSource(n.SelectStmt.GetSelectStmt(), it, names) {
		if i < len(names) {
			t := a.assign(it, names[i], e)
			q.Targets = append(q.Targets, t)
			q.Range[q.Result-1].Inserted = append(q.Range[q.Result-1].Inserted, t.Num)
		}
	}
	a.space.items = []*item{it}
	if n.OnConflictClause != nil {
		a.conflict(n.OnConflictClause, it)
	}
	a.space.items = []*item{it}
	q.Returning = a.targetList(n.ReturningList)
}

// insertSource resolves where an INSERT's rows come from: one row of values directly, anything else as a range entry.
func (a *analyzer) insertSource(s *pgquery.SelectStmt, it *item, names []string) []Expr {
	q := a.space.query
	if s == nil { // DEFAULT VALUES
		return nil
	}
	if len(s.ValuesLists) == 1 && s.WithClause == nil {
		return a.listed(s.ValuesLists[0].GetList().GetItems(), a.value)
	}
	if len(s.ValuesLists) > 1 {
		return a.insertRows(s, it, names)
	}
	sub := a.statement(&pgquery.Node{Node: &pgquery.Node_SelectStmt{SelectStmt: s}})
	cols := queryColumns(sub, nil)
	f, it := a.entry(RangeEntry{Kind: "subquery", Subquery: sub, Alias: "*SELECT*", Columns: columnNames(cols)}, "", cols)
	q.From = append(q.From, *f)
	var out []Expr
	for _, c := range it.columns {
		out = append(out, c.value)
	}
	return out
}

// insertRows resolves several rows of values, each in the type of the column it goes to.
func (a *analyzer) insertRows(s *pgquery.SelectStmt, it *item, names []string) []Expr {
	e := RangeEntry{Kind: "values", Alias: "*VALUES*"}
	for _, l := range s.ValuesLists {
		var row []Expr
		for i, value := range a.listed(l.GetList().GetItems(), a.value) {
			if i < len(names) {
				value = a.assign(it, names[i], value).Expr
			}
			row = append(row, value)
		}
		e.Values = append(e.Values, row)
	}
	var cols []column
	for i, v := range e.Values[0] {
		cols = append(cols, column{name: fmt.Sprintf("column%d", i+1), value: &Var{Num: int16(i + 1), TypeOID: v.Type(), TypeMod: -1}})
	}
	f, it := a.entry(e, "", cols)
	a.space.query.From = append(a.space.query.From, *f)
	var out []Expr
	for _, c := range it.columns {
		out = append(out, c.value)
	}
	return out
}

func (a *analyzer) conflict(n *pgquery.OnConflictClause, it *item) {
	q := a.space.query
	q.OnConflict = &OnConflict{Action: "nothing"}
	if n.Action != pgquery.OnConflictAction_ONCONFLICT_UPDATE {
		return
	}
	q.OnConflict.Action = "update"
	target := &q.Range[q.Result-1]
	q.OnConflict.Arbiter = arbiter(n.Infer, target.Relation)
	target.Perms = append(target.Perms, "UPDATE")
	e := *target
	e.Alias, e.Perms, e.Inserted, e.Selected = "excluded", nil, nil, nil
	_, excluded := a.entry(e, "", a.relationColumnsOf(it))
	a.space.items = append(a.space.items, excluded)
	q.OnConflict.Set = a.assignments(n.TargetList, it)
	q.OnConflict.Where = a.boolean(n.WhereClause)
}

// arbiter lists the columns that ON CONFLICT names, by themselves or by their constraint.
func arbiter(n *pgquery.InferClause, rel *catalog.Relation) []string {
	if n == nil || rel == nil {
		return nil
	}
	var out []string
	for _, x := range n.IndexElems {
		if e := x.GetIndexElem(); e != nil && e.Name != "" && len(e.Collation) == 0 && len(e.Opclass) == 0 {
			out = append(out, e.Name)
		}
	}
	for _, c := range rel.Constraints {
		if n.Conname != "" && c.Name == n.Conname && (c.Kind == "primary" || c.Kind == "unique") {
			out = append(out, c.Columns...)
		}
	}
	return out
}

func (a *analyzer) relationColumnsOf(it *item) []column {
	if it.relation == nil {
		return nil
	}
	return a.relationColumns(it.relation)
}

// assignments resolves SET.
func (a *analyzer) assignments(list []*pgquery.Node, it *item) []Target {
	q := a.space.query
	var out []Target
	for _, n := range list {
		rt := n.GetResTarget()
		e := a.assigned1(rt)
		t := a.assign(it, rt.GetName(), e)
		out = append(out, t)
		r := &q.Range[it.rte-1]
		r.Updated = append(r.Updated, t.Num)
	}
	return out
}

// assigned1 resolves the value of one SET; those of a row are taken out of it where it is written field by field.
func (a *analyzer) assigned1(rt *pgquery.ResTarget) Expr {
	m := rt.GetVal().GetMultiAssignRef()
	if m == nil {
		if len(rt.GetIndirection()) > 0 {
			return &Unknown{Tag: "ASSIGNMENT", Key: "part of " + rt.GetName(), Args: []Expr{a.value(rt.GetVal())}}
		}
		return a.value(rt.GetVal())
	}
	if row := m.Source.GetRowExpr(); row != nil && int(m.Colno) <= len(row.Args) && m.Colno > 0 {
		return a.value(row.Args[m.Colno-1])
	}
	return &Unknown{Tag: "ASSIGNMENT", Key: fmt.Sprintf("column %d of a sub-query", m.Colno), Args: []Expr{a.expr(m.Source)}}
}

func (a *analyzer) update(n *pgquery.UpdateStmt) {
	q := a.space.query
	q.Command = "update"
	a.with(n.WithClause)
	it := a.result(n.Relation, "UPDATE")
	q.From = append(q.From, FromItem{RTE: q.Result})
	a.space.items = []*item{it}
	a.from(n.FromClause)
	q.Targets = a.assignments(n.TargetList, it)
	q.Where = a.boolean(n.WhereClause)
	q.Returning = a.targetList(n.ReturningList)
}

func (a *analyzer) delete(n *pgquery.DeleteStmt) {
	q := a.space.query
	q.Command = "delete"
	a.with(n.WithClause)
	it := a.result(n.Relation, "DELETE")
	q.From = append(q.From, FromItem{RTE: q.Result})
	a.space.items = []*item{it}
	a.from(n.UsingClause)
	q.Where = a.boolean(n.WhereClause)
	q.Returning = a.targetList(n.ReturningList)
}

func (a *analyzer) mergeStmt(n *pgquery.MergeStmt) {
	q := a.space.query
	q.Command = "merge"
	a.with(n.WithClause)
	it := a.result(n.Relation, "SELECT")
	a.space.items = []*item{it}
	a.from([]*pgquery.Node{n.SourceRelation})
	q.MergeOn = a.boolean(n.JoinCondition)
	for _, w := range n.MergeWhenClauses {
		q.Merge = append(q.Merge, a.mergeAction(w.GetMergeWhenClause(), it))
	}
	q.Returning = a.targetList(n.ReturningList)
}

func (a *analyzer) mergeAction(w *pgquery.MergeWhenClause, it *item) MergeAction {
	m := MergeAction{Matched: "not_matched", Command: "nothing", Qual: a.boolean(w.Condition)}
	switch w.MatchKind {
	case pgquery.MergeMatchKind_MERGE_WHEN_MATCHED:
		m.Matched = "matched"
	case pgquery.MergeMatchKind_MERGE_WHEN_NOT_MATCHED_BY_SOURCE:
		m.Matched = "not_matched_by_source"
	}
	r := &a.space.query.Range[it.rte-1]
	switch w.CommandType {
	case pgquery.CmdType_CMD_UPDATE:
		m.Command, m.Targets = "update", a.assignments(w.TargetList, it)
		r.Perms = append(r.Perms, "UPDATE")
	case pgquery.CmdType_CMD_DELETE:
		m.Command = "delete"
		r.Perms = append(r.Perms, "DELETE")
	case pgquery.CmdType_CMD_INSERT:
		m.Command = "insert"
		r.Perms = append(r.Perms, "INSERT")
		for i, v := range w.Values {
			name := ""
			switch {
			case i < len(w.TargetList):
				name = w.TargetList[i].GetResTarget().GetName()
			case i < len(it.columns):
				name = it.columns[i].name
			}
			m.Targets = append(m.Targets, a.assign(it, name, a.value(v)))
		}
	}
	return m
}
