package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var definerDynamicSQL = Rule{
	ID:       "FUN009",
	Name:     "definer-dynamic-sql",
	Title:    "a SECURITY DEFINER function puts what it is given into SQL",
	Severity: High,
	Source:   "97",
	Doc: `The function runs as its owner and builds a statement from text. An argument that reaches the text without quote_literal, %L or USING runs as part of it,
with the owner's rights. Quoted, the name of a table is still the caller's choice: one that no policy keeps from the owner is read whole.

Pass values by USING, names by %I; or make the function SECURITY INVOKER.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if f.System || f.Extension != "" || !f.SecurityDefiner || len(f.ArgumentOIDs) == 0 {
				continue
			}
			app, ok := in.caller(f)
			body, err := in.Model.Reader.Body(f)
			if err != nil || len(body.Injected)+len(body.Named) == 0 {
				continue
			}
			out := Finding{Object: f.Identity(), ObjectType: "function", Severity: Info, Detail: "It runs as " + f.Owner + " what it puts together with EXECUTE."}
			if len(body.Injected) == 0 {
				if !in.unbound(f) {
					continue
				}
				out.Detail = "It runs as " + f.Owner + ", whom no policy binds on every table, and the caller names the table."
			}
			if ok {
				out.Severity, out.Role = High, app
			}
			out.Fix = &Fix{SQL: "ALTER FUNCTION " + f.Signature() + " SECURITY INVOKER", Why: "what it runs, the caller could run himself"}
			report(out)
		}
	},
}

// unbound reports whether a function acts, on some tenants' table, as an owner whom no policy binds.
func (in *Input) unbound(f *catalog.Function) bool {
	return slices.ContainsFunc(in.Ways, func(w reach.Way) bool {
		h, around := detour(w.Path)
		t := in.Model.Table(w.Relation.Identity())
		return around && h.Via == "function" && h.Name == f.Identity() && w.Unbound != "" && t != nil && t.Class.Tenant()
	})
}
