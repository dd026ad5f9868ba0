package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/expr"
)

var emptySettingRaises = trapFault(Rule{
	ID:       "CTX002",
	Name:     "empty-setting-raises",
	Title:    "the policy raises an error where the setting is empty",
	Severity: Low,
	Source:   "70",
	Doc: `A setting made with SET LOCAL comes back as '' and not as NULL when the transaction ends. current_setting(name, true)::uuid then raises
22P02 on the next statement of a pooled connection that runs without a tenant.

Write NULLIF(current_setting(name, true), '')::uuid.`,
}, func(e expr.Expr, say func(expr.Context, string)) {
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		cast, ok := e.(*expr.Cast)
		if !ok || cast.Kind != "io" || isText(cast.TypeOID) {
			return true
		}
		if c, ok := expr.ContextOf(cast.Arg); ok && c.Kind == "setting" {
			say(c, fmt.Sprintf("'%s' is cast without NULLIF(…, '').", c.Name))
		}
		return true
	})
})

// isText reports whether a type takes any text as it is.
func isText(oid uint32) bool { return oid == 25 || oid == 1043 || oid == 1042 || oid == 19 }
