package audit

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// serverFunctions are functions that reach below tables, by the prefix of their name: the server's files, raw pages, the log
// of changes, other servers in the server's own name. PostgreSQL and the extensions keep them from PUBLIC.
var serverFunctions = []struct {
	prefix string
	grave  Severity
	what   string
}{
	{"pg_read_file", Critical, "It reads the server's files, the tables' among them."},
	{"pg_read_binary_file", Critical, "It reads the server's files, the tables' among them."},
	{"lo_import", Critical, "It reads the server's files, the tables' among them."},
	{"lo_export", Critical, "It writes the server's files."},
	{"pg_file_write", Critical, "It writes the server's files."},
	{"pg_file_", High, "It changes the server's files."},
	{"dblink_connect_u", High, "It connects elsewhere, and to this server again, in the name of the server's own account."},
	{"pg_get_wal_record", High, "It reads the log of changes of every table."},
	{"pg_get_wal_block", High, "It reads the log of changes of every table."},
	{"pg_ls_", Low, "It lists the server's files."},
	{"pg_stat_file", Low, "It tells sizes and times of the server's files."},
	{"pg_stat_reset", Low, "It clears statistics for all."},
}

var serverFunctionGranted = Rule{
	ID:       "GRT010",
	Name:     "server-function-granted",
	Title:    "the application may call a function that reaches below the tables",
	Severity: High,
	Fix:      "revoke",
	Source:   "124; functions that initdb and extensions keep from PUBLIC",
	Doc: `Some functions read or write the server's files, a table's raw pages or the log of changes, or connect to a server in the name of the
server's own account. They are kept from everybody but superusers, and one GRANT EXECUTE opens what no policy sees.

Revoke it. Where a job needs it, give it to a role that the application cannot become.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if !f.System && f.Extension == "" {
				continue
			}
			for _, k := range serverFunctions {
				if strings.HasPrefix(f.Name, k.prefix) {
					in.grantedCalls(f, func(found Finding) {
						found.Severity, found.Detail = k.grave, k.what+" "+found.Detail
						report(found)
					})
					break
				}
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
			Fix:    &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + signature(f) + " FROM " + to(g), Why: "nothing of the application's own tables needs it", Grant: &g},
		})
	}
}

// signature names a function for REVOKE.
func signature(f *catalog.Function) string {
	return pg.Ident(f.Schema) + "." + pg.Ident(f.Name) + "(" + strings.Join(f.Arguments, ", ") + ")"
}
