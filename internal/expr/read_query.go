package expr

import "strings"

// query reads a QUERY within the scope around it.
func (b *builder) query(n *node) *Query {
	q := &Query{Command: command(n), CanSetTag: n.get("canSetTag").bool()}
	in := &builder{r: b.r, spent: b.spent, scope: &scope{query: q, outer: b.scope, skip: unusedEntries(n)}}
	if u := n.get("utilityStmt"); u.kind == structNode {
		q.Utility = strings.TrimSuffix(u.tag, "STMT")
	}
	q.Result = in.place(n.get("resultRelation"))
	in.ctes(n.get("cteList"), q)
	in.ranges(n, q)
	in.jointree(n.get("jointree"), q)
	q.Targets = in.targets(n.get("targetList"), q)
	q.Returning = in.returning(n.get("returningList"))
	q.Having = in.expr(n.get("havingQual"))
	in.tail(n, q)
	in.setOps(n.get("setOperations"), q)
	in.onConflict(n.get("onConflict"), q)
	in.mergeActions(n, q)
	foldRecord(q)
	return q
}

// unusedEntries counts the entries OLD and NEW at the head of a rule's range table (a view's own, in 14 and 15) where
// nothing refers to them. They are left out, so that a query reads the same on every version.
func unusedEntries(n *node) int {
	entries := n.get("rtable").items
	if len(entries) < 2 || n.get("commandType").int() != 1 {
		return 0
	}
	for i, alias := range [...]string{"old", "new"} {
		e := entries[i]
		if e.get("alias").get("aliasname").text() != alias || e.get("inFromCl").bool() {
			return 0
		}
	}
	if names(n, 0) {
		return 0
	}
	return 2
}

// names reports whether anything in a node that is that many queries inside names entry 1 or 2 of the outermost one.
func names(n *node, depth int) bool {
	switch n.tag {
	case "VAR":
		return n.get("varlevelsup").int() == depth && n.get("varno").int() <= 2
	case "RANGETBLREF":
		return depth == 0 && n.get("rtindex").int() <= 2
	}
	for _, f := range n.fields {
		in := depth
		if f.value.tag == "QUERY" {
			in++
		}
		if names(f.value, in) {
			return true
		}
	}
	for _, item := range n.items {
		if names(item, depth) {
			return true
		}
	}
	return false
}

// place reads an index into the range table; 0 stays 0.
func (b *builder) place(n *node) int {
	at := n.int()
	if at <= b.scope.skip {
		return 0
	}
	return at - b.scope.skip
}

// command names CmdType. 15 put MERGE before UTILITY, so 5 and 6 are told apart by whether there is a statement.
func command(n *node) string {
	switch c := n.get("commandType").int(); {
	case n.get("utilityStmt").kind == structNode:
		return "utility"
	case c == 1:
		return "select"
	case c == 2:
		return "update"
	case c == 3:
		return "insert"
	case c == 4:
		return "delete"
	case c == 5:
		return "merge"
	default:
		return "nothing"
	}
}

// ctes reads WITH entries. They stand in the query's scope: what they see of it is nothing, for its range is not yet read.
func (b *builder) ctes(n *node, q *Query) {
	for _, item := range n.items {
		c := CTE{Name: item.get("ctename").text(), Recursive: item.get("cterecursive").bool()}
		switch item.get("ctematerialized").int() {
		case 1:
			c.Materialized = "always"
		case 2:
			c.Materialized = "never"
		default:
			c.Materialized = "default"
		}
		if body := item.get("ctequery"); body.tag == "QUERY" {
			c.Query = b.query(body)
		} else {
			q.Unknown = append(q.Unknown, "WITH "+c.Name)
		}
		q.CTEs = append(q.CTEs, c)
	}
}

// positive reports whether an expression is a constant above zero.
func positive(e Expr) bool {
	if c, ok := e.(*Call); ok && c.Func != nil && c.Func.System && c.Func.Name == "int8" && len(c.Args) == 1 {
		e = c.Args[0]
	}
	k, ok := e.(*Const)
	return ok && k.Known && !k.Null && k.Text != "0" && !strings.HasPrefix(k.Text, "-")
}

// tail reads what follows the joins: grouping, order, limit, locks.
func (b *builder) tail(n *node, q *Query) {
	q.Group = n.get("hasAggs").bool() || len(n.get("groupClause").items) > 0 || len(n.get("distinctClause").items) > 0 ||
		len(n.get("groupingSets").items) > 0 || n.get("hasWindowFuncs").bool()
	q.Grouped = len(n.get("groupClause").items) > 0 || len(n.get("groupingSets").items) > 0
	q.Limit = !n.get("limitOffset").null() || !n.get("limitCount").null()
	q.RowMarks = len(n.get("rowMarks").items) > 0
	values := len(q.Values)
	for _, name := range [...]string{"limitOffset", "limitCount"} {
		if e := b.expr(n.get(name)); e != nil {
			q.Values = append(q.Values, e)
			q.Some = name == "limitCount" && len(q.Values) == values+1 && positive(e)
		}
	}
	for _, w := range n.get("windowClause").items {
		for _, name := range [...]string{"startOffset", "endOffset"} {
			if e := b.expr(w.get(name)); e != nil {
				q.Values = append(q.Values, e)
			}
		}
	}
	for _, w := range n.get("withCheckOptions").items {
		q.Unknown = append(q.Unknown, "check option of "+w.get("relname").text())
	}
}

// jointree reads FROM and WHERE.
func (b *builder) jointree(n *node, q *Query) {
	for _, item := range n.get("fromlist").items {
		if f := b.fromItem(item, q); f != nil {
			q.From = append(q.From, *f)
		}
	}
	q.Where = b.expr(n.get("quals"))
}

func (b *builder) fromItem(n *node, q *Query) *FromItem {
	switch n.tag {
	case "RANGETBLREF":
		return &FromItem{RTE: b.place(n.get("rtindex"))}
	case "JOINEXPR":
		f := &FromItem{Join: joinKind(n.get("jointype").int()), Index: b.place(n.get("rtindex")), On: b.expr(n.get("quals"))}
		f.Left, f.Right = b.fromItem(n.get("larg"), q), b.fromItem(n.get("rarg"), q)
		return f
	case "FROMEXPR":
		return b.nestedFrom(n, q)
	}
	q.Unknown = append(q.Unknown, "FROM item "+n.tag)
	return nil
}

// nestedFrom reads a FROM list inside another (a rule's action may have one) as inner joins.
func (b *builder) nestedFrom(n *node, q *Query) *FromItem {
	var out *FromItem
	for _, item := range n.get("fromlist").items {
		f := b.fromItem(item, q)
		switch {
		case f == nil:
		case out == nil:
			out = f
		default:
			out = &FromItem{Join: "inner", Left: out, Right: f}
		}
	}
	if on := b.expr(n.get("quals")); on != nil && out != nil {
		if out.RTE != 0 {
			q.Unknown = append(q.Unknown, "a condition inside FROM")
			return out
		}
		out = &FromItem{Join: out.Join, Left: out.Left, Right: out.Right, On: and(out.On, on), Index: out.Index}
	}
	return out
}

// and joins two conditions of which the first may be missing.
func and(a, b Expr) Expr {
	if a == nil {
		return b
	}
	return &Logic{Op: "and", Args: []Expr{a, b}}
}

func joinKind(kind int) string {
	switch kind {
	case 0:
		return "inner"
	case 1:
		return "left"
	case 2:
		return "full"
	case 3:
		return "right"
	default:
		return "unknown"
	}
}

func (b *builder) targets(n *node, q *Query) []Target {
	out := b.returning(n)
	if q.Command != "insert" && q.Command != "update" {
		return out
	}
	b.assigned(out, q)
	return out
}

// assigned names the columns that a target list assigns.
func (b *builder) assigned(targets []Target, q *Query) {
	e := b.scope.entry(0, q.Result)
	for i := range targets {
		if e != nil && !targets[i].Junk {
			targets[i].Column = columnName(e, targets[i].Num)
		}
	}
}

func (b *builder) returning(n *node) []Target {
	var out []Target
	for _, item := range n.items {
		out = append(out, Target{Expr: b.must(item.get("expr")), Num: int16(item.get("resno").int()), Name: item.get("resname").text(),
			Junk: item.get("resjunk").bool(), OriginRelation: item.get("resorigtbl").oid(), OriginColumn: int16(item.get("resorigcol").int())})
	}
	return out
}

func (b *builder) setOps(n *node, q *Query) {
	if n.kind == structNode {
		q.SetOp = b.setOp(n)
	}
}

func (b *builder) setOp(n *node) *SetOp {
	if n.tag == "RANGETBLREF" {
		return &SetOp{RTE: b.place(n.get("rtindex"))}
	}
	ops := [...]string{"unknown", "union", "intersect", "except"}
	op := n.get("op").int()
	if op < 0 || op >= len(ops) || n.tag != "SETOPERATIONSTMT" {
		op = 0
	}
	s := &SetOp{Op: ops[op], All: n.get("all").bool()}
	if op != 0 {
		s.Left, s.Right = b.setOp(n.get("larg")), b.setOp(n.get("rarg"))
	}
	return s
}

func (b *builder) onConflict(n *node, q *Query) {
	if n.tag != "ONCONFLICTEXPR" {
		return
	}
	q.OnConflict = &OnConflict{Action: "nothing"}
	if n.get("action").int() == 2 {
		q.OnConflict.Action = "update"
		q.OnConflict.Arbiter = b.arbiter(n, q)
		q.OnConflict.Set = b.returning(n.get("onConflictSet"))
		b.assigned(q.OnConflict.Set, q)
		q.OnConflict.Where = b.expr(n.get("onConflictWhere"))
	}
}

// arbiter lists the columns that ON CONFLICT names, by themselves or by their constraint.
func (b *builder) arbiter(n *node, q *Query) []string {
	e := b.scope.entry(0, q.Result)
	if e == nil || e.Relation == nil {
		return nil
	}
	var out []string
	for _, item := range n.get("arbiterElems").items {
		if v, ok := b.expr(item.get("expr")).(*Var); ok && item.get("infercollid").oid() == 0 && item.get("inferopclass").oid() == 0 {
			out = append(out, columnName(e, v.Num))
		}
	}
	for _, c := range e.Relation.Constraints {
		if c.OID == n.get("constraint").oid() && (c.Kind == "primary" || c.Kind == "unique") {
			out = append(out, c.Columns...)
		}
	}
	return out
}

func (b *builder) mergeActions(n *node, q *Query) {
	q.MergeOn = b.expr(n.get("mergeJoinCondition"))
	if q.Command == "merge" && q.MergeOn == nil { // 15 and 16
		q.MergeOn, q.Where = q.Where, nil
	}
	for _, item := range n.get("mergeActionList").items {
		a := MergeAction{Matched: mergeMatch(item), Command: command(item), Qual: b.expr(item.get("qual")), Targets: b.returning(item.get("targetList"))}
		b.assigned(a.Targets, q)
		q.Merge = append(q.Merge, a)
	}
}

// mergeMatch says when an action applies: a boolean in 15 and 16, three kinds since 17.
func mergeMatch(n *node) string {
	if n.has("matched") {
		if n.get("matched").bool() {
			return "matched"
		}
		return "not_matched"
	}
	switch n.get("matchKind").int() {
	case 0:
		return "matched"
	case 1:
		return "not_matched_by_source"
	default:
		return "not_matched"
	}
}
