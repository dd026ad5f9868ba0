package plan

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var tenantIndex = Kind{
	Name: "tenant_index",
	Doc: `index the table by the column its policy compares

Every statement of a tenant filters by this column from now on; without an index led by it each becomes a scan of all
tenants' rows. The index is built CONCURRENTLY: reads and writes go on, ANALYZE, VACUUM and other builds on the table wait. An
index that is valid, not partial and led by the same key already counts, and none is made beside it.`,
	Wave: 1, Latest: 6,
	Lock: ShareUpdateExclusive, UndoLock: ShareUpdateExclusive, Alone: true,

	Do: func(t Target) []string {
		return oneStatement("CREATE INDEX CONCURRENTLY %s ON %s USING btree (%s)", pg.Ident(t.Object.Name), t.sql(), t.Index.sql())
	},
	Undo: func(t Target) []string {
		return oneStatement("DROP INDEX CONCURRENTLY IF EXISTS %s", t.indexName().sql())
	},
	Done:   func(t Target) string { return indexDone(t.Name, *t.Index) },
	Object: func(t Target) string { return t.indexName().Identity() },
}

// indexName is the index's own name; indexes live in their table's schema.
func (t Target) indexName() Name { return Name{t.Schema, t.Object.Name} }

func (x IndexShape) sql() string {
	keys := make([]string, len(x.Keys))
	for i, k := range x.Keys {
		keys[i] = pg.Ident(k.Column)
		if k.Cast != "" {
			keys[i] = "(" + keys[i] + "::" + k.Cast + ")"
		}
	}
	return strings.Join(keys, ", ")
}

// printed is each key as pg_get_indexdef prints it.
func (k IndexKey) printed() string {
	if k.Cast == "" {
		return printedIdent(k.Column)
	}
	return "((" + printedIdent(k.Column) + ")::" + k.Cast + ")"
}

// indexDone asks for any index that serves the policy: btree, valid, ready and live, not partial, its leading keys the
// wanted ones with their types' default operator classes and the columns' own collations.
func indexDone(table Name, x IndexShape) string {
	and := []string{
		"i.indisvalid", "i.indisready", "i.indislive", "i.indpred IS NULL", "am.amname = 'btree'",
		fmt.Sprintf("i.indnkeyatts >= %d", len(x.Keys)),
	}
	for i, k := range x.Keys {
		and = append(and, fmt.Sprintf("pg_catalog.pg_get_indexdef(i.indexrelid, %d, false) = %s", i+1, lit(k.printed())),
			fmt.Sprintf("(SELECT o.opcdefault FROM pg_catalog.pg_opclass o WHERE o.oid = i.indclass[%d])", i))
		if k.Cast == "" {
			and = append(and, fmt.Sprintf("EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = i.indkey[%d]"+
				" AND a.attname = %s AND a.attcollation = i.indcollation[%d])", i, lit(k.Column), i))
		}
	}
	return exists(ofRelation(table, "JOIN pg_catalog.pg_index i ON i.indrelid = c.oid",
		"JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid", "JOIN pg_catalog.pg_am am ON am.oid = ic.relam"), and...)
}
