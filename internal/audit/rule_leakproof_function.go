package audit

import (
	"fmt"
)

var leakproofFunction = Rule{
	ID:       "FUN002",
	Name:     "leakproof-function",
	Title:    "a function outside PostgreSQL's own is marked LEAKPROOF",
	Severity: High,
	Source:   "100",
	Doc: `What is LEAKPROOF may be evaluated before a policy has filtered the rows: the function sees every tenant's values. The mark is a promise that it
tells nothing about its arguments, by no error, notice, setting or timing, and the server believes it.

ALTER FUNCTION ... NOT LEAKPROOF, unless somebody has read the body with that in mind.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if f.System || f.Extension != "" || !f.Leakproof {
				continue
			}
			out := Finding{Object: f.Identity(), ObjectType: "function", Severity: Info, Detail: fmt.Sprintf("It is written in %s.", f.Language)}
			if app, ok := in.caller(f); ok {
				out.Severity, out.Role = High, app
			}
			out.Fix = &Fix{SQL: fmt.Sprintf("ALTER FUNCTION %s NOT LEAKPROOF", f.Signature()), Why: "policies are evaluated first"}
			report(out)
		}
	},
}
