package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/expr"
)

var leakproofFunction = Rule{
	ID:       "FUN002",
	Name:     "leakproof-function",
	Title:    "a function is marked LEAKPROOF that PostgreSQL's makers did not mark",
	Severity: High,
	Source:   "100",
	Doc: `What is LEAKPROOF may be evaluated before a policy has filtered the rows: the function sees every tenant's values. The mark is a promise that it
tells nothing about its arguments, by no error, notice, setting or timing, and the server believes it.

PostgreSQL marks its own functions with care: one that is marked later, for the sake of an index, may tell by an error what it met (a division by
zero, a cast that fails). What comes with an extension is medium: whether its makers marked it is not known.

ALTER FUNCTION ... NOT LEAKPROOF, unless somebody has read the body with that in mind.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if !f.Leakproof || f.System && expr.MadeLeakproof(in.Model.Snapshot.Server.VersionNum, f) {
				continue
			}
			out := Finding{Object: f.Identity(), ObjectType: "function", Severity: Info, Detail: fmt.Sprintf("It is written in %s.", f.Language)}
			if app, ok := in.caller(f); ok {
				out.Severity, out.Role = High, app
				if f.Extension != "" {
					out.Severity = Medium
				}
			}
			out.Fix = &Fix{SQL: fmt.Sprintf("ALTER FUNCTION %s NOT LEAKPROOF", f.Signature()), Why: "policies are evaluated first"}
			report(out)
		}
	},
}
