package audit

import (
	"github.com/ringfencehq/ringfence/internal/pinsql"
	"github.com/ringfencehq/ringfence/internal/revocation"
	"github.com/ringfencehq/ringfence/internal/signed"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

var functionOwnerDiffers = Rule{
	ID:       "FUN011",
	Name:     "function-owner-differs",
	Title:    "a SECURITY DEFINER function belongs to another role than the tables",
	Severity: Info,
	Source:   "114",
	Doc: `The function runs as a role that owns none of the tenants' tables: a superuser, or somebody who once ran the migration. What it may do is not what its
neighbours may.

ALTER FUNCTION ... OWNER TO the tables' owner.`,

	Check: func(in *Input, report func(Finding)) {
		owners := map[string]bool{}
		for _, t := range in.Model.TenantTables() {
			owners[t.Relation.Owner] = true
		}
		for i := range in.Model.Snapshot.Functions {
			f := &in.Model.Snapshot.Functions[i]
			if f.System || f.Extension != "" || !f.SecurityDefiner || owners[f.Owner] || len(owners) == 0 ||
				trailsql.IsOwn(f.Schema, f.Name, f.Owner, f.Source) || pinsql.IsOwn(f.Schema, f.Name, f.Owner, f.Source) ||
				revocation.IsOwn(f.Schema, f.Name, f.Owner, f.Source) || signed.IsOwn(f.Schema, f.Name, f.Owner, f.Source) {
				continue
			}
			report(Finding{Object: f.Identity(), ObjectType: "function", Detail: "It belongs to " + f.Owner + "."})
		}
	},
}
