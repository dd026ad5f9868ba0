package audit

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// builds reports whether a way leads over a function that builds a statement of the way's own command while it runs, over a tenants' table
// that its text names, as an owner whom no policy binds, and asks nothing of the session: what the statement is need not be known. One into
// which text of the caller's gets unquoted is told by a rule of its own.
func (in *Input) builds(o open) bool {
	h, _ := detour(o.way.Path)
	f := in.Model.Snapshot.Function(h.Name)
	if f == nil || o.way.Opaque == "" || o.way.Unbound == "" || !o.table.Class.Tenant() || !strings.Contains(f.Source, o.way.Relation.Name) {
		return false
	}
	b, err := in.Model.Reader.Body(f)
	return err == nil && len(b.Injected) == 0 && !asksSession(b) && slices.ContainsFunc(b.Dynamic, func(text string) bool { return begins(text, o.way.Command) })
}

// asksSession reports whether a body looks at the session, in the texts that it builds as well.
func asksSession(b *expr.Body) bool {
	found := slices.ContainsFunc(b.Dynamic, func(text string) bool {
		return strings.Contains(text, "current_setting") || strings.Contains(text, "session_user")
	})
	for _, s := range b.Statements {
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			_, context := expr.ContextOf(e)
			c, ok := e.(*expr.Call)
			found = found || context || ok && c.Func != nil && !c.Func.System
			return !found
		})
	}
	return found
}

// begins reports whether a text that is built is a statement of a command; the functions that read a relation by its name build a SELECT.
func begins(text string, c reach.Command) bool {
	upper := strings.ToUpper(text)
	starts := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(upper, "'"+w+" ") })
	}
	if c == reach.Select {
		return strings.HasSuffix(text, "(…)") || starts("SELECT", "WITH", "TABLE")
	}
	return starts(string(c))
}
