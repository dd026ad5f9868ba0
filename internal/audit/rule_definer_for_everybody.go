package audit

import "github.com/ringfencehq/ringfence/internal/signed"

var definerForEverybody = Rule{
	ID:       "FUN010",
	Name:     "definer-for-everybody",
	Title:    "everybody may call a SECURITY DEFINER function",
	Severity: Low,
	Fix:      "function_execute",
	Source:   "94",
	Doc: `EXECUTE on a new function belongs to PUBLIC. The function runs as its owner for whoever can connect: each role that is made later may call it.

REVOKE EXECUTE ... FROM PUBLIC, and grant it to the roles that need it.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if f.System || f.Extension != "" || !f.SecurityDefiner || f.Result == "trigger" || f.Result == "event_trigger" ||
				signed.IsOwn(f.Schema, f.Name, f.Owner, f.Source) {
				continue
			}
			for _, g := range f.Grants {
				if g.Grantee != "" || g.Privilege != "EXECUTE" {
					continue
				}
				out := Finding{Object: f.Identity(), ObjectType: "function", Severity: Info, Detail: "PUBLIC may execute it, and it runs as " + f.Owner + "."}
				if app, ok := in.caller(f); ok {
					out.Severity, out.Role = Low, app
				}
				out.Fix = &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + f.Signature() + " FROM PUBLIC", Why: "only who is named may call it"}
				report(out)
			}
		}
	},
}
