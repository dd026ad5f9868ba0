package expr

import "github.com/ringfencehq/ringfence/internal/catalog"

// RefusesCallers reports whether a PL/pgSQL function raises an error or leaves under a condition that looks at the session, itself or in
// a function that it calls for nothing else: whom it lets on is more than can be read of it. It is safe for concurrent use.
func (r *Reader) RefusesCallers(f *catalog.Function) bool {
	if v, ok := r.refusing.Load(f); ok {
		return v.(bool)
	}
	out := r.refuses(f, map[*catalog.Function]bool{})
	r.refusing.Store(f, out)
	return out
}

func (r *Reader) refuses(f *catalog.Function, seen map[*catalog.Function]bool) bool {
	if f.System || f.Extension != "" || seen[f] {
		return false
	}
	seen[f] = true
	b, err := r.Body(f)
	if err != nil {
		return false
	}
	for _, e := range b.Guards {
		if r.asksSession(e, map[*catalog.Function]bool{}) {
			return true
		}
	}
	for _, s := range b.Statements {
		if s.Command != "select" || len(s.From) > 0 {
			continue
		}
		for _, t := range s.Targets {
			if c, ok := t.Expr.(*Call); ok && c.Func != nil && r.refuses(c.Func, seen) {
				return true
			}
		}
	}
	return false
}

// asksSession reports whether an expression looks at the session, in the bodies of the functions that it calls too.
func (r *Reader) asksSession(e Expr, seen map[*catalog.Function]bool) bool {
	found := false
	WalkDeep(e, func(e Expr, _ int) bool {
		if _, ok := ContextOf(e); ok {
			found = true
		}
		if c, ok := e.(*Call); ok && c.Func != nil && !c.Func.System && !seen[c.Func] {
			seen[c.Func] = true
			if b, err := r.Body(c.Func); err == nil {
				for _, s := range b.Statements {
					WalkQuery(s, func(e Expr, _ int) bool {
						found = found || r.asksSession(e, seen)
						return false // asksSession goes inside itself
					})
				}
			}
		}
		return !found
	})
	return found
}
