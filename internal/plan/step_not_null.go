package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var notNull = Kind{
	Name: "not_null",
	Doc: `declare the tenant key NOT NULL

The validated check proves it, so no row is read. The check is dropped by a second statement of the same transaction: in one ALTER
the drop would come first, and the whole table would be read under an exclusive lock.`,
	Wave:  6,
	Until: 17,
	Lock:  AccessExclusive, UndoLock: AccessExclusive,

	Do: func(t Target) []string {
		return []string{
			fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", t.sql(), pg.Ident(t.Columns[0])),
			fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", t.sql(), t.quotedObject()),
		}
	},
	Undo: func(t Target) []string {
		return []string{
			fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", t.sql(), pg.Ident(t.Columns[0])),
			fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID", t.sql(), t.quotedObject(), pg.Ident(t.Columns[0])),
		}
	},
	Done: func(t Target) string {
		return exists(ofRelation(t.Name, "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"), "a.attname = "+lit(t.Columns[0]), "a.attnotnull")
	},
	Also:   onPartitions(AccessExclusive),
	Object: func(t Target) string { return t.columnIdentity() },
}
