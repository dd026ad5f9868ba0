package reach

import (
	"maps"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// textOID is the OID of type text, that of every setting's value.
const textOID = 25

// settingsAfter adds to the settings that a function's statements found changed those that one more of them changes, itself or by the
// functions that it calls. A value that a row or a variable decides stays unknown.
func (w *walker) settingsAfter(known map[string]expr.Expr, q *expr.Query, bind []expr.Expr, depth int) map[string]expr.Expr {
	out := known
	set := func(name string, value expr.Expr) {
		if w.isContext(name) {
			out = maps.Clone(out)
			if out == nil {
				out = make(map[string]expr.Expr)
			}
			out[name] = value
		}
	}
	expr.WalkQuery(q, func(e expr.Expr, _ int) bool {
		c, ok := e.(*expr.Call)
		if !ok || c.Func == nil {
			return true
		}
		if name, value, ok := expr.SetConfig(c); ok {
			set(name, w.withSettings(settled(name, value, bind), known))
			return true
		}
		if c.Func.System || c.Func.Extension != "" || depth >= maxNesting || w.calling[c.Func] {
			return true
		}
		if b, err := w.m.Reader.Body(c.Func); err == nil {
			w.calling[c.Func] = true
			for _, inner := range b.Statements {
				out = w.settingsAfter(out, inner, c.Args, depth+1)
			}
			delete(w.calling, c.Func)
		}
		return true
	})
	return out
}

// setByTriggers are the tenants' settings that BEFORE triggers of a relation leave changed for the policies that a command meets after them.
func (w *walker) setByTriggers(rel *catalog.Relation, command Command, variant string) map[string]expr.Expr {
	events := []string{string(command)}
	switch {
	case command == Merge:
		events = []string{string(Insert), string(Update), string(Delete)}
	case variant == "on_conflict":
		events = append(events, string(Update))
	}
	var set map[string]expr.Expr
	for i := range rel.Triggers {
		t := &rel.Triggers[i]
		f := w.m.Snapshot.Function(t.Function)
		if f == nil || t.Timing != "before" || t.Enabled == "disabled" || t.Enabled == "replica" || !slices.ContainsFunc(events, func(e string) bool { return slices.Contains(t.Events, e) }) {
			continue
		}
		if b, err := w.m.Reader.Body(f); err == nil {
			for _, q := range b.Statements {
				set = w.settingsAfter(set, q, nil, 0)
			}
		}
	}
	return set
}

// ownSettings are the tenants' settings that a function runs under whoever calls it.
func (w *walker) ownSettings(known map[string]expr.Expr, f *catalog.Function) map[string]expr.Expr {
	out := maps.Clone(known)
	for _, c := range f.Config {
		name, value, _ := strings.Cut(c, "=")
		if name = strings.ToLower(name); w.isContext(name) {
			if out == nil {
				out = make(map[string]expr.Expr)
			}
			out[name] = &expr.Const{TypeOID: textOID, Known: true, Text: value}
		}
	}
	return out
}

// isContext reports whether a setting holds the tenant, or a document that does.
func (w *walker) isContext(name string) bool {
	for _, c := range w.m.Contexts {
		if (c.Kind == "setting" || c.Kind == "claim") && strings.EqualFold(c.Name, name) {
			return true
		}
	}
	return false
}

// settled is a setting's new value where it can stand in a predicate, and a value that nobody knows where not. bind holds what a call gives
// for the parameters; nil: the caller of the path chooses them.
func settled(name string, value expr.Expr, bind []expr.Expr) expr.Expr {
	unknown := false
	out := expr.Rewrite(value, func(e expr.Expr, depth int) (expr.Expr, bool) {
		switch e := e.(type) {
		case *expr.Param:
			if e.Kind == "extern" && bind != nil && e.ID >= 1 && e.ID <= len(bind) {
				return expr.Shift(bind[e.ID-1], depth), true
			}
			unknown = unknown || e.Kind != "extern" || bind != nil
		case *expr.Unknown:
			unknown = true
		}
		return nil, false
	})
	if unknown || readsRows(out) {
		return &expr.Unknown{Tag: "SETTING", Key: name, TypeOID: textOID, Stable: true}
	}
	return out
}

// withSettings writes the settings that a body changed as what they were changed to.
func (w *walker) withSettings(e expr.Expr, set map[string]expr.Expr) expr.Expr {
	if e == nil || len(set) == 0 {
		return e
	}
	return expr.Rewrite(e, func(n expr.Expr, depth int) (expr.Expr, bool) {
		if _, ok := n.(*expr.Call); !ok {
			return nil, false
		}
		c, ok := expr.ContextOf(n)
		if !ok || c.Kind != "setting" || set[c.Name] == nil {
			return nil, false
		}
		return expr.Shift(set[c.Name], depth), true
	})
}
