package audit

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// naturalLookup reports whether a way reads the one row whose natural key (a unique one of text, not the primary) equals what the
// caller passes: an e-mail address, a token.
func naturalLookup(w *reach.Way) bool {
	if w.Command != reach.Select || w.Old == nil {
		return false
	}
	given := givenColumns(w.Old)
	return slices.ContainsFunc(w.Relation.Indexes, func(x catalog.Index) bool {
		return x.Unique && !x.Primary && len(x.Keys) > 0 && !slices.ContainsFunc(x.Keys, func(k catalog.IndexKey) bool {
			c := w.Relation.ColumnByName(k.Column)
			return c == nil || !slices.Contains(given, k.Column) || !textual(c.Type)
		})
	})
}

func textual(typ string) bool {
	return typ == "text" || typ == "citext" || strings.HasPrefix(typ, "character varying")
}

// givenColumns lists the row's columns that a predicate's conjuncts hold equal to a parameter.
func givenColumns(e expr.Expr) []string {
	switch e := e.(type) {
	case *expr.Logic:
		var out []string
		if e.Op == "and" {
			for _, a := range e.Args {
				out = append(out, givenColumns(a)...)
			}
		}
		return out
	case *expr.Operation:
		if e.Kind != "plain" || e.Op == nil || e.Op.Name != "=" || len(e.Args) != 2 {
			return nil
		}
		for i := range e.Args {
			v, ok := bare(e.Args[i]).(*expr.Var)
			if _, given := bare(e.Args[1-i]).(*expr.Param); ok && given && v.Level == 0 {
				return []string{v.Name}
			}
		}
	}
	return nil
}

// bare takes relabelling casts and wrapping sub-queries off.
func bare(e expr.Expr) expr.Expr {
	for {
		e = expr.Unwrap(e)
		c, ok := e.(*expr.Cast)
		if !ok || c.Kind != "relabel" {
			return e
		}
		e = c.Arg
	}
}
