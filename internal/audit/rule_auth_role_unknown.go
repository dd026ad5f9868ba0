package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/expr"
)

var authRoleUnknown = Rule{
	ID:       "VND003",
	Name:     "auth-role-unknown",
	Title:    "the policy asks for a role that does not exist",
	Severity: Low,
	Source:   "63, 65",
	Doc: `The policy compares the role in the token with a name that is no role of this server: a misspelling, or one that was dropped. It is never true, or with
<> always.

Name a role that exists, or better, write the policy TO it.`,

	Check: func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		in.eachWritten("VND003", func(w *written) {
			p, rel := w.policy, w.rel
			if !slices.ContainsFunc(w.contexts, roleClaim) {
				return
			}
			expr.WalkDeep(in.Model.Reader.Inline(w.e), func(e expr.Expr, _ int) bool {
				o, ok := e.(*expr.Operation)
				if !ok || o.Op == nil || o.Op.Name != "=" && o.Op.Name != "<>" || o.Kind == "nullif" || len(o.Args) != 2 || told[p.Identity(rel)] {
					return true
				}
				for i := range o.Args {
					k, isConst := bare(o.Args[1-i]).(*expr.Const)
					if !isConst || !k.Known || k.Null || !asksRole(o.Args[i]) || in.Model.Snapshot.Role(k.Text) != nil {
						continue
					}
					told[p.Identity(rel)] = true
					report(Finding{Object: p.Identity(rel), ObjectType: "policy", Table: rel.Identity(), Detail: "There is no role " + k.Text + "."})
				}
				return true
			})
		})
	},
}

// asksRole reports whether the token's role is what e gives, also as one of several settings that may carry it.
func asksRole(e expr.Expr) bool {
	found := false
	expr.WalkDeep(e, func(n expr.Expr, _ int) bool {
		c, ok := expr.ContextOf(n)
		found = found || ok && roleClaim(c)
		return !found
	})
	return found
}

// roleClaim reports whether a context read is of the token's role.
func roleClaim(c expr.Context) bool {
	return c.Kind == "claim" && len(c.Path) == 1 && c.Path[0] == "role" || c.Kind == "setting" && c.Name == "request.jwt.claim.role"
}
