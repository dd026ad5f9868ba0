package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var contextLeftOnSession = Rule{
	ID:       "CTX011",
	Name:     "context-left-on-session",
	Title:    "a function sets the tenant for the whole session",
	Severity: Medium,
	Source:   "decisions: the context belongs to the transaction",
	Doc: `The function sets the tenant by set_config(…, false) or by SET, which outlives the transaction. A pool hands the connection on, and the next request, where it sets no
tenant of its own, is the tenant before.

Set it for the transaction: set_config(…, true), or SET LOCAL.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if f.System || f.Extension != "" || f.Result == "trigger" || f.Result == "event_trigger" {
				continue
			}
			app, ok := in.caller(f)
			if !ok {
				continue
			}
			body, ok := in.body("CTX011", f)
			if !ok {
				continue
			}
			if name := in.leavesSet(body); name != "" {
				report(Finding{
					Object: f.Identity(), ObjectType: "function", Role: app, Detail: fmt.Sprintf("It sets %s, and leaves it set when the transaction ends.", name),
					Fix: &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + f.Signature() + " FROM PUBLIC, " + pg.Ident(app), Why: "the application can no longer call it"},
				})
			}
		}
	},
}

// leavesSet names the tenant setting to which a body gives a tenant for longer than the transaction, or "".
func (in *Input) leavesSet(b *expr.Body) string {
	return in.setsTenant(b, func(c *expr.Call) bool {
		local, ok := c.Args[2].(*expr.Const)
		return ok && local.Text == "false"
	})
}
