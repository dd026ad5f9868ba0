package plan

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var uniqueIndex = Kind{
	Name: "unique_index",
	Doc: `build a unique index led by the tenant

It is what a unique constraint within the tenant, or a foreign key that names the tenant too, stands on. Built CONCURRENTLY: reads
and writes go on. Where rows violate it the build ends with an error and leaves an invalid index, which already refuses new
duplicates and is to be dropped at once.`,
	Wave: 1, Latest: 6,
	Lock: ShareUpdateExclusive, UndoLock: ShareUpdateExclusive, Alone: true,

	Do: func(t Target) []string {
		return oneStatement("CREATE UNIQUE INDEX CONCURRENTLY %s ON %s USING btree (%s)", pg.Ident(t.Object.Name), t.sql(), idents(t.Columns))
	},
	Undo: func(t Target) []string {
		return oneStatement("DROP INDEX CONCURRENTLY IF EXISTS %s", t.indexName().sql())
	},
	Done:   func(t Target) string { return uniqueDone(t.Name, t.Columns) },
	Object: func(t Target) string { return t.indexName().Identity() },
}

// uniqueDone asks for any valid unique index over exactly these columns, in this order, that a foreign key may refer to.
func uniqueDone(table Name, columns []string) string {
	and := []string{"i.indisunique", "i.indisvalid", "i.indisready", "i.indislive", "i.indimmediate", "i.indpred IS NULL",
		fmt.Sprintf("i.indnkeyatts = %d", len(columns))}
	for k, column := range columns {
		and = append(and, fmt.Sprintf("EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = i.indkey[%d] AND a.attname = %s)", k, lit(column)))
	}
	return exists(ofRelation(table, "JOIN pg_catalog.pg_index i ON i.indrelid = c.oid"), and...)
}

// columnsAre compares an array of attribute numbers with names, in order.
func columnsAre(relation, array string, columns []string) string {
	and := []string{fmt.Sprintf("pg_catalog.cardinality(%s) = %d", array, len(columns))}
	for k, column := range columns {
		and = append(and, fmt.Sprintf("EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = %s AND a.attnum = (%s)[%d] AND a.attname = %s)",
			relation, array, k+1, lit(column)))
	}
	return strings.Join(and, " AND ")
}
