package reach

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// functions yields the ways of a role through the SECURITY DEFINER functions that it may call.
func (w *walker) functions(app, role string, path Path) {
	for _, f := range w.definers() {
		w.function(app, role, f, path)
	}
}

func (w *walker) function(app, role string, f *catalog.Function, path Path) {
	if !w.m.Rights.Execute(role, f) || callable(f) != "" || f.Owner == role {
		return
	}
	hop := Hop{Via: "function", Name: f.Identity()}
	w.body(f, stage{as: f.Owner, args: len(f.Arguments) > 0, silent: silent(f),
		way: Way{Role: app, CurrentUser: f.Owner, Path: joinPath(path, hop, nil)}}, 0)
}

// definers lists the product's SECURITY DEFINER functions, once.
func (w *walker) definers() []*catalog.Function {
	if w.definer == nil {
		w.definer = make([]*catalog.Function, 0)
		for i := range w.m.Snapshot.Functions {
			f := &w.m.Snapshot.Functions[i]
			if f.SecurityDefiner && !f.System && f.Extension == "" && f.Schema != ownSchema {
				w.definer = append(w.definer, f)
			}
		}
	}
	return w.definer
}

// ownSchema holds what is Ringfence's own.
const ownSchema = "ringfence"

// callable says why a function cannot be called by a statement, or "".
func callable(f *catalog.Function) string {
	switch f.Result {
	case "trigger", "event_trigger":
		return "it is a " + f.Result + "'s"
	}
	return ""
}

// silent reports whether what a function reads comes out as no more than yes or no.
func silent(f *catalog.Function) bool {
	return (f.Result == "boolean" || f.Result == "void") && !f.ReturnsSet && !slices.ContainsFunc(f.ArgumentModes, func(mode string) bool {
		return mode == "out" || mode == "inout" || mode == "table"
	})
}

// body yields the ways of a function's statements, and of the functions that it calls.
func (w *walker) body(f *catalog.Function, st stage, depth int) {
	if depth > maxNesting || w.calling[f] {
		return
	}
	w.calling[f] = true
	defer delete(w.calling, f)
	st.pinned = st.pinned || pinsPath(f)
	statements, opaque := w.statements(f, st)
	for _, q := range statements {
		if st.bind != nil {
			q = boundTo(q, st.bind)
		}
		if st.given != nil {
			q = withRows(q, st.on)
		}
		w.statement(q, st)
		w.calls(q, st, depth)
	}
	if opaque != "" {
		w.opaque(f, st, opaque)
	}
}

// pinsPath reports whether a function runs, with all that it calls, under a search_path of its own.
func pinsPath(f *catalog.Function) bool {
	return slices.ContainsFunc(f.Config, func(c string) bool {
		name, _, _ := strings.Cut(c, "=")
		return strings.EqualFold(name, "search_path")
	})
}

// calls follows the functions that a statement calls: they run in the name of the definer around them.
func (w *walker) calls(q *expr.Query, st stage, depth int) {
	seen := make(map[*catalog.Function]bool)
	expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
		c, ok := e.(*expr.Call)
		if !ok || c.Func == nil || c.Func.System || c.Func.Schema == "pg_catalog" || c.Func.Extension != "" || seen[c.Func] {
			return true
		}
		seen[c.Func] = true
		inner := st
		if c.Func.SecurityDefiner {
			inner.as, inner.way.CurrentUser = c.Func.Owner, c.Func.Owner
		}
		inner.given, inner.on, inner.silent = nil, nil, st.silent || silent(c.Func)
		inner.args = st.args || len(c.Func.Arguments) > 0
		inner.bind = make([]expr.Expr, len(c.Args)) // not nil: a function without parameters is bound as well
		copy(inner.bind, c.Args)
		inner.way.Path = joinPath(st.way.Path, Hop{Via: "function", Name: c.Func.Identity()}, nil)
		w.body(c.Func, inner, depth+1)
		return true
	})
}

// opaque yields ways for a body that cannot be read, or builds statements while it runs: to every relation that its source
// names, or where it names none to every one that it has rights on, with the reason. Row security that binds the definer still
// stands, but an owner could switch it off.
func (w *walker) opaque(f *catalog.Function, st stage, why string) {
	named := make([]*catalog.Relation, 0)
	for _, rel := range w.rels {
		if strings.Contains(f.Source, rel.Name) {
			named = append(named, rel)
		}
	}
	if len(named) == 0 {
		named = w.rels
	}
	commands := []Command{Select}
	if f.Volatility == "volatile" {
		commands = append(commands, Insert, Update, Delete)
	}
	for _, rel := range named {
		for _, c := range commands {
			if !w.m.Rights.Relation(st.as, rel, string(c)).Held {
				continue
			}
			way := st.way
			way.As, way.Relation, way.Command, way.Kind, way.Args, way.Privileged = st.as, rel, c, Isolation, st.args, true
			if c == Select && st.silent {
				way.Kind = Inference
			}
			fl := w.bound(st.as, rel, c, "blind")
			if c == Select || c == Insert {
				fl = w.bound(st.as, rel, c, "")
			}
			way.apply(fl)
			if way.Unbound != "" || w.m.Rights.Owns(st.as, rel) && f.Volatility == "volatile" {
				way.Opaque = f.Identity() + ": " + why
			}
			w.emitOnce(way)
		}
	}
}

// triggers yields what definer triggers of a relation do when a role writes to it.
func (w *walker) triggers(app, role string, rel *catalog.Relation, path Path) {
	for i := range rel.Triggers {
		t := &rel.Triggers[i]
		f := w.m.Snapshot.Function(t.Function)
		if f == nil || !f.SecurityDefiner || t.Enabled == "disabled" || t.Enabled == "replica" || f.Owner == role {
			continue
		}
		event := ""
		for _, e := range t.Events {
			if event == "" && w.m.Rights.Relation(role, rel, e).Held && w.m.Rights.Schema(role, rel.Schema, "USAGE") {
				event = e
			}
		}
		if event == "" {
			continue
		}
		var given *scope
		if t.EachRow {
			given = w.givenRows(role, rel, Command(event), t.Timing == "instead")
		}
		w.body(f, stage{as: f.Owner, args: true, silent: true, given: given, on: rel,
			way: Way{Role: app, CurrentUser: f.Owner, Path: joinPath(path, Hop{Via: "trigger", Name: t.Name + " on " + rel.Identity()}, nil)}}, 0)
	}
}
