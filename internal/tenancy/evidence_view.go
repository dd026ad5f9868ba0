package tenancy

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// maxViews bounds how many views are opened within each other.
const maxViews = 8

// opened is a query in which views are the sub-queries that they stand for: what a policy looks up through a view, it looks up in the
// view's tables.
func (f *finder) opened(q *expr.Query, depth int) *expr.Query {
	if q == nil || depth > maxViews {
		return q
	}
	out := q
	for i := range q.Range {
		inner := f.opened(q.Range[i].Subquery, depth+1)
		view := q.Range[i].Relation
		if view != nil && view.Kind == catalog.View {
			inner = f.opened(f.viewQuery(view), depth+1)
		}
		if inner == q.Range[i].Subquery {
			continue
		}
		if out == q {
			opened := *q
			opened.Range = slices.Clone(q.Range)
			out = &opened
		}
		out.Range[i].Kind, out.Range[i].Relation, out.Range[i].Subquery = "subquery", nil, inner
	}
	return out
}

// viewQuery is a view's definition, or nil.
func (f *finder) viewQuery(view *catalog.Relation) *expr.Query {
	if queries, err := f.reader.View(view); err == nil && len(queries) == 1 {
		return queries[0]
	}
	return nil
}
