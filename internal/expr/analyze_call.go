package expr

import (
	"fmt"
	"slices"

	pgquery "github.com/pganalyze/pg_query_go/v6"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// call resolves a function call by name and argument types.
func (a *analyzer) call(n *pgquery.FuncCall) Expr {
	schema, name := nameParts(n.Funcname)
	args, named := a.arguments(n.Args)
	if n.AggWithinGroup {
		for _, o := range n.AggOrder {
			args = append(args, a.expr(o.GetSortBy().GetNode()))
		}
	}
	types := typesOf(args)
	if slices.Contains(types, 0) {
		if m, ok := a.onlyOne(schema, name, types); ok && named == nil {
			return a.finishCall(n, m, args, types, m.c.result)
		}
		return a.follows("CALL", fmt.Sprintf("call of %s with an argument of unknown type", name), args...)
	}
	if t := a.castByName(schema, name, types, named); t != 0 {
		return a.coerce(args[0], t, explicitCast)
	}
	m, ok := a.findFunction(schema, name, types, named)
	if !ok {
		return a.unknown("CALL", fmt.Sprintf("function %s(%s) is not known or not certain", name, a.typeList(types)), args...)
	}
	if named != nil {
		if args, ok = placed(m, args, named); !ok {
			return a.unknown("CALL", fmt.Sprintf("named arguments of %s", name), args...)
		}
		types = typesOfGap(args)
	}
	result, ok := m.result(a.t, types)
	if !ok {
		return a.unknown("CALL", fmt.Sprintf("the result type of %s does not follow", name), args...)
	}
	return a.finishCall(n, m, args, types, result)
}

// onlyOne finds the function that a call with arguments of unknown type must mean: the only one of the name that takes so many.
func (a *analyzer) onlyOne(schema, name string, types []uint32) (match, bool) {
	list := a.d.candidates(a.d.functions, schema, name, len(types), a.path.schemas)
	if len(list) != 1 {
		return match{}, false
	}
	is, _ := polymorphic(list[0].c.result)
	return list[0], !is
}

// castByName returns the type that type(value) casts to, where there is one and no function takes exactly the value's type;
// only casts that need no function count, and literals.
func (a *analyzer) castByName(schema, name string, types []uint32, named []string) uint32 {
	if len(types) != 1 || named != nil {
		return 0
	}
	for _, m := range a.d.candidates(a.d.functions, schema, name, 1, a.path.schemas) {
		if equalOIDs(m.args, types) {
			return 0
		}
	}
	t := a.findType(schema, name)
	if t == 0 || types[0] == unknownOID {
		return t
	}
	if p := a.d.pathway(a.t, types[0], t, explicitCast); p.kind == "relabel" || p.kind == "io" && !a.isRow(types[0]) {
		return t
	}
	return 0
}

func (a *analyzer) finishCall(n *pgquery.FuncCall, m match, args []Expr, types []uint32, result uint32) Expr {
	fn := m.c.fn
	fitted := a.fit(args, m, types)
	if fn.Kind == "aggregate" || fn.Kind == "window" || n.Over != nil {
		g := &Aggregate{OID: fn.OID, Func: fn, Args: fitted, Window: n.Over != nil, Distinct: n.AggDistinct, TypeOID: result}
		if n.AggFilter != nil {
			g.Filter = a.boolean(n.AggFilter)
		}
		switch {
		case a.space == nil:
		case g.Window:
			a.space.window(n.Over)
		default:
			a.space.query.Group = true
		}
		return g
	}
	c := &Call{OID: fn.OID, Func: fn, Args: fitted, TypeOID: result, Set: fn.ReturnsSet, Form: "call", Variadic: n.FuncVariadic || m.expanded}
	if m.expanded {
		a.packVariadic(c, m)
	}
	a.r.fillDefaults(c)
	c.Collation = a.inputCollation(c.Args)
	return c
}

// packVariadic puts the variadic arguments into an array, as stored trees have them; VARIADIC "any" has none.
func (a *analyzer) packVariadic(c *Call, m match) {
	fixed := len(m.c.args) - 1
	if m.c.variadic == anyOID || fixed > len(c.Args) {
		c.Variadic = false
		return
	}
	elem := m.c.variadic
	list := c.Args[fixed:]
	if is, _ := polymorphic(elem); is {
		list, elem = a.unify(list)
	}
	c.Args = append(append([]Expr(nil), c.Args[:fixed]...), &Array{Elements: list, ElemOID: elem, TypeOID: a.t.arrayOf(elem)})
}

// arguments resolves arguments; names is nil where none is named, else it has the name of each, "" for those before.
func (a *analyzer) arguments(list []*pgquery.Node) (args []Expr, names []string) {
	for i, n := range list {
		if na := n.GetNamedArgExpr(); na != nil {
			if names == nil {
				names = make([]string, len(list))
			}
			names[i] = na.Name
		}
		args = append(args, a.expr(n))
	}
	return args, names
}

// findFunction chooses among the functions of a name. With named arguments only one candidate may be left.
func (a *analyzer) findFunction(schema, name string, types []uint32, named []string) (match, bool) {
	list := a.d.candidates(a.d.functions, schema, name, len(types), a.path.schemas)
	if homes := a.d.homes[name]; len(list) == 0 && schema == "" && a.path.mutable && len(homes) == 1 {
		list = a.d.candidates(a.d.functions, homes[0], name, len(types), nil) // as with relations
	}
	if named == nil {
		m, ok := a.d.choose(a.t, list, types)
		if ok {
			a.namedMatch("function", schema, name, m, types)
		}
		return m, ok
	}
	var fit []match
	for _, m := range list {
		if _, ok := placed(m, make([]Expr, len(types)), named); ok && !m.expanded {
			fit = append(fit, m)
		}
	}
	if len(fit) != 1 {
		return match{}, false
	}
	a.namedMatch("function", schema, name, fit[0], nil)
	fit[0].args = fit[0].c.args
	return fit[0], true
}

// placed puts named arguments in the places of the function's input arguments; those left out are nil.
func placed(m match, args []Expr, named []string) ([]Expr, bool) {
	out := make([]Expr, len(m.c.args))
	for i, e := range args {
		at := i
		if named[i] != "" {
			at = argumentIndex(m.c.fn, named[i])
		}
		if at < 0 || at >= len(out) {
			return args, false
		}
		out[at] = e
	}
	return out, true
}

// argumentIndex returns an input argument's place by its name, -1 for none.
func argumentIndex(f *catalog.Function, name string) int {
	at := 0
	for i, n := range f.ArgumentNames {
		mode := "in"
		if i < len(f.ArgumentModes) {
			mode = f.ArgumentModes[i]
		}
		if mode == "out" || mode == "table" {
			continue
		}
		if n == name {
			return at
		}
		at++
	}
	return -1
}

// argumentName returns the name of the input argument $n, "" for none.
func argumentName(f *catalog.Function, n int) string {
	at := 0
	for i, name := range f.ArgumentNames {
		if i < len(f.ArgumentModes) && (f.ArgumentModes[i] == "out" || f.ArgumentModes[i] == "table") {
			continue
		}
		if at++; at == n {
			return name
		}
	}
	return ""
}

func typesOfGap(args []Expr) []uint32 {
	out := make([]uint32, len(args))
	for i, e := range args {
		if e != nil {
			out[i] = e.Type()
		} else {
			out[i] = unknownOID
		}
	}
	return out
}

// actual is what a match's argument types come to for actual ones: polymorphic ones made concrete.
func (m match) actual(t *nameTable, types []uint32) []uint32 {
	elem := m.element(t, types)
	out := make([]uint32, len(m.args))
	for i, want := range m.args {
		out[i] = want
		if is, _ := polymorphic(want); is && elem != 0 {
			switch want {
			case anyArrayOID, 5078:
				out[i] = t.arrayOf(elem)
			case 3831, 5080, 4537, 4538:
			default:
				out[i] = elem
			}
		}
	}
	return out
}

// fit coerces arguments to what the match asks for.
func (a *analyzer) fit(args []Expr, m match, types []uint32) []Expr {
	want := m.actual(a.t, types)
	out := make([]Expr, len(args))
	for i, e := range args {
		out[i] = e
		if e != nil && i < len(want) {
			out[i] = a.coerce(e, want[i], implicitCast)
		}
	}
	return out
}
