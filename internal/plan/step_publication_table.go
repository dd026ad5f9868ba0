package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var publicationTable = Kind{
	Name: "publication_table",
	Doc: `take a tenant table out of a publication

Logical replication does not look at policies: a subscriber receives every tenant's rows. From this step on changes of the table no
longer reach the publication's subscribers, and what is missed while it is out is not sent again when it is put back.`,
	Wave:   7,
	Danger: []string{"publication_table"},
	Lock:   ShareUpdateExclusive, UndoLock: ShareUpdateExclusive,

	Do: func(t Target) []string {
		return oneStatement("ALTER PUBLICATION %s DROP TABLE ONLY %s", pg.Ident(t.Object.Name), t.sql())
	},
	Undo: func(t Target) []string {
		columns := ""
		if len(t.Columns) > 0 {
			columns = " (" + idents(t.Columns) + ")"
		}
		return oneStatement("ALTER PUBLICATION %s ADD TABLE ONLY %s%s", pg.Ident(t.Object.Name), t.sql(), columns)
	},
	Done: func(t Target) string {
		return fmt.Sprintf("SELECT NOT EXISTS (SELECT %s AND p.pubname = %s)", ofRelation(t.Name,
			"JOIN pg_catalog.pg_publication_rel pr ON pr.prrelid = c.oid", "JOIN pg_catalog.pg_publication p ON p.oid = pr.prpubid"), lit(t.Object.Name))
	},
	Object: func(t Target) string { return t.Identity() + " in publication " + printedIdent(t.Object.Name) },
	Note: func(Target) string {
		return "Subscribers have to refresh the publication after it was put back, and to copy the table again."
	},
}
