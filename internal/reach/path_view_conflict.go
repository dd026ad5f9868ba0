package reach

import "github.com/ringfencehq/ringfence/internal/expr"

// viewConflictFixed are the first minor releases, by major, whose INSERT ... ON CONFLICT DO UPDATE through a view looks whether the
// view shows the row that is met (commit "Enforce view row visibility for INSERT ... ON CONFLICT target rows", 15.20).
var viewConflictFixed = map[int]int{14: 140025, 15: 150020, 16: 160016, 17: 170012, 18: 180007}

// viewOld is what the view asks of a row that is changed or destroyed through it: its own filter, or on servers that do not look
// for what an upsert meets, that a new row meets the old one in some key.
func (w *walker) viewOld(way *Way, t *target, v verb) expr.Expr {
	where := and(t.where...)
	fixed, known := viewConflictFixed[w.version/10000]
	if v.variant != "on_conflict" || !known || w.version >= fixed || way.New == nil {
		return where
	}
	any := []expr.Expr{where}
	for i := range t.rel.Indexes {
		if x := &t.rel.Indexes[i]; x.Unique && x.Valid {
			any = append(any, w.met(way.As, t.rel, t.rel, w.keyPairs(t.rel, x), way.New, t.columns(), w.predicate(t.rel, x)...))
		}
	}
	return or(any...)
}
