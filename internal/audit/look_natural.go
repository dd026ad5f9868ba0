package audit

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// naturalLookup reports whether a way is a function that reads only the one row whose natural key (a unique one of text, not the
// primary) equals what the caller passes: an e-mail address, a token.
func (in *Input) naturalLookup(w *reach.Way) bool {
	h, _ := detour(w.Path)
	f := in.Model.Snapshot.Function(h.Name)
	if w.Command != reach.Select || h.Via != "function" || f == nil {
		return false
	}
	body, err := in.Model.Reader.Body(f)
	if err != nil || len(body.Opaque) > 0 || len(body.Dynamic) > 0 {
		return false
	}
	read, looked := 0, 0
	for _, s := range body.Statements {
		expr.Queries(s, func(q *expr.Query) {
			for i := range q.Range {
				if q.Range[i].Relation != w.Relation {
					continue
				}
				read++
				if naturalKey(w.Relation, givenColumns(q.Where, i+1)) {
					looked++
				}
			}
		})
	}
	return read > 0 && read == looked
}

// naturalKey reports whether the columns hold a unique key of text that is not the primary one.
func naturalKey(r *catalog.Relation, given []string) bool {
	return slices.ContainsFunc(r.Indexes, func(x catalog.Index) bool {
		return x.Unique && !x.Primary && x.Predicate == nil && len(x.Keys) > 0 && !slices.ContainsFunc(x.Keys, func(k catalog.IndexKey) bool {
			c := r.ColumnByName(k.Column)
			return c == nil || !slices.Contains(given, k.Column) || !textual(c.Type)
		})
	})
}

func textual(typ string) bool {
	return typ == "text" || typ == "citext" || strings.HasPrefix(typ, "character varying")
}

// givenColumns lists the columns of one range table entry that a condition's conjuncts hold equal to a parameter.
func givenColumns(e expr.Expr, entry int) []string {
	switch e := e.(type) {
	case *expr.Logic:
		var out []string
		if e.Op == "and" {
			for _, a := range e.Args {
				out = append(out, givenColumns(a, entry)...)
			}
		}
		return out
	case *expr.Operation:
		if e.Kind != "plain" || e.Op == nil || e.Op.Name != "=" || len(e.Args) != 2 {
			return nil
		}
		for i := range e.Args {
			v, ok := bare(e.Args[i]).(*expr.Var)
			if _, given := bare(e.Args[1-i]).(*expr.Param); ok && given && v.Level == 0 && v.RTE == entry {
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
