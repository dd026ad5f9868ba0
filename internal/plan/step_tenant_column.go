package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var tenantColumn = Kind{
	Name: "tenant_column",
	Doc: `give a child table the tenant key of its parent

With a key of its own the table needs no look at its parent to know whose a row is, and can be indexed by it. The column is added
nullable and empty: no row is rewritten. Programs that read all columns by position see one more. The steps after it fill it,
keep it filled, and close it against NULL.`,
	Wave: 2,
	Lock: AccessExclusive, UndoLock: AccessExclusive,
	UndoDanger: []string{"drops_values"},

	Do: func(t Target) []string {
		return oneStatement("ALTER TABLE %s ADD COLUMN %s %s", t.sql(), pg.Ident(t.Columns[0]), t.Type)
	},
	Undo: dropColumn,
	Done: func(t Target) string {
		return exists(ofRelation(t.Name, "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"), "a.attname = "+lit(t.Columns[0]), "NOT a.attisdropped",
			fmt.Sprintf("pg_catalog.format_type(a.atttypid, a.atttypmod) = %s", lit(t.Type)))
	},
	Also:   onPartitions(AccessExclusive),
	Object: func(t Target) string { return t.columnIdentity() },
}
