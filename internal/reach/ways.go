package reach

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Ways returns every way of every application role to the rows of every table of the model, those without any privilege
// among the direct ones included, sorted by role, relation and verb. Composed predicates are shared between ways: they must not
// be changed.
func Ways(m *tenancy.Model) []Way {
	rels := make([]*catalog.Relation, 0, len(m.Tables))
	for _, t := range m.Tables {
		rels = append(rels, t.Relation)
	}
	return WaysTo(m, rels...)
}

// WaysTo is Ways for some relations.
func WaysTo(m *tenancy.Model, rels ...*catalog.Relation) []Way {
	w := newWalker(m, rels)
	for _, app := range m.Applications() {
		w.start(app)
		for _, rel := range w.rels {
			w.toRelation(app, rel)
		}
		w.through(app)
		w.sort()
	}
	return w.out
}

// outcome is what a way over another role comes to; equal ones are listed once.
type outcome struct {
	rel              *catalog.Relation
	command          Command
	variant, unbound string
	old, new         expr.Expr
}

// A walker collects ways.
type walker struct {
	*composer
	version  int
	rels     []*catalog.Relation
	out      []Way
	begin    int // where the present application role's ways begin
	outcomes map[outcome]bool
	inside   map[*catalog.Relation]bool // the relations that are asked about
	eq       map[string]*catalog.Operator
	definer  []*catalog.Function
	below    []*catalog.Function                     // that reach below tables; nil: not yet looked for
	belowFor map[string][]*catalog.Function          // role → those that it may call
	mine     map[string]map[*catalog.Function]string // application role → the functions that it may replace
	calling  map[*catalog.Function]bool
	skip     bool // paths that the role itself can use are left out
	here     spot
	named    map[asKey]expr.Expr
	once     map[onceKey]int // ways by path, to join those that come to the same place twice
}

// onceKey tells the cell of a way.
type onceKey struct {
	rel                          *catalog.Relation
	command                      Command
	variant, kind, path, as, who string
}

func newWalker(m *tenancy.Model, rels []*catalog.Relation) *walker {
	inside := make(map[*catalog.Relation]bool, len(rels))
	for _, r := range rels {
		inside[r] = true
	}
	return &walker{
		inside: inside, calling: make(map[*catalog.Function]bool), named: make(map[asKey]expr.Expr), composer: newComposer(m), version: m.Snapshot.Server.VersionNum, rels: rels,
		out: make([]Way, 0, len(rels)*len(verbs)*max(len(m.Applications()), 1)),
	}
}

// start begins with another application role.
func (w *walker) start(app string) {
	w.begin, w.outcomes, w.once = len(w.out), make(map[outcome]bool), make(map[onceKey]int)
}

// wanted reports whether rel's rows are asked about.
func (w *walker) wanted(rel *catalog.Relation) bool { return w.inside[rel] }

// emitOnce yields a way; where the same path reaches the same relation again (a UNION, two statements), the rows are those of
// either, and the cell stays one.
func (w *walker) emitOnce(way Way) {
	way.Old, way.New, way.Soft = w.withSettings(way.Old, way.set), w.withSettings(way.New, way.set), w.withSettings(way.Soft, way.set)
	way.set = nil
	if way.CurrentUser != way.Role {
		way.roles = true
	}
	key := onceKey{way.Relation, way.Command, way.Variant, way.Kind, way.Path.String(), way.As, way.CurrentUser}
	at, seen := w.once[key]
	if !seen {
		w.once[key] = len(w.out)
		w.emit(way)
		return
	}
	if way.roles {
		way.Old, way.New = w.as(way.Old, way.CurrentUser), w.as(way.New, way.CurrentUser)
	}
	have := &w.out[at]
	wasOpen := open(have)
	if have.Old != nil && way.Old != nil {
		have.Old = w.either(have.Old, way.Old)
	}
	if have.New != nil && way.New != nil {
		have.New = w.either(have.New, way.New)
	}
	if have.Columns != nil && way.Columns != nil {
		have.Columns = union(have.Columns, way.Columns)
	} else {
		have.Columns = nil
	}
	have.Args, have.Asked = have.Args || way.Args, have.Asked && way.Asked
	have.Opaque, have.Note = cmp.Or(have.Opaque, way.Opaque), cmp.Or(have.Note, way.Note)
	if wasOpen || open(&way) {
		have.Opaque = "" // what is not understood cannot open it further
	}
	if way.Soft != nil {
		have.Soft = way.Soft
	}
}

// either joins alternatives that may be the same, written anew.
func (w *walker) either(a, b expr.Expr) expr.Expr {
	if w.m.Reader != nil && w.m.Reader.Identity(a) == w.m.Reader.Identity(b) {
		return a
	}
	return or(a, b)
}

// open reports whether a way is known to lead to every row.
func open(way *Way) bool {
	return way.Opaque == "" && (way.Old == nil || constant(way.Old, true)) && (way.New == nil || constant(way.New, true))
}

// union joins two lists of columns.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// String writes a path as one text, for comparing.
func (p Path) String() string {
	var b strings.Builder
	for _, h := range p {
		b.WriteString(h.Via + " " + h.Name + "\x00")
	}
	return b.String()
}

// emit yields a way.
func (w *walker) emit(way Way) {
	if way.roles && way.CurrentUser != way.Role {
		way.Old, way.New = w.as(way.Old, way.CurrentUser), w.as(way.New, way.CurrentUser)
	}
	w.out = append(w.out, way)
}

// toRelation yields the ways of one role to one relation that begin at the relation itself.
func (w *walker) toRelation(app string, rel *catalog.Relation) {
	at := len(w.out)
	w.direct(app, rel)
	plain := w.out[at:len(w.out):len(w.out)]
	w.ownerPower(app, app, rel, nil)
	w.becoming(app, rel, plain)
	w.parents(app, app, rel, nil)
	w.beside(app, rel)
	w.loopbacks(app, rel)
	w.constraints(app, rel)
	w.references(app, rel)
	w.cascades(app, rel)
	w.planted(app, rel)
	w.notified(app, rel)
}

// through yields the ways that begin at something else: views, rules, triggers, functions. Roles that can be taken are asked
// for what the role itself cannot use.
func (w *walker) through(app string) {
	for i, id := range w.m.Rights.Identities(app) {
		var path Path
		if i > 0 {
			if w.m.Rights.Superuser(id.Role) || i > maxTaken {
				continue
			}
			path = Path{{Via: "set_role", Name: id.Role}}
		}
		w.skip = i > 0
		for k := range w.m.Snapshot.Relations {
			w.throughRelation(app, id.Role, &w.m.Snapshot.Relations[k], path)
		}
		w.functionsBeyond(app, id.Role, path)
		w.eventTriggers(app, id.Role, path)
	}
}

// maxTaken bounds for how many roles that can be taken the paths through other objects are followed.
const maxTaken = 32

func (w *walker) throughRelation(app, role string, rel *catalog.Relation, path Path) {
	if rel.System || rel.Schema == ownSchema {
		return
	}
	switch rel.Kind {
	case catalog.View, catalog.MatView:
		if w.skip && w.m.Rights.Any(app, rel) {
			return
		}
		w.views(app, role, rel, path)
	case catalog.Table, catalog.Partitioned, catalog.Foreign:
		if len(rel.Rules) == 0 && len(rel.Triggers) == 0 || w.skip && w.m.Rights.Any(app, rel) {
			return
		}
		w.rules(app, role, rel, path)
		w.triggers(app, role, rel, path)
	}
}

// functionsBeyond is functions, for a role that was taken without those that can be called anyway.
func (w *walker) functionsBeyond(app, role string, path Path) {
	if !w.skip {
		w.functions(app, role, path)
		return
	}
	for _, f := range w.definers() {
		if w.m.Rights.Execute(role, f) && !w.m.Rights.Execute(app, f) {
			w.function(app, role, f, path)
		}
	}
}

// sort puts the present role's ways in order: relation, verb, path.
func (w *walker) sort() {
	part := w.out[w.begin:]
	names := make(map[*catalog.Relation]string, len(w.rels))
	for _, r := range w.rels {
		names[r] = r.Identity()
	}
	slices.SortStableFunc(part, func(a, b Way) int {
		if a.Relation != b.Relation {
			return cmp.Compare(names[a.Relation], names[b.Relation])
		}
		if o := verbOrder(&a) - verbOrder(&b); o != 0 {
			return o
		}
		return slices.CompareFunc(a.Path, b.Path, func(x, y Hop) int {
			return cmp.Or(cmp.Compare(x.Via, y.Via), cmp.Compare(x.Name, y.Name))
		})
	})
}

// verbOrder is a verb's place in the list of verbs.
func verbOrder(w *Way) int {
	for i := range verbs {
		if verbs[i].command == w.Command && verbs[i].variant == w.Variant {
			return i
		}
	}
	return len(verbs)
}
