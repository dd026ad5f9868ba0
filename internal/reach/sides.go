package reach

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// comesOut reports whether what a statement reads comes out beside what its function returns: in a message, in a setting, in a row that the
// caller may read, or in the row that a trigger makes. The tenant that a function looks up for the context is no row; and a row that takes
// another's tenant is refused, or is that tenant's.
func (w *walker) comesOut(f *catalog.Function, q *expr.Query, st stage) bool {
	b, err := w.m.Reader.Body(f)
	if err != nil {
		return false
	}
	side, ok := b.Sides[q]
	if !ok {
		return false
	}
	context := slices.ContainsFunc(w.m.Contexts, func(c tenancy.Context) bool { return strings.EqualFold(c.Name, side.Setting) })
	if side.Message || side.Setting != "" && !context {
		return true
	}
	for into, columns := range side.Into {
		if w.shownTo(into, columns, st) {
			return true
		}
	}
	return st.makes && len(side.Columns) > 0 && !w.keyed(st.on, side.Columns)
}

// shownTo reports whether an INSERT makes rows that the role of the path may read, and whose tenant is not among the columns that hold what
// was read.
func (w *walker) shownTo(q *expr.Query, columns []string, st stage) bool {
	rel := q.Written()
	if q.Command != "insert" || rel == nil || len(columns) == 0 || !w.m.Rights.Relation(st.way.Role, rel, "SELECT").Held || !w.m.Rights.Schema(st.way.Role, rel.Schema, "USAGE") {
		return false
	}
	t := w.m.Table(rel.Identity())
	return t != nil && len(t.Key) > 0 && !w.keyed(rel, columns)
}

// keyed reports whether a relation's tenant key is among columns.
func (w *walker) keyed(rel *catalog.Relation, columns []string) bool {
	t := w.m.Table(rel.Identity())
	return t != nil && slices.ContainsFunc(t.Key, func(k string) bool { return slices.Contains(columns, k) })
}

// readColumns lists the columns to which an INSERT gives what it reads itself.
func readColumns(q *expr.Query) []string {
	if q.Command != "insert" {
		return nil
	}
	var out []string
	for _, t := range selected(q).Targets {
		found := false
		expr.WalkDeep(t.Expr, func(e expr.Expr, _ int) bool {
			switch e.(type) {
			case *expr.Var, *expr.SubLink:
				found = true
			}
			return !found
		})
		if found && !t.Junk {
			out = append(out, t.Column)
		}
	}
	return out
}
