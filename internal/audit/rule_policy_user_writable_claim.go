package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

var policyUserWritableClaim = Rule{
	ID:       "POL024",
	Name:     "policy-user-writable-claim",
	Title:    "the policy trusts a claim that users write themselves",
	Severity: Critical,
	Fix:      "replace_policy",
	Source:   "61",
	Doc: `The policy reads user_metadata (raw_user_meta_data) of the token: the part of a user's record that the user himself may change by the sign-up API. Any
user makes himself a member of any tenant.

Read app_metadata, which only the server writes, or look the membership up in a table.`,

	Check: func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		in.eachPolicy("POL024", func(p *catalog.Policy, rel *catalog.Relation, e expr.Expr) {
			expr.WalkDeep(in.Model.Reader.Inline(e), func(e expr.Expr, _ int) bool {
				c, ok := expr.ContextOf(e)
				if !ok || c.Kind != "claim" || told[p.Identity(rel)] || !(has(c.Path, "user_metadata") || has(c.Path, "raw_user_meta_data")) {
					return true
				}
				told[p.Identity(rel)] = true
				f := Finding{Object: p.Identity(rel), ObjectType: "policy", Table: rel.Identity(), Severity: Info, Detail: "It reads " + strings.Join(c.Path, ".") + "."}
				if w := in.canTouch(rel); w != nil {
					f.Severity, f.Role, f.Path = Critical, w.Role, w.Path
				}
				report(f)
				return true
			})
		})
	},
}
