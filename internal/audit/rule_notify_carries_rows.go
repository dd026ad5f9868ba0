package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

var notifyCarriesRows = Rule{
	ID:       "TRG002",
	Name:     "notify-carries-rows",
	Title:    "a trigger sends tenants' rows by NOTIFY, which every session can hear",
	Severity: Medium,
	Source:   "privileges of LISTEN: PostgreSQL has none",
	Doc: `The trigger's function puts values of the row into a notification. LISTEN needs no privilege and knows no policy: every session of the database hears what
is sent on any channel whose name it knows.

Send the key of the row only, and let who listens read it under the policies.`,

	Check: func(in *Input, report func(Finding)) {
		in.eachTriggerBody("TRG002", []string{"pg_notify"}, func(t *catalog.Relation, key []string, g *catalog.Trigger, f *catalog.Function, b *expr.Body) {
			if sends(b, t, key) {
				report(Finding{
					Object: g.Identity(t), ObjectType: "trigger", Table: t.Identity(),
					Detail: fmt.Sprintf("%s sends values of the row.", f.Identity()),
				})
			}
		})
	},
}

// sends reports whether a body gives pg_notify the content of the fired row. Where the payload is a variable, what the body makes of
// the row counts.
func sends(b *expr.Body, t *catalog.Relation, key []string) bool {
	content, found := false, false
	for _, s := range b.Statements {
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			content = content || rowContent(e, t, key)
			return true
		})
	}
	for _, s := range b.Statements {
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			c, ok := e.(*expr.Call)
			if !ok || c.Func == nil || c.Func.Name != "pg_notify" || len(c.Args) != 2 {
				return true
			}
			variable := false
			expr.WalkDeep(c.Args[1], func(e expr.Expr, _ int) bool {
				if p, ok := e.(*expr.Param); ok && p.Kind == "variable" && !firedRow(p) {
					variable = true
				}
				return true
			})
			found = found || rowContent(c.Args[1], t, key) || variable && content
			return true
		})
	}
	return found
}
