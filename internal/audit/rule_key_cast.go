package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

var keyCast = Rule{
	ID:       "IDX004",
	Name:     "key-cast",
	Title:    "the policy casts the tenant key, and no index finds the rows by it",
	Severity: Low,
	Fix:      "replace_policy",
	Source:   "146; wild schemas: a cast on the column keeps the policy off the index",
	Doc: `The policy converts the column before it compares it: organization_id::text = current_setting(...). An index on the column does not know the converted
value, so that every statement reads the whole table. From character varying to text nothing is converted, and the index is used.

Convert the context to the column's type, not the column to the context's.`,

	Check: func(in *Input, report func(Finding)) {
		told := map[*catalog.Policy]bool{}
		in.eachWritten("IDX004", func(w *written) {
			t := in.Model.Table(w.rel.Identity())
			if t == nil || told[w.policy] || in.canTouch(w.rel) == nil {
				return
			}
			column := comparedAs(w.e, t.Key, converted)
			if column == "" || indexedAsExpression(w.rel, column) {
				return
			}
			told[w.policy] = true
			report(Finding{
				Object: w.policy.Identity(w.rel), ObjectType: "policy", Table: w.rel.Identity(),
				Detail: fmt.Sprintf("It compares %s after a conversion.", column),
				Fix:    &Fix{Why: "the context is converted to the column's type, and the column's index is used"},
			})
		})
	},
}

// comparedAs names the key column that an equality with the context holds in a form of which of gives the column itself; "" where there is
// none. of gives nil for any other form.
func comparedAs(e expr.Expr, key []string, of func(expr.Expr) expr.Expr) string {
	column := ""
	expr.WalkDeep(e, func(e expr.Expr, depth int) bool {
		o, ok := e.(*expr.Operation)
		if !ok || o.Op == nil || o.Op.Name != "=" || len(o.Args) != 2 {
			return column == ""
		}
		for i, a := range o.Args {
			v, ok := of(a).(*expr.Var)
			if ok && v.Level == depth && v.RTE == 1 && slices.Contains(key, v.Name) && asksContext(o.Args[1-i]) {
				column = v.Name
			}
		}
		return column == ""
	})
	return column
}

// converted is what a conversion that changes the value's form is of; nil where e is none.
func converted(e expr.Expr) expr.Expr {
	switch e := bare(e).(type) {
	case *expr.Cast:
		return bare(e.Arg)
	case *expr.Call:
		if e.Func != nil && e.Func.System && e.Form == "cast" && len(e.Args) > 0 {
			return bare(e.Args[0])
		}
	}
	return nil
}

func asksContext(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		if _, ok := expr.ContextOf(e); ok {
			found = true
		}
		return !found
	})
	return found
}

// indexedAsExpression reports whether an index begins with an expression over the column.
func indexedAsExpression(r *catalog.Relation, column string) bool {
	return slices.ContainsFunc(r.Indexes, func(x catalog.Index) bool {
		return x.Valid && len(x.Keys) > 0 && x.Keys[0].Column == "" && x.Keys[0].Expression != nil && strings.Contains(x.Keys[0].Expression.Text, column)
	})
}
