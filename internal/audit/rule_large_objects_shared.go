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
number that counts up.

Keep files in a table with row level security (bytea, or outside the database).`,

	Check: func(in *Input, report func(Finding)) {
		for _, l := range in.Model.Snapshot.LargeObjects {
			app, path, ok := in.holder(l.Owner)
			for _, g := range l.Grants {
				if ok {
					break
				}
				app, path, ok = in.holder(g.Grantee)
			}
			if !ok {
				continue
			}
			report(Finding{
				Object: "large objects of " + catalog.QuoteIdent(l.Owner), ObjectType: "large object", Role: app, Path: path,
				Detail: strconv.FormatInt(l.Count, 10) + " of them are within its reach.",
			})
		}
	},
}
