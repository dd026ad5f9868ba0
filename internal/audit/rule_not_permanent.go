package audit

import (
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var notPermanent = tableFault(Rule{
	ID:       "TBL002",
	Name:     "not-permanent",
	Title:    "the table is not permanent",
	Severity: Info,
	Source:   "23",
	Doc: `An unlogged table is emptied after a crash and is not in physical copies; a standby used to check isolation does not have its rows.

ALTER TABLE ... SET LOGGED, unless it holds nothing that matters.`,
}, func(_ *Input, t *tenancy.Table) (string, string) {
	if t.Relation.Persistence != "unlogged" {
		return "", ""
	}
	return "It is unlogged.", "ALTER TABLE " + t.Relation.Identity() + " SET LOGGED"
})
