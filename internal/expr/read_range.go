package expr

// ranges reads the range table: all entries first, so that what is inside one can name its neighbours.
func (b *builder) ranges(n *node, q *Query) {
	entries := n.get("rtable").items[b.scope.skip:]
	perms := n.get("rteperminfos").items
	q.Range = make([]RangeEntry, len(entries))
	for i, item := range entries {
		b.rangeEntry(item, perms, &q.Range[i])
	}
	for i, item := range entries {
		b.rangeBody(item, &q.Range[i], q)
	}
	for i := range entries {
		b.settle(&q.Range[i])
	}
}

// rangeEntry reads what an entry says of itself.
func (b *builder) rangeEntry(n *node, perms []*node, e *RangeEntry) {
	e.Kind = rangeKind(n.get("rtekind").int())
	e.Alias = n.get("eref").get("aliasname").text()
	e.Columns = n.get("eref").get("colnames").strings()
	e.RelOID = n.get("relid").oid()
	e.Relation = b.r.snap.RelationByOID(e.RelOID)
	e.Inherit, e.Lateral, e.Barrier = n.get("inh").bool(), n.get("lateral").bool(), n.get("security_barrier").bool()
	if e.Kind == "cte" {
		e.CTE, e.CTELevel = n.get("ctename").text(), n.get("ctelevelsup").int()
	}
	from := n // 14 and 15 keep the permissions in the entry
	if at := n.get("perminfoindex").int(); at > 0 && at <= len(perms) {
		from = perms[at-1]
	}
	e.Perms, e.CheckAsUser = permissions(from.get("requiredPerms").int()), from.get("checkAsUser").oid()
	e.Selected, e.Inserted, e.Updated = columnSet(from.get("selectedCols")), columnSet(from.get("insertedCols")), columnSet(from.get("updatedCols"))
}

func rangeKind(kind int) string {
	kinds := [...]string{"relation", "subquery", "join", "function", "table_function", "values", "cte", "tuplestore", "result", "group"}
	if kind < 0 || kind >= len(kinds) {
		return "unknown"
	}
	return kinds[kind]
}

// permissions writes AclMode as words (acl.h; MAINTAIN is of 17).
func permissions(mode int) []string {
	var out []string
	words := [...]string{"INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}
	for i, w := range words {
		if mode&(1<<i) != 0 {
			out = append(out, w)
		}
	}
	if mode&(1<<14) != 0 {
		out = append(out, "MAINTAIN")
	}
	return out
}

// columnSet reads a Bitmapset of attribute numbers, which start at -7 (FirstLowInvalidHeapAttributeNumber).
func columnSet(n *node) []int16 {
	var out []int16
	for _, item := range n.items {
		out = append(out, int16(item.int()-7))
	}
	return out
}

// rangeBody reads what stands inside an entry.
func (b *builder) rangeBody(n *node, e *RangeEntry, q *Query) {
	switch e.Kind {
	case "relation":
		if !n.get("tablesample").null() {
			q.Unknown = append(q.Unknown, "TABLESAMPLE of "+e.Alias)
		}
	case "subquery":
		if s := n.get("subquery"); s.tag == "QUERY" {
			e.Subquery = b.query(s)
		} else {
			q.Unknown = append(q.Unknown, "sub-query "+e.Alias)
		}
	case "function":
		for _, f := range n.get("functions").items {
			e.Funcs = append(e.Funcs, b.must(f.get("funcexpr")))
		}
		var types []uint32
		for _, f := range n.get("functions").items {
			for _, t := range f.get("funccoltypes").items {
				types = append(types, t.oid())
			}
		}
		b.r.recordOf(e, types)
	case "table_function":
		e.Funcs = []Expr{b.unknown(n.get("tablefunc"))}
	case "values":
		for _, row := range n.get("values_lists").items {
			e.Values = append(e.Values, b.exprs(row))
		}
	case "join":
		e.JoinVars = b.exprs(n.get("joinaliasvars"))
	case "group":
		e.JoinVars = b.exprs(n.get("groupexprs"))
	case "cte", "result":
	default:
		q.Unknown = append(q.Unknown, "range entry of kind "+e.Kind)
	}
	for _, s := range n.get("securityQuals").items {
		q.Unknown = append(q.Unknown, "security condition "+s.tag)
	}
}

// settle resolves the columns of joins of joins, whose inner join may come later in the table.
func (b *builder) settle(e *RangeEntry) {
	for i, v := range e.JoinVars {
		if v != nil {
			e.JoinVars[i] = b.flatten(v, 0)
		}
	}
}

// flatten replaces Vars of join and grouping entries by what is behind them.
func (b *builder) flatten(e Expr, hops int) Expr {
	return rewrite(e, func(e Expr, depth int) (Expr, bool) {
		v, ok := e.(*Var)
		if !ok || v.Level != depth || v.Num < 1 || hops > maxDepth/100 {
			return nil, false
		}
		r := b.scope.entry(0, v.RTE)
		if r == nil || r.Kind != "join" && r.Kind != "group" || int(v.Num) > len(r.JoinVars) || r.JoinVars[v.Num-1] == nil ||
			!b.affords(r.JoinVars[v.Num-1]) {
			return nil, false
		}
		return shift(b.flatten(r.JoinVars[v.Num-1], hops+1), depth), true
	})
}
