package expr

import (
	"slices"
	"sync"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// A qualified is a name in a schema.
type qualified struct{ schema, name string }

// A directory finds objects by name, the snapshot's and PostgreSQL's own. It is built when the first string body is read.
type directory struct {
	relations map[qualified]*catalog.Relation
	byName    map[string][]*catalog.Relation
	functions map[qualified][]*callable
	homes     map[string][]string // schemas that hold a user function of the name
	operators map[qualified][]*callable
	types     map[qualified]uint32
	casts     map[[2]uint32]builtinCast
}

// A callable is a function or an operator as a candidate.
type callable struct {
	fn       *catalog.Function
	op       *catalog.Operator
	args     []uint32
	result   uint32
	variadic uint32 // element type of a variadic last argument
	defaults int
	opFunc   uint32
}

// newDirectory returns what builds the directory once.
func newDirectory(r *Reader) func() *directory {
	return sync.OnceValue(func() *directory {
		d := &directory{relations: map[qualified]*catalog.Relation{}, byName: map[string][]*catalog.Relation{},
			functions: map[qualified][]*callable{}, homes: map[string][]string{}, operators: map[qualified][]*callable{}, types: map[qualified]uint32{}, casts: map[[2]uint32]builtinCast{}}
		d.addBuiltins(r.names.system)
		d.addSnapshot(r)
		return d
	})
}

func (d *directory) addBuiltins(s *builtinSet) {
	for name, list := range s.byName {
		for _, f := range list {
			d.functions[qualified{"pg_catalog", name}] = append(d.functions[qualified{"pg_catalog", name}],
				&callable{fn: &f.Function, args: f.ArgumentOIDs, result: f.ResultOID, variadic: f.variadic, defaults: f.defaults})
		}
	}
	for name, list := range s.opsByName {
		for _, o := range list {
			d.operators[qualified{"pg_catalog", name}] = append(d.operators[qualified{"pg_catalog", name}],
				&callable{op: &o.Operator, args: operands(o.left, o.right), result: o.result, opFunc: o.function})
		}
	}
	for name, t := range s.typeNames {
		d.types[qualified{"pg_catalog", name}] = t.OID
	}
	d.casts = make(map[[2]uint32]builtinCast, len(s.casts))
	for k, c := range s.casts {
		d.casts[k] = c
	}
}

func operands(left, right uint32) []uint32 {
	if left == 0 {
		return []uint32{right}
	}
	return []uint32{left, right}
}

func (d *directory) addSnapshot(r *Reader) {
	s := r.snap
	byFormat := map[string]uint32{}
	for _, t := range r.names.system.types {
		byFormat[t.Format] = t.OID
	}
	for i := range s.Relations {
		rel := &s.Relations[i]
		d.relations[qualified{rel.Schema, rel.Name}] = rel
		d.byName[rel.Name] = append(d.byName[rel.Name], rel)
	}
	for i := range s.Types {
		t := &s.Types[i]
		d.types[qualified{t.Schema, t.Name}] = t.OID
		byFormat[t.Format] = t.OID
	}
	for i := range s.Functions {
		if f := &s.Functions[i]; f.Schema != "pg_catalog" {
			if !slices.Contains(d.homes[f.Name], f.Schema) {
				d.homes[f.Name] = append(d.homes[f.Name], f.Schema)
			}
			d.functions[qualified{f.Schema, f.Name}] = append(d.functions[qualified{f.Schema, f.Name}], r.userCallable(f))
		}
	}
	for i := range s.Operators {
		if o := &s.Operators[i]; o.Schema != "pg_catalog" {
			c := &callable{op: o, args: operands(byFormat[o.Left], byFormat[o.Right])}
			if f := s.Function(o.Function); f != nil {
				c.result, c.opFunc = f.ResultOID, f.OID
			}
			d.operators[qualified{o.Schema, o.Name}] = append(d.operators[qualified{o.Schema, o.Name}], c)
		}
	}
	for _, c := range s.Casts {
		d.addCast(s, c, byFormat)
	}
}

func (d *directory) addCast(s *catalog.Snapshot, c catalog.Cast, byFormat map[string]uint32) {
	source, target := byFormat[c.Source], byFormat[c.Target]
	if source == 0 || target == 0 {
		return
	}
	b := builtinCast{context: 'e', method: 'f'}
	switch c.Context {
	case "implicit":
		b.context = 'i'
	case "assignment":
		b.context = 'a'
	}
	switch c.Method {
	case "binary":
		b.method = 'b'
	case "inout":
		b.method = 'i'
	}
	if f := s.Function(c.Function); f != nil {
		b.function = f.OID
	}
	d.casts[[2]uint32{source, target}] = b
}

// userCallable describes a user function; how many defaults it has is in its tree.
func (r *Reader) userCallable(f *catalog.Function) *callable {
	c := &callable{fn: f, args: f.ArgumentOIDs, result: f.ResultOID}
	if f.Defaults != nil {
		if n, err := parseNode(f.Defaults.Node); err == nil {
			c.defaults = len(n.items)
		}
	}
	for i, m := range f.ArgumentModes {
		if m == "variadic" && i < len(f.AllArgumentOIDs) {
			if t := r.names.typeOf(f.AllArgumentOIDs[i]); t != nil {
				c.variadic = t.Element
			}
		}
	}
	return c
}
