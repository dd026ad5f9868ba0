package reach

import (
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
		w.sortApp()
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
}

func newWalker(m *tenancy.Model, rels []*catalog.Relation) *walker {
	return &walker{
		composer: newComposer(m), version: m.Snapshot.Server.VersionNum, rels: rels,
		out: make([]Way, 0, len(rels)*len(verbs)*max(len(m.Applications()), 1)),
	}
}

// start begins with another application role.
func (w *walker) start(app string) {
	w.begin, w.outcomes = len(w.out), make(map[outcome]bool)
}

func (w *walker) emit(way Way) { w.out = append(w.out, way) }

// toRelation yields the ways of one role to one relation.
func (w *walker) toRelation(app string, rel *catalog.Relation) {
	at := len(w.out)
	w.direct(app, rel)
	plain := w.out[at:len(w.out):len(w.out)]
	w.ownerPower(app, app, rel, nil)
	w.becoming(app, rel, plain)
}

func (w *walker) sortApp() {}
