package audit

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var functionFixesTenant = Rule{
	ID:       "FUN015",
	Name:     "function-fixes-tenant",
	Title:    "a function acts as a fixed tenant, whoever calls it",
	Severity: High,
	Fix:      "function_execute",
	Source:   "73",
	Doc: `CREATE FUNCTION ... SET gives the tenant setting a value for as long as the function runs. Whoever may call it sees and writes that tenant's rows, whatever
tenant the session has.

Take the SET away: ALTER FUNCTION ... RESET. A job for one tenant sets its context itself.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if f.System || f.Extension != "" || len(f.Config) == 0 {
				continue
			}
			name := fixedContext(in, f)
			if name == "" {
				continue
			}
			if app, ok := in.caller(f); ok {
				report(Finding{
					Object: f.Identity(), ObjectType: "function", Role: app, Detail: fmt.Sprintf("%s is set on it.", name),
					Fix: &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + f.Signature() + " FROM PUBLIC, " + pg.Ident(app), Why: "the application can no longer call it"},
				})
			}
		}
	},
}

// fixedContext names the tenant setting that a function gives a value, or "".
func fixedContext(in *Input, f *catalog.Function) string {
	for _, c := range f.Config {
		name, value, _ := strings.Cut(c, "=")
		if isContext(in, name) && strings.Trim(value, `"' `) != "" {
			return name
		}
	}
	return ""
}
