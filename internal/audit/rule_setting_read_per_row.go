package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/expr"
)

var settingReadPerRow = trapFault(Rule{
	ID:       "CTX003",
	Name:     "setting-read-per-row",
	Title:    "the policy reads the context again for every row",
	Severity: Low,
	Source:   "145",
	Doc: `A call of current_setting, or of a function that reads it, is evaluated for each row that a scan visits: measured on a full scan, 5.6 times a
plain WHERE, and 180 times where the context is signed. Wrapped in a sub-query it is evaluated once a statement.

Write (SELECT NULLIF(current_setting(name, true), '')::uuid).`,
}, func(e expr.Expr, say func(expr.Context, string)) {
	said := map[string]bool{}
	expr.Walk(e, func(e expr.Expr) bool {
		if call, ok := e.(*expr.Call); ok {
			if c, ok := expr.ContextOf(call); ok && !said[c.Key()] {
				said[c.Key()] = true
				say(c, fmt.Sprintf("'%s' is not wrapped in (SELECT …).", c.Name))
			}
		}
		return true
	})
})
