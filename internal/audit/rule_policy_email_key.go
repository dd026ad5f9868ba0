package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

var policyEmailKey = Rule{
	ID:       "POL025",
	Name:     "policy-email-key",
	Title:    "the policy tells people apart by their e-mail address",
	Severity: Medium,
	Fix:      "replace_policy",
	Source:   "62",
	Doc: `E-mail addresses change hands, come in several spellings of one mailbox, and may be claimed before they are confirmed. Who gets an address gets what
belongs to it.

Compare ids.`,

	Check: func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		in.eachPolicy("POL025", func(p *catalog.Policy, rel *catalog.Relation, e expr.Expr) {
			expr.WalkDeep(in.Model.Reader.Inline(e), func(e expr.Expr, _ int) bool {
				c, ok := expr.ContextOf(e)
				if !ok || told[p.Identity(rel)] || c.Kind == "user" || !email(c) {
					return true
				}
				told[p.Identity(rel)] = true
				report(Finding{Object: p.Identity(rel), ObjectType: "policy", Table: rel.Identity(), Detail: "It reads " + c.Name + " " + strings.Join(c.Path, ".") + "."})
				return true
			})
		})
	},
}

// email reports whether a context read is of an e-mail address, by its name.
func email(c expr.Context) bool {
	last := c.Name[strings.LastIndex(c.Name, ".")+1:]
	if len(c.Path) > 0 {
		last = c.Path[len(c.Path)-1]
	}
	last = strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(last))
	return last == "email" || last == "useremail" || last == "mail"
}
