package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var definerLeavesDatabase = Rule{
	ID:       "FUN014",
	Name:     "definer-leaves-database",
	Title:    "a SECURITY DEFINER function reaches out of the database with its owner's rights",
	Severity: High,
	Fix:      "function_execute",
	Source:   "135; verified attacks over a loop-back connection and over server files",
	Doc: `The function runs as its owner and opens a connection (dblink), calls the network, or reads files of the server or the pages of tables. What it fetches there is under nobody's
policies here, and where it connects back to this database it does so as another role.

Take EXECUTE away from the application, or let the function fetch nothing that depends on the tenant.`,

	Check: func(in *Input, report func(Finding)) {
		in.eachDefiner("FUN014", func(f *catalog.Function, app string, body *expr.Body) {
			if out := in.leaves(body); out != "" {
				report(definerFinding(f, app, "calls "+out))
			}
		})
	},
}

// outwardExtensions are those whose functions open connections, from which no row of this database is known to come back; filesTold
// PostgreSQL's own functions that tell of files without reading them. Package reach knows those that lead to rows.
var (
	outwardExtensions = []string{"file_fdw", "http", "pg_net"}
	filesTold         = []string{"pg_ls_dir", "pg_stat_file"}
)

// leaves names the first function out of the database that a body calls, or "": one of those known, and any in an untrusted language that
// PostgreSQL's own extensions did not bring, such as a wrapper around the library of one.
func (in *Input) leaves(b *expr.Body) string {
	found := calls(b, filesTold...)
	for _, s := range b.Statements {
		expr.WalkQuery(s, func(e expr.Expr, _ int) bool {
			if c, ok := e.(*expr.Call); ok && c.Func != nil && (reach.Outward(c.Func) || reach.BelowTables(c.Func) != nil || has(outwardExtensions, c.Func.Extension) || in.untrusted(c.Func)) {
				found = c.Func.Name
			}
			return found == ""
		})
	}
	return found
}

// untrusted reports whether a function is written in a language that does as the server may: any of the schema's own, and of an extension
// those in languages beside C, in which most extensions are written.
func (in *Input) untrusted(f *catalog.Function) bool {
	if f.System || f.Language == "internal" || f.Extension != "" && f.Language == "c" {
		return false
	}
	for _, l := range in.Model.Snapshot.Languages {
		if l.Name == f.Language {
			return !l.Trusted
		}
	}
	return false
}
