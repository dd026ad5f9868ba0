package audit

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// eachTriggerBody visits what the triggers of tenant tables run, where the text of the function has all of the words: a body is read
// only then. The same function is visited once a table.
func (in *Input) eachTriggerBody(rule string, words []string, visit func(t *catalog.Relation, key []string, g *catalog.Trigger, f *catalog.Function, b *expr.Body)) {
	for _, t := range in.Model.TenantTables() {
		for i := range t.Relation.Triggers {
			g := &t.Relation.Triggers[i]
			f := in.Model.Snapshot.Function(g.Function)
			if f == nil || f.System || g.Enabled == "disabled" || !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(f.Source), w) }) {
				continue
			}
			b, err := in.Model.Reader.Body(f)
			if err != nil {
				in.Unchecked(rule, f.Identity(), "its body could not be read: "+err.Error())
				continue
			}
			visit(t.Relation, t.Key, g, f, b)
		}
	}
}

// rowContent says what an expression in a trigger's function holds of the row that fired it: the whole of it, or columns other than
// those that only say which row and whose.
func rowContent(e expr.Expr, rel *catalog.Relation, key []string) bool {
	found := false
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		switch x := e.(type) {
		case *expr.Field:
			if firedRow(x.Arg) {
				found = found || !namesRow(rel, key, x.Name)
				return false
			}
		case *expr.Param:
			found = found || firedRow(x)
		case *expr.Unknown: // the function stands on several tables: its row has no one type
			_, of, ok := strings.Cut(x.Key, `field "`)
			if name, _, _ := strings.Cut(of, `"`); ok && x.Tag == "RECORD" {
				row, column, _ := strings.Cut(name, ".")
				found = found || (row == "new" || row == "old") && !namesRow(rel, key, column)
			}
		}
		return !found
	})
	return found
}

// firedRow reports whether an expression is NEW or OLD.
func firedRow(e expr.Expr) bool {
	p, ok := e.(*expr.Param)
	return ok && p.Kind == "variable" && (p.Name == "new" || p.Name == "old")
}

// namesRow reports whether a column only says which row it is, or whose.
func namesRow(rel *catalog.Relation, key []string, column string) bool {
	if slices.Contains(key, column) {
		return true
	}
	for i := range rel.Constraints {
		if c := &rel.Constraints[i]; c.Kind == "primary" && slices.Contains(c.Columns, column) {
			return true
		}
	}
	return false
}
