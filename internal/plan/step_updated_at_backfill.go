package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var updatedAtBackfill = Kind{
	Name: "updated_at_backfill",
	Doc: `fill updated_at of old rows from created_at

For who asked for it: a row is then said to have changed last when it was made, which is a lower bound. It runs before the trigger
exists, in batches of a transaction each, and can be stopped and gone on with at any time. Rows whose created_at is NULL stay NULL.`,
	Wave:   5,
	Lock:   RowExclusive,
	Batch:  batchSize,
	NoUndo: "the values go with the column",

	Do: func(t Target) []string {
		updated, created := pg.Ident(t.Columns[0]), pg.Ident(t.Columns[1])
		return oneStatement("UPDATE ONLY %s SET %s = %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY %s WHERE %s IS NULL AND %s IS NOT NULL LIMIT $1 FOR UPDATE))",
			t.sql(), updated, created, t.sql(), updated, created)
	},
	Done: func(t Target) string {
		return noRowLeft(t.Name, t.Columns[:2], fmt.Sprintf("FROM ONLY %s WHERE %s IS NULL AND %s IS NOT NULL", t.sql(), pg.Ident(t.Columns[0]), pg.Ident(t.Columns[1])))
	},
	Object: func(t Target) string { return t.columnIdentity() },
}

// batchSize is how many rows a back-fill changes in one transaction: some tens of milliseconds of work.
const batchSize = 5000

// noRowLeft asks whether no row is left to fill: the one kind of Done that reads a table. A query that names a missing column is
// refused before it runs, so the question is handed as text to ts_stat, which runs it only where the catalogue says that
// table and columns are there; else the answer is false, as for any Done.
func noRowLeft(table Name, columns []string, fromWhere string) string {
	query := "SELECT 'left'::pg_catalog.tsvector " + fromWhere + " LIMIT 1"
	return fmt.Sprintf("SELECT CASE WHEN (SELECT pg_catalog.count(*) %s AND a.attname = ANY (%s) AND NOT a.attisdropped) = %d"+
		" THEN NOT EXISTS (SELECT FROM pg_catalog.ts_stat(%s)) ELSE false END",
		ofRelation(table, "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"), textArray(columns), len(columns), lit(query))
}
