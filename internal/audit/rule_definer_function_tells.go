package audit

import (
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var definerFunctionTells = Rule{
	ID:       "INF002",
	Name:     "definer-function-tells",
	Title:    "a SECURITY DEFINER function tells whether other tenants' rows exist",
	Severity: Low,
	Fix:      "function_execute",
	Source:   "92; verified attack by asking one bit at a time",
	Doc: `The function gives back no row, only yes or no, and looks at rows of all tenants to do so. Whoever calls it often enough learns what they hold.

Compare with the context inside the function.`,

	Check: func(in *Input, report func(Finding)) {
		told := map[string]bool{}
		for i := range in.Ways {
			w, a := &in.Ways[i], &in.Answers[i]
			h, around := detour(w.Path)
			t := in.Model.Table(w.Relation.Identity())
			if !around || h.Via != "function" || w.Kind == reach.Isolation || !w.Privileged || w.Unbound == "" || a.Verdict == decide.Proved || told[h.Name] || t == nil || !t.Class.Tenant() {
				continue
			}
			told[h.Name] = true
			report(Finding{
				Object: h.Name, ObjectType: "function", Table: w.Relation.Identity(), Role: w.Role, Path: w.Path, Command: string(w.Command),
				Detail: "It looks at " + w.Relation.Identity() + " as " + w.As + ", whom no policy binds.",
			})
		}
	},
}
