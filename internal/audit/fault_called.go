package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A called is a function that a policy calls, by itself or through other functions.
type called struct {
	policy   *catalog.Policy
	rel      *catalog.Relation
	function *catalog.Function
	body     *expr.Body // nil where it could not be read
	err      error      // why not
	direct   bool
}

// calledFault makes a rule for the functions that policies rest on. look returns what is wrong with one, "" where nothing is, and
// how grave it is. The finding is about the function, once; the table is that of the first policy.
func calledFault(r Rule, look func(in *Input, c called) (detail string, s Severity)) Rule {
	r.Check = func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		in.eachCalled(r.ID, func(c called) {
			if told[c.function.Identity()] {
				return
			}
			detail, s := look(in, c)
			if detail == "" {
				return
			}
			told[c.function.Identity()] = true
			f := Finding{Object: c.function.Identity(), ObjectType: "function", Table: c.rel.Identity(), Severity: s}
			if w := in.canTouch(c.rel); w != nil {
				f.Role = w.Role
			} else {
				f.Severity = Info
			}
			f.Detail = fmt.Sprintf("%s Policy %s rests on it.", detail, c.policy.Identity(c.rel))
			report(f)
		})
	}
	return r
}

// eachCalled visits each function of the schema's own that a policy calls, and those that these call.
func (in *Input) eachCalled(rule string, visit func(called)) {
	in.eachWritten(rule, func(w *written) {
		for _, c := range w.called {
			if c.err != nil {
				in.Unchecked(rule, c.function.Identity(), fmt.Sprintf("its body could not be read: %v", c.err))
			}
			visit(c)
		}
	})
}

// readCalled lists the functions that an expression calls, and those that their bodies call.
func (in *Input) readCalled(p *catalog.Policy, rel *catalog.Relation, e expr.Expr) []called {
	var out []called
	seen := map[*catalog.Function]bool{}
	var enter func(f *catalog.Function, direct bool)
	look := func(direct bool) func(expr.Expr, int) bool {
		return func(e expr.Expr, _ int) bool {
			if c, ok := e.(*expr.Call); ok && c.Func != nil {
				enter(c.Func, direct)
			}
			return true
		}
	}
	enter = func(f *catalog.Function, direct bool) {
		if f.System || f.Extension != "" || seen[f] {
			return
		}
		seen[f] = true
		c := called{policy: p, rel: rel, function: f, direct: direct}
		c.body, c.err = in.Model.Reader.Body(f)
		out = append(out, c)
		if c.body == nil {
			return
		}
		for _, s := range c.body.Statements {
			expr.WalkQuery(s, look(false))
		}
	}
	expr.WalkDeep(e, look(true))
	return out
}

// calls reports whether the body itself calls one of PostgreSQL's own functions of these names.
func calls(b *expr.Body, names ...string) string {
	found := ""
	if b == nil {
		return found
	}
	for _, s := range b.Statements {
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			if c, ok := e.(*expr.Call); ok && c.Func != nil && c.Func.System && has(names, c.Func.Name) {
				found = c.Func.Name
			}
			return true
		})
	}
	return found
}

// readsSession reports whether the body reads the context or a table: what another call may find changed.
func readsSession(b *expr.Body) bool {
	if b == nil {
		return false
	}
	if len(b.Reads()) > 0 {
		return true
	}
	found := false
	for _, s := range b.Statements {
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			if _, ok := expr.ContextOf(e); ok {
				found = true
			}
			return true
		})
	}
	return found
}
