package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
)

var statsExtUnsafe = Rule{
	ID:       "VER002",
	Name:     "stats-ext-unsafe",
	Title:    "extended statistics show values of hidden rows",
	Severity: Medium,
	Source:   "CVE-2024-4317",
	Doc: `Before 14.12, 15.7 and 16.3 the views pg_stats_ext and pg_stats_ext_exprs showed most common values to everybody. The fix is in the views, which initdb
made: a cluster that was made before and updated since still has the old ones.

Run fix-CVE-2024-4317.sql, which comes with the server, in every database.`,

	Check: func(in *Input, report func(Finding)) {
		s := in.Model.Snapshot.Server
		switch {
		case s.StatsExtSafe == nil:
			in.Unchecked("VER002", catalog.QuoteIdent(s.Database), "the definition of pg_stats_ext_exprs could not be read")
		case !*s.StatsExtSafe:
			report(Finding{Object: catalog.QuoteIdent(s.Database), ObjectType: "database", Detail: "pg_stats_ext_exprs does not look at row security."})
		}
	},
}
