package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/expr"
)

var settingRaisesWhenUnset = trapFault(Rule{
	ID:       "CTX001",
	Name:     "setting-raises-when-unset",
	Title:    "the policy raises an error where the setting was never set",
	Severity: Info,
	Source:   "68, 72",
	Doc: `current_setting(name) without its second argument raises 42704 in a session in which the setting was never made. It fails closed, and it
fails for migrations, back-ups and everything else that has no tenant.

Write current_setting(name, true), and NULLIF(..., '') around it.`,
}, func(e expr.Expr, say func(expr.Context, string)) {
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		if call, ok := e.(*expr.Call); ok {
			if c, ok := expr.ContextOf(call); ok && c.Kind == "setting" && !c.MissingOK {
				say(c, fmt.Sprintf("current_setting('%s') is read without missing_ok.", c.Name))
			}
		}
		return true
	})
})
