package reach

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// cascades yields what happens to a tenant table's rows where a role deletes or changes what they refer to and several tenants share:
// data that is everybody's, or a person who is a member of each. A foreign key acts in the owner's name, and no policy binds it. Which
// rows hang on a tenant's own parent is the parent's to say.
func (w *walker) cascades(app string, rel *catalog.Relation) {
	if t := w.m.Table(rel.Identity()); t == nil || !t.Class.Tenant() {
		return
	}
	for i := range rel.Constraints {
		c := &rel.Constraints[i]
		if c.Kind != "foreign" || len(c.Columns) != len(c.RefColumns) {
			continue
		}
		to := w.m.Snapshot.Relation(c.RefTable)
		if to == nil {
			continue
		}
		if t := w.m.Table(c.RefTable); t == nil || t.Class != tenancy.Global && !t.Shared() {
			continue
		}
		w.cascade(app, rel, to, c, Delete, c.OnDelete)
		w.cascade(app, rel, to, c, Update, c.OnUpdate)
	}
}

// cascade yields the way over one foreign key: what event at the parent does to the row.
func (w *walker) cascade(app string, rel, to *catalog.Relation, c *catalog.Constraint, event Command, action string) {
	command := Update
	switch action {
	case "cascade":
		command = event
	case "set default":
	case "set null":
		if slices.ContainsFunc(c.Columns, func(n string) bool { k := rel.ColumnByName(n); return k == nil || k.NotNull }) {
			return // the statement fails
		}
	default:
		return
	}
	h := w.m.Rights.Relation(app, to, string(event))
	if !h.Held || !w.m.Rights.Schema(app, to.Schema, "USAGE") || event == Update && h.Columns != nil && !slices.ContainsFunc(c.RefColumns, func(n string) bool { return slices.Contains(h.Columns, n) }) {
		return
	}
	way := Way{Role: app, As: app, CurrentUser: app, Relation: rel, Command: command, Kind: Isolation, Privileged: true, Old: trueExpr,
		Path:    Path{{Via: "constraint", Name: c.Name + " on " + rel.Identity()}},
		Unbound: "foreign key " + c.Name + " acts on the rows of all tenants that refer to what the role may change in " + to.Identity()}
	if command == Update {
		way.Columns = c.Columns
	}
	f := w.bound(app, to, event, "blind")
	if way.Opaque = f.opaque; !constant(f.old, true) {
		way.Old = w.hanging(app, rel, to, c, f.old)
	}
	w.emitOnce(way)
}

// hanging is what is true of the rows that refer by a foreign key to a row of which a predicate is true.
func (w *walker) hanging(app string, rel, to *catalog.Relation, c *catalog.Constraint, parent expr.Expr) expr.Expr {
	s := &scope{}
	s.add(source{entry: expr.RangeEntry{Kind: "relation", Relation: rel, RelOID: rel.OID, Alias: rel.Name}, as: app})
	s.add(source{entry: expr.RangeEntry{Kind: "relation", Relation: to, RelOID: to.OID, Alias: to.Name}, as: app})
	for k := range c.Columns {
		of, by := rel.ColumnByName(c.Columns[k]), to.ColumnByName(c.RefColumns[k])
		if of == nil || by == nil {
			continue
		}
		if e := w.same(pair{of: column(of), new: column(by)}); e != nil {
			s.require(e, false)
		}
	}
	s.require(ofSource(parent, 2), false)
	return s.lift(1, false)
}
