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
	if callable(f) != "" || f.Owner == role || !w.m.Rights.Runs(role, f) {
		return
	}
	if a := w.m.Rights.Aggregate(role, f); a != nil && !w.m.Rights.Execute(role, f) {
		path = joinPath(path, Hop{Via: "function", Name: a.Identity()}, nil)
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
	st.way.set = w.ownSettings(st.way.set, f)
	set := st.way.set
	b, opaque := w.statements(f, st)
	for _, q := range b.Statements {
		st := st
		st.way.set = set
		set = w.settingsAfter(set, q, st.bind, depth)
		st.shown = w.shownTo(q, readColumns(q), st)
		st.silent = st.silent && !st.shown && !w.comesOut(f, q, st)
		when, asked := w.asking(b.Under[q])
		asked = (asked || b.Beside[q]) && w.m.Reader.RefusesCallers(f) || when != nil && !takesCondition(q) || w.m.Reader.AsksSession(b.Unsifted[q]...)
		st.asks, st.way.Asked = st.asks || when != nil, st.way.Asked || asked
		if when != nil {
			q = onlyWhen(q, when)
		}
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
	if out := outward(b.Statements); out != "" {
		w.outside(f, st, "it calls "+out+", and as whom that reads what is not known here")
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
	commands := []Command{Select}
	if f.Volatility == "volatile" {
		commands = append(commands, Insert, Update, Delete)
	}
	for _, rel := range w.namedIn(f) {
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

// outwardExtensions are those whose functions run statements over connections of their own, or read the pages of tables.
var outwardExtensions = []string{"dblink", "pageinspect", "plproxy"}

// Outward reports whether a function leads out of the database and may lead back to its rows: over a connection, by the files in which
// tables stand, or by the log or the stream of their changes.
func Outward(f *catalog.Function) bool {
	b := BelowTables(f)
	return slices.Contains(outwardExtensions, f.Extension) || f.System && strings.HasPrefix(f.Name, "pg_logical_slot_") || b != nil && b.Commands[0] == Select
}

// outward names the first such function that statements call, or "".
func outward(statements []*expr.Query) string {
	found := ""
	for _, q := range statements {
		expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
			if c, ok := e.(*expr.Call); ok && c.Func != nil && found == "" {
				if Outward(c.Func) {
					found = c.Func.Identity()
				}
			}
			return found == ""
		})
	}
	return found
}

// outside yields ways for a body that reaches rows from beyond the database: under whose rights is not known, so that nothing that binds
// the definer counts.
func (w *walker) outside(f *catalog.Function, st stage, why string) {
	commands := []Command{Select}
	if f.Volatility == "volatile" {
		commands = append(commands, Insert, Update, Delete)
	}
	for _, rel := range w.namedIn(f) {
		for _, c := range commands {
			way := st.way
			way.Relation, way.Command, way.Kind, way.Args, way.Privileged = rel, c, Isolation, st.args, true
			way.As, way.Opaque = st.as, f.Identity()+": "+why
			way.Old, way.New = free(c)
			if c == Select && st.silent {
				way.Kind = Inference
			}
			w.emitOnce(way)
		}
	}
}

// namedIn lists the relations whose names a function's source holds; every one where it holds none.
func (w *walker) namedIn(f *catalog.Function) []*catalog.Relation {
	named := make([]*catalog.Relation, 0)
	for _, rel := range w.rels {
		if strings.Contains(f.Source, rel.Name) {
			named = append(named, rel)
		}
	}
	if len(named) == 0 {
		return w.rels
	}
	return named
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
		makes := t.EachRow && t.Timing != "after" && event != "DELETE"
		w.body(f, stage{as: f.Owner, args: true, silent: true, given: given, on: rel, makes: makes,
			way: Way{Role: app, CurrentUser: f.Owner, Path: joinPath(path, Hop{Via: "trigger", Name: t.Name + " on " + rel.Identity()}, nil)}}, 0)
	}
}
