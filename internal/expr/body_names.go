package expr

import "slices"

// A Name is a name that a string body leaves to the search_path.
type Name struct {
	Kind   string // function, operator, relation, type
	Name   string
	Schema string // where it was found
	// Exact is true where nothing else of the name, for other arguments, would be taken before what was found: the arguments have just the
	// types it asks for.
	Exact bool
}

// A Capture is a name of a body that finds something else once somebody makes it in a schema.
type Capture struct {
	Name   Name
	Schema string // where it would be made
	// Chosen is true where the caller's own search_path has to lead there; else the function's leads there itself.
	Chosen bool
}

// Captured returns the first of a body's names that an object made in one of the schemas named would be taken for; false: none.
// pinned is the search_path of a function around that sets one, nil: there is none, and where the body's function sets none itself
// the caller chooses it. Temporary objects are TempShadowed's matter.
func (b *Body) Captured(schemas, pinned []string) (Capture, bool) {
	path, chosen := b.path, false
	if b.SearchPathMutable {
		path, chosen = pinned, pinned == nil
	}
	for _, n := range b.Names {
		for _, s := range schemas {
			if chosen || n.hiddenBy(s, path) {
				return Capture{Name: n, Schema: s, Chosen: chosen}, true
			}
		}
	}
	return Capture{}, false
}

// Path returns the search_path that the function sets, pg_catalog in its place and pg_temp left out; nil: it sets none.
func (b *Body) Path() []string {
	if b.SearchPathMutable {
		return nil
	}
	return b.path
}

// hiddenBy reports whether an object made in a schema comes before what the name means on a path: it stands earlier there, or, for
// functions and operators, anywhere and fits the arguments better.
func (n *Name) hiddenBy(schema string, path []string) bool {
	at, found := slices.Index(path, schema), slices.Index(path, n.Schema)
	switch {
	case at < 0:
		return false
	case found < 0 || at < found:
		return true
	}
	return !n.Exact && (n.Kind == "function" || n.Kind == "operator")
}

// named notes a name that was found by the search_path.
func (a *analyzer) named(n Name) {
	if a.fn != nil && !slices.Contains(a.notes.names, n) {
		a.notes.names = append(a.notes.names, n)
	}
}

// namedMatch notes what a function's or operator's name was taken for, by arguments of those types.
func (a *analyzer) namedMatch(kind, schema, name string, m match, types []uint32) {
	if schema != "" {
		return
	}
	n := Name{Kind: kind, Name: name, Exact: !m.expanded && len(types) == len(m.args)}
	if m.c.op != nil {
		n.Schema = m.c.op.Schema
	} else if m.c.fn != nil {
		n.Schema = m.c.fn.Schema
	}
	for i := range types {
		if n.Exact && types[i] != m.args[i] {
			other := kind == "operator" && len(types) == 2 && m.args[i] == types[1-i]                 // a literal is first taken for the other side's type
			n.Exact = types[i] == unknownOID && (other || kind == "function" && m.args[i] == textOID) // else for text before all else
		}
	}
	a.named(n)
}
