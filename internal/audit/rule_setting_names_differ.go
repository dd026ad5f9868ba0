package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

var settingNamesDiffer = Rule{
	ID:       "CTX004",
	Name:     "setting-names-differ",
	Title:    "tables read their tenant from different settings",
	Severity: Medium,
	Fix:      "replace_policy",
	Source:   "71",
	Doc: `Some policies read the tenant from one setting and some from another. The application sets one of them, so that tables of the other kind
are always empty for it, or, where both are set, two tenants can be in force at once.

Agree on one name and let every policy read that one.`,

	Check: func(in *Input, report func(Finding)) {
		main := mainContext(in)
		if main == "" {
			return
		}
		told := map[string]bool{}
		in.eachPolicy("CTX004", func(p *catalog.Policy, rel *catalog.Relation, e expr.Expr) {
			read := tenantSettings(in, e)
			if len(read) == 0 || told[p.Identity(rel)] || slices.Contains(read, main) {
				return
			}
			told[p.Identity(rel)] = true
			report(Finding{
				Object: p.Identity(rel), ObjectType: "policy", Table: rel.Identity(),
				Detail: fmt.Sprintf("It reads %s; most policies read %s.", strings.Join(read, ", "), main),
				Fix:    &Fix{Why: "every policy reads the same setting"},
			})
		})
	},
}

// mainContext is the setting that most policies compare the tenant with; "" where fewer than two are in use.
func mainContext(in *Input) string {
	var names []string
	for _, c := range in.Model.Contexts {
		if c.Kind == "setting" && !c.Principal {
			names = append(names, c.Name)
		}
	}
	if len(names) < 2 {
		return ""
	}
	return names[0]
}

// tenantSettings lists the tenant settings of the model that an expression reads.
func tenantSettings(in *Input, e expr.Expr) []string {
	var out []string
	expr.WalkDeep(e, func(e expr.Expr, _ int) bool {
		c, ok := expr.ContextOf(e)
		if !ok || c.Kind != "setting" || slices.Contains(out, c.Name) {
			return true
		}
		for _, known := range in.Model.Contexts {
			if known.Kind == "setting" && !known.Principal && known.Name == c.Name {
				out = append(out, c.Name)
			}
		}
		return true
	})
	return out
}
