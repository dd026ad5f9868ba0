package audit

import (
	"fmt"
	"slices"
	"strings"

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
		in.eachWritten("CTX004", func(w *written) {
			p, rel := w.policy, w.rel
			read := tenantSettings(in, w.contexts)
			if len(read) == 0 || told[p.Identity(rel)] || slices.Contains(read, main) {
				return
			}
			told[p.Identity(rel)] = true
			report(Finding{
				Object: p.Identity(rel), ObjectType: "policy", Table: rel.Identity(),
				Detail: fmt.Sprintf("It reads %s; most policies read %s.", strings.Join(read, ", "), main),
				Fix:    &Fix{Why: "the policies are replaced by ones that read the same setting"},
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

// tenantSettings lists the tenant settings of the model among contexts.
func tenantSettings(in *Input, contexts []expr.Context) []string {
	var out []string
	for _, c := range contexts {
		if c.Kind != "setting" || slices.Contains(out, c.Name) {
			continue
		}
		for _, known := range in.Model.Contexts {
			if known.Kind == "setting" && !known.Principal && known.Name == c.Name {
				out = append(out, c.Name)
			}
		}
	}
	return out
}
