package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var updatedAtColumn = Kind{
	Name: "updated_at_column",
	Doc: `add updated_at

The column is added without a default, so that no row is rewritten and old rows say NULL, which is the truth: nobody knows when
they changed. The default now() is set in a second statement and holds for new rows only. Back-filling with the time of the
migration would be false evidence. Programs that read all columns by position see one more.`,
	Wave: 2,
	Lock: AccessExclusive, UndoLock: AccessExclusive,
	UndoDanger: []string{"drops_values"},

	Do: func(t Target) []string {
		column := pg.Ident(t.Columns[0])
		return []string{
			fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s timestamp with time zone", t.sql(), column),
			fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT now()", t.sql(), column),
		}
	},
	Undo: func(t Target) []string { return dropColumn(t) },
	Done: func(t Target) string {
		return exists(ofRelation(t.Name, "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"), "a.attname = "+lit(t.Columns[0]), "NOT a.attisdropped",
			"a.atttypid IN ('pg_catalog.timestamptz'::pg_catalog.regtype, 'pg_catalog.timestamp'::pg_catalog.regtype)")
	},
	Also:   onPartitions(AccessExclusive),
	Object: func(t Target) string { return t.columnIdentity() },
}

func dropColumn(t Target) []string {
	return oneStatement("ALTER TABLE %s DROP COLUMN %s", t.sql(), pg.Ident(t.Columns[0]))
}

// columnIdentity is pg_identify_object's name of the first column.
func (t Target) columnIdentity() string { return t.Identity() + "." + printedIdent(t.Columns[0]) }

// onPartitions says that Do takes its lock on every partition too.
func onPartitions(lock Lock) func(Target) map[string]Lock {
	return func(t Target) map[string]Lock {
		if len(t.Partitions) == 0 {
			return nil
		}
		out := map[string]Lock{}
		for _, p := range t.Partitions {
			out[p.Identity()] = lock
		}
		return out
	}
}
