package audit

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var siblingDatabaseOpen = Rule{
	ID:       "DBS001",
	Name:     "sibling-database-open",
	Title:    "the application may connect to a database that looks like a copy of this one",
	Severity: High,
	Source:   "wild schemas: backup, template and staging copies; verified attack on a restored copy",
	Doc: `Everybody may connect to a new database until CONNECT is revoked from PUBLIC. A restored or staging copy holds the same tenants' rows, often
without the policies, which pg_dump keeps in the last section; roles are shared by all databases of a cluster.

REVOKE CONNECT ON DATABASE ... FROM PUBLIC, and audit each database of the cluster.`,

	Check: func(in *Input, report func(Finding)) {
		here := in.Model.Snapshot.Server.Database
		for _, d := range in.Model.Snapshot.Databases {
			if d.Name == here || !d.AllowConn || d.IsTemplate || d.Name == "postgres" {
				continue
			}
			for _, g := range d.Grants {
				app, path, ok := in.holder(g.Grantee)
				if g.Privilege != "CONNECT" || !ok {
					continue
				}
				f := Finding{Object: catalog.QuoteIdent(d.Name), ObjectType: "database", Severity: Info, Role: app, Path: path}
				f.Title = "the application may connect to another database of the cluster"
				if alikeName(here, d.Name) {
					f.Severity, f.Title = High, ""
				}
				f.Detail = fmt.Sprintf("CONNECT is granted to %s. What it holds was not looked at from here.", grantee(g))
				to := "PUBLIC"
				if g.Grantee != "" {
					to = pg.Ident(g.Grantee)
				}
				f.Fix = &Fix{SQL: fmt.Sprintf("REVOKE CONNECT ON DATABASE %s FROM %s", pg.Ident(d.Name), to), Why: "only who is named may connect"}
				report(f)
				break
			}
		}
	},
}

// alikeName reports whether one name is the other with something added, as copies are named.
func alikeName(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return len(a) >= 2 && strings.Contains(b, a) || len(b) >= 4 && strings.Contains(a, b)
}
