package expr

import (
	"fmt"
	"slices"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// relation finds a relation by name under the search path; temp is true where a temporary one would be found first. Where
// the path is the caller's, and the default one does not lead to the name, the only relation of that name is meant.
func (a *analyzer) relation(schema, name string) (rel *catalog.Relation, temp bool) {
	if schema != "" {
		return a.d.relations[qualified{schema, name}], false
	}
	for _, s := range a.path.schemas {
		if rel := a.d.relations[qualified{s, name}]; rel != nil {
			a.named(Name{Kind: "relation", Name: name, Schema: s, Exact: true})
			return rel, a.path.tempFirst
		}
	}
	if all := a.d.byName[name]; a.path.mutable && len(all) == 1 {
		a.named(Name{Kind: "relation", Name: name, Schema: all[0].Schema, Exact: true})
		return all[0], a.path.tempFirst // the caller's path finds this one, or nothing, or what somebody planted
	}
	return nil, a.path.tempFirst
}

// from resolves a FROM list.
func (a *analyzer) from(list []*pgquery.Node) {
	for _, n := range list {
		f, items := a.fromItem(n)
		if f != nil {
			a.space.query.From = append(a.space.query.From, *f)
		}
		a.space.items = append(a.space.items, items...)
	}
}

// fromItem resolves one item of FROM and what names it brings.
func (a *analyzer) fromItem(n *pgquery.Node) (*FromItem, []*item) {
	switch n := n.GetNode().(type) {
	case *pgquery.Node_RangeVar:
		return a.rangeVar(n.RangeVar)
	case *pgquery.Node_RangeSubselect:
		return a.rangeSubselect(n.RangeSubselect)
	case *pgquery.Node_RangeFunction:
		return a.rangeFunction(n.RangeFunction)
	case *pgquery.Node_JoinExpr:
		return a.join(n.JoinExpr)
	case *pgquery.Node_RangeTableSample:
		a.incomplete("TABLESAMPLE")
		return a.fromItem(n.RangeTableSample.Relation)
	}
	a.incomplete(fmt.Sprintf("FROM item %T", n.GetNode()))
	return nil, nil
}

// incomplete notes what a query has that is not modelled.
func (a *analyzer) incomplete(what string) {
	a.notes.add(&a.notes.opaque, what)
	a.space.query.Unknown = append(a.space.query.Unknown, what)
}

// entry adds a range entry and the item that names it.
func (a *analyzer) entry(e RangeEntry, schema string, types []column) (*FromItem, *item) {
	q := a.space.query
	q.Range = append(q.Range, e)
	it := &item{schema: schema, alias: e.Alias, rte: len(q.Range), relation: e.Relation}
	for i, c := range types {
		v, ok := c.value.(*Var)
		if !ok {
			v = &Var{TypeOID: c.value.Type(), TypeMod: -1, Collation: a.collationOf(c.value), Num: int16(i + 1)}
		}
		own := *v
		own.RTE, own.Name = it.rte, c.name
		if e.Relation != nil {
			own.Name = e.Relation.Column(own.Num).Name
		}
		it.columns = append(it.columns, column{name: c.name, value: &own})
	}
	return &FromItem{RTE: it.rte}, it
}

// renamed applies an alias's column names.
func renamed(cols []column, alias *pgquery.Alias) []column {
	for i, n := range alias.GetColnames() {
		if i < len(cols) {
			cols[i].name = str(n)
		}
	}
	return cols
}

func columnNames(cols []column) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = c.name
	}
	return out
}

func (a *analyzer) rangeVar(n *pgquery.RangeVar) (*FromItem, []*item) {
	alias := n.Relname
	if n.Alias != nil {
		alias = n.Alias.Aliasname
	}
	if n.Schemaname == "" {
		if cte, level := a.findCTE(n.Relname); cte != nil {
			return a.rangeCTE(cte, level, alias, n.Alias)
		}
	}
	e, cols := a.relationEntry(n)
	e.Alias, e.Perms = alias, []string{"SELECT"}
	cols = renamed(cols, n.Alias)
	e.Columns = columnNames(cols)
	f, it := a.entry(e, schemaOf(e.Relation, n), cols)
	return f, []*item{it}
}

func schemaOf(rel *catalog.Relation, n *pgquery.RangeVar) string {
	if rel != nil && n.Alias == nil {
		return rel.Schema
	}
	return ""
}

// relationEntry makes the entry of a named relation; Relation is nil where it is not known.
func (a *analyzer) relationEntry(n *pgquery.RangeVar) (RangeEntry, []column) {
	rel, temp := a.relation(n.Schemaname, n.Relname)
	if temp {
		a.notes.add(&a.notes.temp, n.Relname)
	}
	e := RangeEntry{Kind: "relation", Relation: rel, Inherit: n.Inh}
	if rel == nil {
		if n.Schemaname == "pg_temp" || n.Schemaname == "" && len(a.d.byName[n.Relname]) == 0 && !strings.HasPrefix(n.Relname, "pg_") {
			a.notes.add(&a.notes.absent, n.Relname)
		}
		a.incomplete(fmt.Sprintf("relation %q is not known", n.Relname))
		return e, nil
	}
	e.RelOID = rel.OID
	return e, a.relationColumns(rel)
}

func (a *analyzer) relationColumns(rel *catalog.Relation) []column {
	var out []column
	for i := range rel.Columns {
		c := &rel.Columns[i]
		v := &Var{Num: c.Num, Name: c.Name, TypeOID: c.TypeOID, TypeMod: c.TypeMod, Collation: a.t.collatable(c.TypeOID)}
		if c.Collation != "" && v.Collation != 0 {
			if oid := a.collation(c.Collation); oid != 0 {
				v.Collation = oid
			}
		}
		out = append(out, column{name: c.Name, value: v})
	}
	return out
}

// findCTE looks for a WITH entry by name; level counts the queries between.
func (a *analyzer) findCTE(name string) (*CTE, int) {
	level := 0
	for s := a.space; s != nil; s = s.outer {
		for _, c := range s.ctes {
			if c.Name == name {
				return c, level
			}
		}
		level++
	}
	return nil, 0
}

func (a *analyzer) rangeCTE(c *CTE, level int, alias string, names *pgquery.Alias) (*FromItem, []*item) {
	cols := renamed(queryColumns(c.Query, c.names), names)
	f, it := a.entry(RangeEntry{Kind: "cte", CTE: c.Name, CTELevel: level, Alias: alias, Columns: columnNames(cols)}, "", cols)
	return f, []*item{it}
}

// queryColumns are the columns that a query gives.
func queryColumns(q *Query, names []string) []column {
	var out []column
	if q == nil {
		return out
	}
	targets := q.Targets
	if q.Command != "select" {
		targets = q.Returning
	}
	for _, t := range targets {
		if t.Junk {
			continue
		}
		c := column{name: t.Name, value: &Var{Num: int16(len(out) + 1), TypeOID: t.Expr.Type(), TypeMod: -1, Collation: exprCollation(t.Expr)}}
		if len(out) < len(names) {
			c.name = names[len(out)]
		}
		out = append(out, c)
	}
	return out
}

func exprCollation(e Expr) uint32 {
	if v, ok := e.(*Var); ok {
		return v.Collation
	}
	return 0
}

func (a *analyzer) rangeSubselect(n *pgquery.RangeSubselect) (*FromItem, []*item) {
	inner := a
	if !n.Lateral { // its neighbours are not in sight
		b := *a
		b.space = &space{query: a.space.query, ctes: a.space.ctes, outer: a.space.outer}
		inner = &b
	}
	q := inner.statement(n.Subquery)
	cols := renamed(queryColumns(q, nil), n.Alias)
	f, it := a.entry(RangeEntry{Kind: "subquery", Subquery: q, Lateral: n.Lateral, Alias: n.Alias.GetAliasname(), Columns: columnNames(cols)}, "", cols)
	return f, []*item{it}
}

func (a *analyzer) rangeFunction(n *pgquery.RangeFunction) (*FromItem, []*item) {
	e := RangeEntry{Kind: "function", Lateral: n.Lateral, Alias: n.Alias.GetAliasname()}
	var cols []column
	for _, f := range n.Functions {
		call := f.GetList().GetItems()
		if len(call) == 0 {
			continue
		}
		fn := a.expr(call[0])
		e.Funcs = append(e.Funcs, fn)
		name := call[0].GetFuncCall()
		_, fname := nameParts(name.GetFuncname())
		if e.Alias == "" {
			e.Alias = fname
		}
		cols = append(cols, a.functionColumns(fn, e.Alias)...)
	}
	for _, d := range n.Coldeflist {
		cols = append(cols, column{name: d.GetColumnDef().GetColname(), value: &Var{Num: int16(len(cols) + 1), TypeOID: a.typeName(d.GetColumnDef().GetTypeName())}})
	}
	if n.Ordinality {
		cols = append(cols, column{name: "ordinality", value: &Var{TypeOID: 20}})
	}
	for i := range cols {
		v := *cols[i].value.(*Var)
		v.Num, v.TypeMod = int16(i+1), -1
		cols[i].value = &v
	}
	cols = renamed(cols, n.Alias)
	e.Columns = columnNames(cols)
	if !n.Ordinality {
		var types []uint32
		if len(n.Coldeflist) > 0 {
			for _, c := range cols {
				types = append(types, c.value.Type())
			}
		}
		a.r.recordOf(&e, types)
	}
	f, it := a.entry(e, "", cols)
	return f, []*item{it}
}

// functionColumns are the columns of a function in FROM: those of its row type, its OUT arguments, or its value.
func (a *analyzer) functionColumns(e Expr, alias string) []column {
	if rel := a.r.rowType(e.Type()); rel != nil {
		return a.relationColumns(rel)
	}
	c, ok := e.(*Call)
	if ok && c.Func != nil && e.Type() == recordOID {
		var out []column
		for i, m := range c.Func.ArgumentModes {
			if (m == "out" || m == "inout" || m == "table") && i < len(c.Func.AllArgumentOIDs) && i < len(c.Func.ArgumentNames) {
				out = append(out, column{name: c.Func.ArgumentNames[i], value: &Var{TypeOID: c.Func.AllArgumentOIDs[i], Collation: a.t.collatable(c.Func.AllArgumentOIDs[i])}})
			}
		}
		return out
	}
	if e.Type() == recordOID {
		return nil
	}
	return []column{{name: alias, value: &Var{TypeOID: e.Type(), Collation: a.t.collatable(e.Type())}}}
}

// join resolves a join; the columns of USING and NATURAL are merged.
func (a *analyzer) join(n *pgquery.JoinExpr) (*FromItem, []*item) {
	left, litems := a.fromItem(n.Larg)
	seen := len(a.space.items)
	a.space.items = append(a.space.items, litems...) // for LATERAL on the right
	right, ritems := a.fromItem(n.Rarg)
	a.space.items = a.space.items[:seen]
	f := &FromItem{Join: joinKind(joinNumber(n.Jointype)), Left: left, Right: right}
	names := columnsOfUsing(n, litems, ritems)
	items := append(append([]*item(nil), litems...), ritems...)
	if len(names) > 0 {
		merged := a.merge(f, names, litems, ritems)
		items = append(items, merged)
	}
	a.space.query.Range = append(a.space.query.Range, RangeEntry{Kind: "join", Alias: n.Alias.GetAliasname()})
	f.Index = len(a.space.query.Range)
	if n.Quals != nil {
		b := *a
		b.space = &space{query: a.space.query, items: append(append([]*item(nil), a.space.items...), items...), ctes: a.space.ctes, outer: a.space.outer}
		f.On = b.boolean(n.Quals)
	}
	if n.Alias != nil {
		items = []*item{aliased(n.Alias, items)}
	}
	return f, items
}

// joinNumber is JoinType as stored trees number it.
func joinNumber(t pgquery.JoinType) int { return int(t) - 1 }

// aliased hides the items of a join behind its alias.
func aliased(alias *pgquery.Alias, items []*item) *item {
	out := &item{alias: alias.Aliasname}
	for i := len(items) - 1; i >= 0; i-- { // merged columns come first
		if items[i].alias == "" && items[i].rte == 0 {
			out.columns = append(out.columns, items[i].columns...)
		}
	}
	for _, it := range items {
		if it.alias == "" && it.rte == 0 {
			continue
		}
		for _, c := range it.columns {
			if !c.merged {
				out.columns = append(out.columns, c)
			}
		}
	}
	out.columns = renamed(slices.Clone(out.columns), alias)
	return out
}

// columnsOfUsing lists the names that a join merges.
func columnsOfUsing(n *pgquery.JoinExpr, left, right []*item) []string {
	var out []string
	for _, u := range n.UsingClause {
		out = append(out, str(u))
	}
	if !n.IsNatural {
		return out
	}
	for _, it := range left {
		for _, c := range it.columns {
			if !c.merged && findIn(right, c.name) != nil {
				out = append(out, c.name)
			}
		}
	}
	return out
}

func findIn(items []*item, name string) *column {
	for _, it := range items {
		if c := it.column(name, false); c != nil {
			return c
		}
	}
	return nil
}

// merge makes the merged columns of a join and its condition.
func (a *analyzer) merge(f *FromItem, names []string, left, right []*item) *item {
	out := &item{}
	for _, name := range names {
		l, r := findIn(left, name), findIn(right, name)
		if l == nil || r == nil {
			a.incomplete(fmt.Sprintf("column %q of USING is not known", name))
			continue
		}
		lv, rv := a.use(a.space, l.value), a.use(a.space, r.value)
		eq := a.apply("", "=", []Expr{lv, rv})
		if f.On = and(f.On, eq); f.On == nil {
			f.On = eq
		}
		value := lv
		switch f.Join {
		case "right":
			value = rv
		case "full":
			list, typ := a.unify([]Expr{lv, rv})
			value = &Coalesce{Args: list, TypeOID: typ}
		}
		l.merged, r.merged = true, true
		out.columns = append(out.columns, column{name: name, value: value})
	}
	return out
}
