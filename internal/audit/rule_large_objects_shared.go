package audit

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var largeObjectsShared = Rule{
	ID:       "LOB001",
	Name:     "large-objects-shared",
	Title:    "large objects know no tenants",
	Severity: Medium,
	Source:   "row security does not exist for large objects",
	Doc: `Large objects belong to a role and have grants, and no policies. Under one application role every tenant's request reads and overwrites all of them, by a
number that counts up. It is graver where they are another role's and a grant opens them: nothing needs that but reading what others put there.

Keep files in a table with row level security (bytea, or outside the database).`,

	Check: func(in *Input, report func(Finding)) {
		in.everyLargeObject(report)
		for _, l := range in.Model.Snapshot.LargeObjects {
			app, path, ok := in.holder(l.Owner)
			severity := Medium
			for _, g := range l.Grants {
				if ok {
					break
				}
				app, path, ok = in.holder(g.Grantee)
				severity = High
			}
			if !ok {
				continue
			}
			report(Finding{
				Object: "large objects of " + catalog.QuoteIdent(l.Owner), ObjectType: "large object", Role: app, Path: path, Severity: severity,
				Detail: strconv.FormatInt(l.Count, 10) + " of them are within its reach.",
			})
		}
	},
}

// everyLargeObject reports settings by which an application role reads and writes large objects without being asked for a privilege.
func (in *Input) everyLargeObject(report func(Finding)) {
	for _, s := range in.Model.Snapshot.Settings {
		if s.Name != "lo_compat_privileges" || s.Value != "on" && s.Value != "true" && s.Value != "1" || s.Database != "" && s.Database != in.Model.Snapshot.Server.Database {
			continue
		}
		if app, path, ok := in.holder(s.Role); ok {
			report(Finding{
				Object: object(s), ObjectType: "role", Role: app, Path: path, Severity: High,
				Detail: "lo_compat_privileges is on there: every large object is open to every session, whatever its grants.",
				Fix:    &Fix{SQL: reset(s), Why: "privileges of large objects are asked for"},
			})
		}
	}
}
