package expr

import (
	"fmt"
	"slices"
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// An analyzer does to parsed SQL what the server's parse analysis does: it resolves names, operators, functions and types,
// and gives the same nodes that a stored tree gives. What it cannot resolve for certain becomes Unknown, with the reason
// among the body's.
type analyzer struct {
	r     *Reader
	d     *directory
	t     *nameTable
	path  searchPath
	fn    *catalog.Function
	vars  []variable
	space *space
	notes *notes
	// declared is true where names of variables and of columns must not meet (PL/pgSQL); in SQL a column comes first.
	declared bool
	depth    int
}

// maxParseDepth bounds how deep the text of a body may nest.
const maxParseDepth = 500

// A variable is a parameter, or a variable of PL/pgSQL, with what stands for it.
type variable struct {
	name  string
	value Expr
}

// notes is what was seen on the way.
type notes struct {
	opaque []string
	temp   []string // unqualified relations that a temporary one would hide
	absent []string // relations that no schema has: only a temporary one can be meant
	names  []Name   // what the search_path was asked for
}

func (n *notes) add(list *[]string, what string) {
	if !slices.Contains(*list, what) {
		*list = append(*list, what)
	}
}

// A space is a query's namespace, and those around it.
type space struct {
	query *Query
	items []*item
	ctes  []*CTE
	outer *space
	// windows are the expressions that windows are cut and ordered by; they become columns that are not shown.
	windows []*pgquery.Node
}

// window notes what a window is cut and ordered by.
func (s *space) window(w *pgquery.WindowDef) {
	s.query.Group = true
	for _, o := range w.OrderClause {
		s.windows = append(s.windows, o.GetSortBy().GetNode())
	}
	s.windows = append(s.windows, w.PartitionClause...)
}

// An item is one name that columns can be qualified with; "" for the merged columns of a join.
type item struct {
	schema, alias string
	rte           int
	columns       []column
	relation      *catalog.Relation
}

// A column is one column of an item, as seen from the item's own query.
type column struct {
	name   string
	value  Expr
	merged bool // behind USING: only found by its qualified name
}

// unknown notes a reason and stands for what could not be resolved.
func (a *analyzer) unknown(tag, reason string, args ...Expr) *Unknown {
	a.notes.add(&a.notes.opaque, reason)
	return &Unknown{Tag: tag, Key: reason, Args: args}
}

// follows stands for what cannot be resolved because an operand could not: the operand's own reason was noted.
func (a *analyzer) follows(tag, reason string, args ...Expr) *Unknown {
	return &Unknown{Tag: tag, Key: reason, Args: args}
}

// in returns the analyzer for a query inside the present one.
func (a *analyzer) in(q *Query) *analyzer {
	b := *a
	b.space = &space{query: q, outer: a.space}
	b.depth++
	return &b
}

// columnRef resolves a name, or a name with qualifiers.
func (a *analyzer) columnRef(n *pgquery.ColumnRef) Expr {
	var names []string
	for _, f := range n.Fields {
		if f.GetAStar() != nil {
			return a.unknown("STAR", "a * that is no column")
		}
		names = append(names, str(f))
	}
	col, found, clear := a.findColumn(names)
	variable := a.findVariable(names)
	switch {
	case !clear:
		return a.unknown("COLUMN", fmt.Sprintf("column %q is ambiguous", strings.Join(names, ".")))
	case found && variable != nil && a.declared:
		return a.unknown("COLUMN", fmt.Sprintf("%q is a column and a variable", strings.Join(names, ".")), col)
	case found:
		return col
	case variable != nil:
		return variable
	}
	return a.unknown("COLUMN", fmt.Sprintf("column %q is not known", strings.Join(names, ".")))
}

// findColumn looks for a column in the query and then in those around it. clear is false where more than one fits.
func (a *analyzer) findColumn(names []string) (e Expr, found, clear bool) {
	level := 0
	for s := a.space; s != nil; s = s.outer {
		var hits []Expr
		for _, it := range s.items {
			hits = append(hits, a.columnsOf(s, it, names)...)
		}
		if len(hits) > 1 {
			return nil, true, false
		}
		if len(hits) == 1 {
			return shift(hits[0], level), true, true
		}
		level++
	}
	return nil, false, true
}

// columnsOf returns what names may mean within one item.
func (a *analyzer) columnsOf(s *space, it *item, names []string) []Expr {
	last := names[len(names)-1]
	switch {
	case len(names) == 1:
		if c := it.column(last, false); c != nil {
			return []Expr{a.use(s, c.value)}
		}
		if it.alias == last && it.rte > 0 && !a.anyColumn(s, last) {
			return []Expr{a.use(s, &Var{RTE: it.rte, TypeOID: a.rowOID(it.relation), TypeMod: -1})}
		}
	case len(names) == 2 && it.alias == names[0], len(names) == 3 && it.schema == names[0] && it.alias == names[1]:
		if c := it.column(last, true); c != nil {
			return []Expr{a.use(s, c.value)}
		}
		if num := systemNumber(last); num != 0 && it.relation != nil {
			return []Expr{a.use(s, &Var{RTE: it.rte, Num: num, Name: last, TypeOID: systemType(num), TypeMod: -1})}
		}
	}
	return nil
}

// anyColumn reports whether some item has a column of that name, which then comes before a whole row of the name.
func (a *analyzer) anyColumn(s *space, name string) bool {
	return slices.ContainsFunc(s.items, func(it *item) bool { return it.column(name, false) != nil })
}

func (it *item) column(name string, qualified bool) *column {
	for i := range it.columns {
		if c := &it.columns[i]; c.name == name && (qualified || !c.merged) {
			return c
		}
	}
	return nil
}

// systemType is the type of a system column.
func systemType(num int16) uint32 {
	switch num {
	case -1:
		return 27 // tid
	case -2, -4:
		return 28 // xid
	case -6:
		return 26
	default:
		return 29 // cid
	}
}

func systemNumber(name string) int16 {
	for num := int16(-1); num >= -6; num-- {
		if systemColumn(num) == name {
			return num
		}
	}
	return 0
}

// rowOID returns the type of a relation's rows, 0 where it is not known.
func (a *analyzer) rowOID(rel *catalog.Relation) uint32 {
	if rel == nil {
		return 0
	}
	return a.d.types[qualified{rel.Schema, rel.Name}]
}

// use marks the columns in e as read, as the server does when it asks for privileges.
func (a *analyzer) use(s *space, e Expr) Expr {
	Walk(e, func(e Expr) bool {
		if v, ok := e.(*Var); ok && v.Level == 0 && v.RTE > 0 && v.RTE <= len(s.query.Range) {
			r := &s.query.Range[v.RTE-1]
			if r.Kind == "relation" {
				if !slices.Contains(r.Perms, "SELECT") {
					r.Perms = append(r.Perms, "SELECT")
				}
				if !slices.Contains(r.Selected, v.Num) {
					r.Selected = append(r.Selected, v.Num)
				}
			}
		}
		return true
	})
	return e
}

// findVariable looks for a parameter or variable: name, function.name, or record.field.
func (a *analyzer) findVariable(names []string) Expr {
	if len(names) > 1 && a.fn != nil && names[0] == a.fn.Name {
		if v := a.findVariable(names[1:]); v != nil {
			return v
		}
	}
	for i := len(a.vars) - 1; i >= 0; i-- {
		v := a.vars[i]
		if len(names) == 2 && v.name == names[0]+"."+names[1] {
			return v.value
		}
		if v.name != names[0] || v.name == "" {
			continue
		}
		if len(names) == 1 {
			return v.value
		}
		if len(names) == 2 {
			return a.fieldOf(v.value, names[1])
		}
	}
	return nil
}

// fieldOf takes a field out of a value of a row type; nil where the type has no such field.
func (a *analyzer) fieldOf(e Expr, name string) Expr {
	rel := a.r.rowType(e.Type())
	if rel == nil {
		if p, ok := e.(*Param); ok && p.Kind == "variable" {
			return a.unknown("RECORD", fmt.Sprintf("field %q of a record", p.Name+"."+name))
		}
		return nil
	}
	c := rel.ColumnByName(name)
	if c == nil {
		return nil
	}
	return &Field{Arg: e, Num: c.Num, Name: name, TypeOID: c.TypeOID}
}

// str returns a String node's text.
func str(n *pgquery.Node) string { return n.GetString_().GetSval() }

// nameParts splits a qualified name into schema and name; a catalogue before them is this one.
func nameParts(list []*pgquery.Node) (schema, name string) {
	if len(list) == 0 {
		return "", ""
	}
	if len(list) > 1 {
		schema = str(list[len(list)-2])
	}
	return schema, str(list[len(list)-1])
}
