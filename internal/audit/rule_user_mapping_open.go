package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var userMappingStrong = Rule{
	ID:       "FDW001",
	Name:     "user-mapping-open",
	Title:    "the application may use a foreign server as somebody else",
	Severity: Medium,
	Source:   "135",
	Doc: `A user mapping gives the application's role a login on a foreign server. Whatever that login may read there, over a foreign table or dblink, no policy of
this database is asked about.

Drop the mapping, or let the remote login be one that its own policies bind.`,

	Check: func(in *Input, report func(Finding)) {
		for _, m := range in.Model.Snapshot.UserMappings {
			app, path, ok := in.holder(m.Role)
			if !ok {
				continue
			}
			as := "somebody"
			if m.RemoteUser != "" {
				as = m.RemoteUser
			}
			f := Finding{Object: catalog.QuoteIdent(m.Server), ObjectType: "foreign server", Role: app, Path: path, Detail: "It is mapped to " + as + " there."}
			if in.freely(app, m.Server) {
				f.Severity, f.Detail = High, f.Detail+" dblink, or USAGE on the server, lets the application choose what to read there."
			}
			role := "PUBLIC"
			if m.Role != "" {
				role = pg.Ident(m.Role)
			}
			f.Fix = &Fix{SQL: "DROP USER MAPPING FOR " + role + " SERVER " + pg.Ident(m.Server), Why: "the application has no login there any more"}
			report(f)
		}
	},
}

// freely reports whether the role may run statements of its own on the server: USAGE lets it make foreign tables, or call dblink.
func (in *Input) freely(app, server string) bool {
	for _, s := range in.Model.Snapshot.ForeignServers {
		if s.Name != server {
			continue
		}
		for _, g := range s.Grants {
			if holder, _, ok := in.holder(g.Grantee); ok && holder == app && g.Privilege == "USAGE" && g.Grantee != s.Owner {
				return true
			}
		}
	}
	return false
}
