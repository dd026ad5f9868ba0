package reach

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// planted yields the ways over a function that an application role may replace and that a table gives its rows to by itself: a
// trigger's, one in a default, a CHECK, an index, a rule, a domain of a column. It then runs in the sessions of all who write there, and
// for an index as the table's owner when it is analysed. What policies call is package decide's premise; the table's owner needs no such
// detour.
func (w *walker) planted(app string, rel *catalog.Relation) {
	mine := w.replaceable(app)
	if len(mine) == 0 || rel.Kind != catalog.Table && rel.Kind != catalog.Partitioned {
		return
	}
	for _, id := range w.m.Rights.Identities(app) {
		if w.m.Rights.Owns(id.Role, rel) {
			return
		}
	}
	for _, h := range w.hooks(rel) {
		role, ok := mine[h.f]
		if !ok {
			continue
		}
		path := Path{{Via: h.via, Name: h.name}, {Via: "function", Name: h.f.Identity()}}
		if role != app {
			path = append(Path{{Via: "set_role", Name: role}}, path...)
		}
		way := Way{Role: app, As: role, CurrentUser: role, Relation: rel, Command: Select, Kind: Isolation, Path: path, Privileged: true, Planted: h.f,
			Unbound: "it may replace " + h.f.Identity() + ", to which the table gives the rows of all who write there"}
		way.Old, way.New = free(Select)
		w.emitOnce(way)
	}
}

// replaceable maps the functions that an application role may put others in the place of to the role as which it does.
func (w *walker) replaceable(app string) map[*catalog.Function]string {
	if known, ok := w.mine[app]; ok {
		return known
	}
	out := make(map[*catalog.Function]string)
	for _, id := range w.m.Rights.Identities(app) {
		if w.m.Rights.Superuser(id.Role) {
			continue
		}
		for i := range w.m.Snapshot.Functions {
			f := &w.m.Snapshot.Functions[i]
			if _, seen := out[f]; !seen && !f.System && f.Extension == "" && w.m.Rights.HasPrivsOf(id.Role, f.Owner) {
				out[f] = id.Role
			}
		}
	}
	if w.mine == nil {
		w.mine = make(map[string]map[*catalog.Function]string)
	}
	w.mine[app] = out
	return out
}

// A hook is a function that a table calls by itself, and where.
type hook struct {
	f         *catalog.Function
	via, name string
}

// hooks lists the functions that statements on a relation call without naming them, and what these call.
func (w *walker) hooks(rel *catalog.Relation) []hook {
	h := &hooking{w: w, rel: rel, seen: make(map[*catalog.Function]bool)}
	for i := range rel.Triggers {
		if t := &rel.Triggers[i]; t.Enabled != "disabled" {
			h.enter(w.m.Snapshot.Function(t.Function), "trigger", t.Name+" on "+rel.Identity())
			h.tree(t.When, "trigger", t.Name+" on "+rel.Identity())
		}
	}
	for i := range rel.Columns {
		c := &rel.Columns[i]
		h.tree(c.Default, "default", rel.Identity()+"."+c.Name)
		if t := w.m.Snapshot.TypeByOID(c.TypeOID); t != nil && t.Kind == "domain" {
			for k := range t.Checks {
				h.tree(&t.Checks[k], "constraint", "domain "+t.Schema+"."+t.Name)
			}
		}
	}
	for i := range rel.Constraints {
		h.tree(rel.Constraints[i].Check, "constraint", rel.Constraints[i].Name+" on "+rel.Identity())
	}
	for i := range rel.Indexes {
		x := &rel.Indexes[i]
		h.tree(x.Predicate, "constraint", x.Name+" on "+rel.Identity())
		for k := range x.Keys {
			h.tree(x.Keys[k].Expression, "constraint", x.Name+" on "+rel.Identity())
		}
	}
	for i := range rel.Rules {
		queries, err := w.m.Reader.Action(&rel.Rules[i].Action)
		if err != nil {
			continue
		}
		for _, q := range queries {
			expr.WalkQuery(q, h.look("rule", rel.Rules[i].Name+" on "+rel.Identity()))
		}
	}
	return h.out
}

// A hooking collects hooks.
type hooking struct {
	w    *walker
	rel  *catalog.Relation
	seen map[*catalog.Function]bool
	out  []hook
}

func (h *hooking) tree(t *catalog.Tree, via, name string) {
	if t == nil {
		return
	}
	if e, err := h.w.m.Reader.Expression(t, h.rel); err == nil && e != nil {
		expr.WalkDeep(e, h.look(via, name))
	}
}

func (h *hooking) look(via, name string) func(expr.Expr, int) bool {
	return func(e expr.Expr, _ int) bool {
		switch e := e.(type) {
		case *expr.Call:
			h.enter(e.Func, via, name)
		case *expr.Operation:
			if e.Op != nil && !e.Op.System {
				h.enter(h.w.m.Snapshot.Function(e.Op.Function), via, name)
			}
		}
		return true
	}
}

func (h *hooking) enter(f *catalog.Function, via, name string) {
	if f == nil || f.System || f.Extension != "" || h.seen[f] {
		return
	}
	h.seen[f] = true
	h.out = append(h.out, hook{f, via, name})
	b, err := h.w.m.Reader.Body(f)
	if err != nil {
		return
	}
	for _, q := range b.Statements {
		expr.WalkQuery(q, h.look(via, name))
	}
}
