package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// serverFunctions are functions of the server's, by the prefix of their name, of which no way to a table's rows is known: they tell of
// the server, change what all share, or lead to wherever the server lets them in. Those that reach rows are package reach's.
var serverFunctions = []struct {
	prefix string
	grave  Severity
	what   string
}{
	{"dblink_connect_u", High, "It connects elsewhere, and to this server again, in the name of the server's own account."},
	{"pg_ls_", Low, "It lists the server's files."},
	{"pg_stat_file", Low, "It tells sizes and times of the server's files."},
	{"pg_stat_reset", Low, "It clears statistics for all."},
}

// serverFunction says how grave it is that a function may be called, and what it does; "" for any other function.
func serverFunction(f *catalog.Function) (Severity, string) {
	if b := reach.BelowTables(f); b != nil {
		grave := High
		if b.Files && b.Commands[0] != reach.Delete {
			grave = Critical
		}
		return grave, strings.ToUpper(b.Why[:1]) + b.Why[1:] + "."
	}
	if !f.System && f.Extension == "" {
		return "", ""
	}
	for _, k := range serverFunctions {
		if strings.HasPrefix(f.Name, k.prefix) {
			return k.grave, k.what
		}
	}
	return "", ""
}

var serverFunctionGranted = Rule{
	ID:       "GRT010",
	Name:     "server-function-granted",
	Title:    "the application may call a function that reaches below the tables",
	Severity: High,
	Fix:      "revoke",
	Source:   "124; functions that initdb and extensions keep from PUBLIC",
	Doc: `Some functions read or write the server's files or the log of changes, or connect to a server in the name of the
server's own account. They are kept from everybody but superusers, and one GRANT EXECUTE opens what no policy sees.

Revoke it. Where a job needs it, give it to a role that the application cannot become.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if grave, what := serverFunction(f); what != "" {
				in.grantedCalls(f, func(found Finding) {
					found.Severity, found.Detail = grave, what+" "+found.Detail
					report(found)
				})
			}
		}
	},
}

// grantedCalls reports each grant by which an application role may call a function.
func (in *Input) grantedCalls(f *catalog.Function, report func(Finding)) {
	for _, g := range f.Grants {
		app, path, ok := in.holder(g.Grantee)
		if !ok || g.Grantee == f.Owner || g.Privilege != "EXECUTE" || !f.System && !in.Model.Rights.Schema(app, f.Schema, "USAGE") {
			continue
		}
		report(Finding{
			Object: f.Identity(), ObjectType: "function", Role: app, Path: path, Command: "EXECUTE",
			Detail: "EXECUTE is granted to " + grantee(g) + ".",
			Fix:    &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + signature(f) + " FROM " + to(g), Why: "nothing of the application's own tables needs it", Grants: []catalog.Grant{g}},
		})
	}
}

// signature names a function for REVOKE.
func signature(f *catalog.Function) string {
	return pg.Ident(f.Schema) + "." + pg.Ident(f.Name) + "(" + strings.Join(f.Arguments, ", ") + ")"
}
