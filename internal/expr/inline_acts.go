package expr

import "github.com/ringfencehq/ringfence/internal/catalog"

// acts reports whether a body may do more than say something: write rows, run what is not known, or change a setting that is
// read afterwards. Such a body's value is not its expression. A single SELECT is read as it stands, for what it calls stays
// in sight; the statements of PL/pgSQL are looked through to the functions they call.
func (in *inliner) acts(b *Body, depth int) bool {
	if len(b.Dynamic) > 0 || depth > maxInline {
		return true
	}
	found := false
	for _, s := range b.Statements {
		Queries(s, func(q *Query) { found = found || q.Command != "select" })
		if found || b.Function.Language == "plpgsql" && in.callsOut(s, depth) {
			return true
		}
	}
	return false
}

// callsOut reports whether a query calls a function that may change something.
func (in *inliner) callsOut(q *Query, depth int) bool {
	found := false
	WalkQuery(q, func(e Expr, _ int) bool {
		if c, ok := e.(*Call); ok && !found {
			found = in.changes(c.Func, depth)
		}
		return !found
	})
	return found
}

// changes reports whether calling a function may change a setting or a row, whatever it is declared to be. Where its body
// cannot be read, the declaration is believed: PostgreSQL's planner does.
func (in *inliner) changes(f *catalog.Function, depth int) bool {
	switch {
	case f == nil:
		return true
	case f.System:
		return f.Name == "set_config"
	}
	if known, ok := in.changing[f]; ok {
		return known // false while it is being looked at: recursion adds nothing
	}
	if in.changing == nil {
		in.changing = map[*catalog.Function]bool{}
	}
	in.changing[f] = false
	b, err := in.r.Body(f)
	found := err != nil || len(b.Dynamic) > 0 || len(b.Statements) == 0 && f.Volatility == "volatile"
	if !found {
		found = in.acts(b, depth+1)
		for _, s := range b.Statements {
			found = found || in.callsOut(s, depth+1)
		}
	}
	in.changing[f] = found
	return found
}
