package reach

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// definition returns the query of a view or materialized view, or nil where it cannot be read.
func (w *walker) definition(v *catalog.Relation) *expr.Query {
	for i := range v.Rules {
		if v.Rules[i].Event != "SELECT" {
			continue
		}
		all, err := w.m.Reader.Action(&v.Rules[i].Action)
		if err != nil || len(all) != 1 {
			return nil
		}
		return all[0]
	}
	return nil
}

// InvokersView reports whether a view reads in the rights of whoever runs the statement.
func InvokersView(v *catalog.Relation) bool { return on(v.Options["security_invoker"]) }

// viewRights says in whose rights a view reads: its owner's, or with security_invoker always those of who runs the statement.
func (w *walker) viewRights(v *catalog.Relation, current string) string {
	if InvokersView(v) {
		return current
	}
	return v.Owner
}

// on reads a boolean option as PostgreSQL does.
func on(value string) bool {
	switch strings.ToLower(value) {
	case "true", "on", "yes", "1", "t", "y":
		return true
	}
	return false
}

// views yields the ways of a role through one view or materialized view, with the hops that led to the role.
func (w *walker) views(app, role string, v *catalog.Relation, path Path) {
	r := w.m.Rights
	if !r.Schema(role, v.Schema, "USAGE") {
		return
	}
	if h := r.Relation(role, v, "SELECT"); h.Held {
		w.viewSelect(app, role, v, path)
	}
	if v.Kind == catalog.View {
		w.viewWrites(app, role, v, path)
		w.rules(app, role, v, path)
		w.triggers(app, role, v, path)
	}
}

// viewSelect yields one way for each place in which the view reads rows of a relation.
func (w *walker) viewSelect(app, role string, v *catalog.Relation, path Path) {
	body := w.definition(v)
	first := Hop{Via: "view", Name: v.Identity()}
	as, barrier := w.viewRights(v, role), on(v.Options["security_barrier"])
	if v.Kind == catalog.MatView {
		first.Via, as, barrier = "matview", v.Owner, true
	}
	if body == nil {
		return
	}
	found, unknown := w.readings(body, as, role, barrier, nil)
	for _, rd := range found {
		way := Way{Role: app, As: rd.as, CurrentUser: role, Relation: rd.rel, Command: Select, Kind: Isolation,
			Path: joinPath(path, first, rd.via)}
		if !rd.values {
			way.Kind = Inference
		}
		w.read(&way, rd, unknown)
	}
}

// joinPath puts hops together in a slice of their own.
func joinPath(path Path, first Hop, more Path) Path {
	out := make(Path, 0, len(path)+1+len(more))
	return append(append(append(out, path...), first), more...)
}

// read finishes and yields the way of a reading, where the rights that count there suffice.
func (w *walker) read(way *Way, rd reading, unknown []string) {
	if !w.wanted(rd.rel) || !w.m.Rights.Relation(rd.as, rd.rel, "SELECT").Held {
		return
	}
	way.Privileged = true
	if t := w.m.Table(rd.rel.Identity()); t != nil && t.LookUp && w.helpersOnly(way.Path) {
		way.Kind = Inference
	}
	frozen := false
	for _, h := range way.Path {
		frozen = frozen || h.Via == "matview"
	}
	if frozen {
		way.Unbound = "a materialized view holds rows without row security"
		way.Old = trueExpr
	} else {
		way.apply(w.bound(rd.as, rd.rel, Select, ""))
	}
	way.Old = and(way.Old, rd.hard)
	if !constant(rd.soft, true) {
		way.Soft = rd.soft
	}
	if len(unknown) > 0 && way.Opaque == "" {
		way.Note = "not understood on the way: " + unknown[0]
	}
	w.emitOnce(*way)
}

// helpersOnly reports whether a path leads through functions that policies call and that give one value: what they look up comes
// out as whose session this is, and no more.
func (w *walker) helpersOnly(path Path) bool {
	any := false
	for _, h := range path {
		if h.Via != "function" {
			continue
		}
		f := w.m.Snapshot.Function(h.Name)
		if f == nil || f.ReturnsSet || !w.m.Helper(f) {
			return false
		}
		any = true
	}
	return any
}

// A target is the table that an auto-updatable view writes to.
type target struct {
	rel     *catalog.Relation
	as      string
	via     Path
	where   []expr.Expr         // over the table's row
	checks  []expr.Expr         // those of them that WITH CHECK OPTION holds new rows to
	project map[int16]expr.Expr // the view's columns over the table's row
}

// viewWrites yields the ways of writing through an auto-updatable view.
func (w *walker) viewWrites(app, role string, v *catalog.Relation, path Path) {
	for _, v2 := range verbs {
		if v2.command != Insert && v2.command != Update && v2.command != Delete || v2.variant == "copy" || v2.since > w.version {
			continue
		}
		if !w.may(role, v, v2) || w.replaced(v, v2.command) {
			continue
		}
		t := w.updatable(v, role, v2.command, 0)
		if t == nil || !w.wanted(t.rel) || !w.may(t.as, t.rel, v2) {
			continue
		}
		way := Way{Role: app, As: t.as, CurrentUser: role, Relation: t.rel, Command: v2.command, Variant: v2.variant, Kind: Isolation,
			Path: joinPath(path, Hop{Via: "view", Name: v.Identity()}, t.via), Privileged: true}
		way.apply(w.bound(t.as, t.rel, v2.command, v2.variant))
		if way.New != nil {
			way.New = and(append([]expr.Expr{way.New}, t.checks...)...)
		}
		if way.Old == nil && v2.variant == "on_conflict" {
			way.Old = trueExpr // no policy of the table's binds the row that is met
		}
		if way.Old != nil {
			way.Old = and(way.Old, w.viewOld(&way, t, v2))
		}
		if v2.command == Update {
			way.Columns = t.columns()
			w.carry(&way, and(append([]expr.Expr{way.Old}, t.where...)...))
		}
		w.emitOnce(way)
	}
}

// may reports whether a stored query in the rights of role may do what a verb says: usage of the schema is not asked for again.
func (w *walker) may(role string, rel *catalog.Relation, v verb) bool {
	r := w.m.Rights
	if !r.Relation(role, rel, string(v.command)).Held {
		return false
	}
	if v.variant == "" && (v.command == Update || v.command == Delete) && rel.Kind == catalog.View {
		return r.Relation(role, rel, "SELECT").Held
	}
	return v.variant != "on_conflict" || r.Relation(role, rel, "UPDATE").Held && r.Relation(role, rel, "SELECT").Held
}

// replaced reports whether a command on a view does something else than write to its table: an INSTEAD trigger or rule.
func (w *walker) replaced(v *catalog.Relation, c Command) bool {
	for i := range v.Rules {
		if r := &v.Rules[i]; r.Event == string(c) && r.Instead && r.Qual == nil && r.Enabled != "disabled" {
			return true
		}
	}
	for i := range v.Triggers {
		t := &v.Triggers[i]
		if t.Timing != "instead" || t.Enabled == "disabled" {
			continue
		}
		for _, e := range t.Events {
			if e == string(c) {
				return true
			}
		}
	}
	return false
}

// updatable returns the table that an auto-updatable view writes to, or nil: one table or such a view in FROM, no grouping,
// limit, set operation or WITH, and plain columns.
func (w *walker) updatable(v *catalog.Relation, current string, c Command, depth int) *target {
	q := w.definition(v)
	if q == nil || depth > maxNesting || len(q.From) != 1 || q.From[0].RTE < 1 || q.From[0].RTE > len(q.Range) || q.Group || q.Having != nil || q.Limit ||
		q.SetOp != nil || len(q.CTEs) > 0 {
		return nil
	}
	base := &q.Range[q.From[0].RTE-1]
	if base.Kind != "relation" || base.Relation == nil {
		return nil
	}
	as := w.viewRights(v, current)
	out := w.updatableBase(base.Relation, as, current, c, depth)
	if out == nil {
		return nil
	}
	return out.under(v, q)
}

// updatableBase returns the target below a view: the table itself, or what the view beneath writes to.
func (w *walker) updatableBase(rel *catalog.Relation, as, current string, c Command, depth int) *target {
	if rel.Kind != catalog.View {
		if rel.System || !rowsRelation(rel) || rel.Kind == catalog.MatView {
			return nil
		}
		all := make(map[int16]expr.Expr, len(rel.Columns))
		for i := range rel.Columns {
			c := &rel.Columns[i]
			all[c.Num] = &expr.Var{RTE: 1, Num: c.Num, Name: c.Name, TypeOID: c.TypeOID, TypeMod: c.TypeMod}
		}
		return &target{rel: rel, as: as, project: all}
	}
	if !w.m.Rights.Relation(as, rel, string(c)).Held || w.replaced(rel, c) {
		return nil
	}
	out := w.updatable(rel, current, c, depth+1)
	if out != nil {
		out.via = append(Path{{Via: "view", Name: rel.Identity()}}, out.via...)
	}
	return out
}

// under puts a view on top of what it writes to: its WHERE filters, and with a check option binds new rows; CASCADED binds
// them to the filters beneath as well.
func (t *target) under(v *catalog.Relation, q *expr.Query) *target {
	beneath := func(e expr.Expr) (expr.Expr, bool) {
		return substituted(e, func(x *expr.Var) expr.Expr { return t.project[x.Num] })
	}
	var own []expr.Expr
	if q.Where != nil {
		var all []expr.Expr
		split(q.Where, &all)
		for _, c := range all {
			if e, ok := beneath(c); ok && !escapes(c) {
				own = append(own, e)
			}
		}
	}
	switch strings.ToLower(v.Options["check_option"]) {
	case "cascaded":
		t.checks = append(append([]expr.Expr(nil), t.where...), own...)
	case "local":
		t.checks = append(append([]expr.Expr(nil), t.checks...), own...)
	}
	t.where = append(append([]expr.Expr(nil), t.where...), own...)
	project := make(map[int16]expr.Expr, len(q.Targets))
	for _, x := range q.Targets {
		if e, ok := beneath(x.Expr); ok && !x.Junk {
			project[x.Num] = e
		}
	}
	t.project = project
	return t
}

// columns returns the columns of the table that the view gives as they are: what an UPDATE through it can set.
func (t *target) columns() []string {
	shown := make(map[string]bool, len(t.project))
	for _, e := range t.project {
		if v, ok := e.(*expr.Var); ok {
			shown[v.Name] = true
		}
	}
	out := make([]string, 0, len(shown))
	for i := range t.rel.Columns {
		if name := t.rel.Columns[i].Name; shown[name] {
			out = append(out, name)
		}
	}
	return out
}
