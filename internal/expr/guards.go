package expr

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// RefusesCallers reports whether a PL/pgSQL function raises an error or leaves under a condition that looks at the session, itself or in
// a function that it calls for nothing else. It is safe for concurrent use.
func (r *Reader) RefusesCallers(f *catalog.Function) bool {
	return r.refusal(f, false)
}

// RefusesUnfollowed is RefusesCallers for conditions that do not stand in Body.Under: whom the function lets on is more than can be read
// of it.
func (r *Reader) RefusesUnfollowed(f *catalog.Function) bool {
	return r.refusal(f, true)
}

type refusalKey struct {
	f          *catalog.Function
	unfollowed bool
}

func (r *Reader) refusal(f *catalog.Function, unfollowed bool) bool {
	key := refusalKey{f, unfollowed}
	if v, ok := r.refusing.Load(key); ok {
		return v.(bool)
	}
	out := r.refuses(f, unfollowed, map[*catalog.Function]bool{})
	r.refusing.Store(key, out)
	return out
}

// refuses looks at a function's own conditions, all or the unfollowed ones, and at all of the functions that it calls for nothing else.
func (r *Reader) refuses(f *catalog.Function, unfollowed bool, seen map[*catalog.Function]bool) bool {
	if f.System || f.Extension != "" || seen[f] {
		return false
	}
	seen[f] = true
	b, err := r.Body(f)
	if err != nil {
		return false
	}
	guards := b.Guards
	if unfollowed {
		guards = b.Unfollowed
	}
	if r.AsksSession(guards...) {
		return true
	}
	for _, s := range b.Statements {
		if s.Command != "select" || len(s.From) > 0 {
			continue
		}
		for _, t := range s.Targets {
			if c, ok := t.Expr.(*Call); ok && c.Func != nil && r.refuses(c.Func, false, seen) {
				return true
			}
		}
	}
	return false
}

// AsksSession reports whether one of some expressions looks at the session, in the bodies of the functions that it calls too.
func (r *Reader) AsksSession(es ...Expr) bool {
	return slices.ContainsFunc(es, func(e Expr) bool { return len(r.ContextsAsked(e)) > 0 })
}

// ContextsAsked lists what of the session an expression looks at, in the bodies of the functions that it calls too.
func (r *Reader) ContextsAsked(e Expr) []Context {
	var out []Context
	seen := map[*catalog.Function]bool{}
	var look func(Expr, int) bool
	look = func(e Expr, _ int) bool {
		if c, ok := ContextOf(e); ok {
			out = append(out, c)
			return false
		}
		if c, ok := e.(*Call); ok && c.Func != nil && !c.Func.System && !seen[c.Func] {
			seen[c.Func] = true
			if b, err := r.Body(c.Func); err == nil {
				for _, s := range b.Statements {
					WalkQuery(s, look)
				}
			}
		}
		return true
	}
	WalkDeep(e, look)
	return out
}
