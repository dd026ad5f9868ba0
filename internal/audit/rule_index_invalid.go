package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var indexInvalid = Rule{
	ID:       "IDX002",
	Name:     "index-invalid",
	Title:    "an index is invalid",
	Severity: Medium,
	Fix:      "repair_index",
	Source:   "149",
	Doc: `A CREATE INDEX CONCURRENTLY that was interrupted leaves an index that no query uses. Where it came far enough it is kept up by every write,
and a unique one rejects duplicates already.

DROP INDEX CONCURRENTLY, and build it again.`,

	Check: func(in *Input, report func(Finding)) {
		for _, t := range in.tables() {
			for i := range t.Relation.Indexes {
				x := &t.Relation.Indexes[i]
				if x.Valid || t.Relation.Kind == catalog.Partitioned {
					continue
				}
				report(Finding{
					Object: x.Identity(t.Relation), ObjectType: "index", Table: t.Relation.Identity(),
					Detail: fmt.Sprintf("It is not valid, and %s.", map[bool]string{true: "every write maintains it", false: "no write maintains it"}[x.Ready]),
					Fix:    &Fix{SQL: "DROP INDEX " + x.Identity(t.Relation), Why: "the plan drops it CONCURRENTLY and builds it again where it is needed"},
				})
			}
		}
	},
}
