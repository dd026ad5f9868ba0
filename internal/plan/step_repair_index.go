package plan

import "fmt"

var repairIndex = Kind{
	Name: "repair_index",
	Doc: `build an index anew that a failed build left invalid

An invalid index serves no query, yet writes may go on paying for it. It is rebuilt CONCURRENTLY, which also is right where the
invalid index is a build that is still running: this one waits for it, where dropping it would destroy it.`,
	Wave: 1, Latest: 6,
	Lock: ShareUpdateExclusive, Alone: true,
	NoUndo: "an invalid index serves nobody: there is no state to go back to",

	Do: func(t Target) []string { return oneStatement("REINDEX INDEX CONCURRENTLY %s", t.indexName().sql()) },
	Done: func(t Target) string {
		return exists(ofRelation(t.Name, "JOIN pg_catalog.pg_index i ON i.indrelid = c.oid", "JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid"),
			"ic.relname = "+lit(t.Object.Name), "i.indisvalid", "i.indisready", "i.indislive")
	},
	Object: func(t Target) string { return t.indexName().Identity() },
	Note: func(t Target) string {
		return fmt.Sprintf("Interrupted, it leaves %s_ccnew beside the old one: drop that by hand.", t.Object.Name)
	},
}
