package audit

import (
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var definerLeavesDatabase = Rule{
	ID:       "FUN014",
	Name:     "definer-leaves-database",
	Title:    "a SECURITY DEFINER function reaches out of the database with its owner's rights",
	Severity: High,
	Fix:      "function_execute",
	Source:   "135; verified attacks over a loop-back connection and over server files",
	Doc: `The function runs as its owner and opens a connection (dblink), calls the network, or reads files of the server. What it fetches there is under nobody's
policies here, and where it connects back to this database it does so as another role.

Take EXECUTE away from the application, or let the function fetch nothing that depends on the tenant.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			app, ok := in.caller(f)
			if f.System || f.Extension != "" || !f.SecurityDefiner || !ok {
				continue
			}
			body, err := in.Model.Reader.Body(f)
			if err != nil {
				in.Unchecked("FUN014", f.Identity(), err.Error())
				continue
			}
			if out := leaves(body); out != "" {
				report(Finding{
					Object: f.Identity(), ObjectType: "function", Role: app, Detail: "It runs as " + f.Owner + " and calls " + out + ".",
					Fix: &Fix{SQL: "REVOKE EXECUTE ON FUNCTION " + f.Signature() + " FROM PUBLIC, " + pg.Ident(app), Why: "the application can no longer call it"},
				})
			}
		}
	},
}

// outward are PostgreSQL's own functions that read or write files or the stream of changes; outwardExtensions the extensions whose
// functions open connections.
var (
	outward = []string{
		"lo_export", "lo_import", "pg_logical_slot_get_changes", "pg_logical_slot_peek_changes", "pg_ls_dir", "pg_read_binary_file", "pg_read_file", "pg_stat_file",
	}
	outwardExtensions = []string{"dblink", "file_fdw", "http", "pg_net", "plproxy"}
)

// leaves names the first function out of the database that a body calls, or "".
func leaves(b *expr.Body) string {
	found := calls(b, outward...)
	for _, s := range b.Statements {
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			if c, ok := e.(*expr.Call); ok && c.Func != nil && has(outwardExtensions, c.Func.Extension) {
				found = c.Func.Name
			}
			return found == ""
		})
	}
	return found
}
