package audit

import (
	"github.com/ringfencehq/ringfence/internal/pg"
)

var untrustedLanguage = Rule{
	ID:       "FUN012",
	Name:     "untrusted-language",
	Title:    "the application may call a function in an untrusted language",
	Severity: High,
	Fix:      "function_execute",
	Source:   "115",
	Doc: `A function in C, PL/Python or another untrusted language runs inside the server with its rights: it opens files and sockets, and no policy is asked.

Take EXECUTE away, or move it out of the database.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			app, ok := in.caller(f)
			if f.Extension != "" || !in.untrusted(f) || !ok {
				continue
			}
			report(Finding{
				Object: f.Identity(), ObjectType: "function", Role: app, Detail: "It is written in " + f.Language + ".",
				Fix: &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + f.Signature() + " FROM PUBLIC, " + pg.Ident(app), Why: "the application can no longer call it"},
			})
		}
	},
}
