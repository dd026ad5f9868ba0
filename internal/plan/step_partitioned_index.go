package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var partitionedIndex = Kind{
	Name: "partitioned_index",
	Doc: `join the partitions' indexes to one index of the partitioned table

Each partition has had its index built CONCURRENTLY by a step of its own; here the parent gets the index they hang on, and
they are attached, which reads no rows. Writers of the parent wait for that moment. A partition made later gets the index by
itself. Going back drops it with all of the partitions' indexes, under a lock on every one of them: PostgreSQL cannot detach.`,
	Wave: 1, Latest: 6,
	Lock: Share, UndoLock: AccessExclusive,
	UndoDanger: []string{"locks_partitions"},

	Do: func(t Target) []string {
		out := oneStatement("CREATE INDEX %s ON ONLY %s USING btree (%s)", pg.Ident(t.Object.Name), t.sql(), t.Index.sql())
		for _, child := range t.Attach {
			out = append(out, fmt.Sprintf("ALTER INDEX %s ATTACH PARTITION %s", t.indexName().sql(), child.sql()))
		}
		return out
	},
	Undo:   func(t Target) []string { return oneStatement("DROP INDEX IF EXISTS %s", t.indexName().sql()) },
	Done:   func(t Target) string { return indexDone(t.Name, *t.Index) },
	Object: func(t Target) string { return t.indexName().Identity() },
}
