package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var notNullCheck = Kind{
	Name: "not_null_check",
	Doc: `refuse new rows without a tenant

A check that new and changed rows must obey and that old rows are not read for: the lock is short. Rows whose tenant is NULL
belong to nobody; a policy hides them from all, or shows them to all where it was written carelessly. From 18 on it is a not-null
constraint that is not yet valid, which needs no check beside it.`,
	Wave: 6,
	Lock: AccessExclusive, UndoLock: AccessExclusive,

	Do: func(t Target) []string {
		column, name := pg.Ident(t.Columns[0]), t.quotedObject()
		if t.notNullConstraints() {
			return oneStatement("ALTER TABLE %s ADD CONSTRAINT %s NOT NULL %s NOT VALID", t.sql(), name, column)
		}
		return oneStatement("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID", t.sql(), name, column)
	},
	Undo: func(t Target) []string {
		return oneStatement("ALTER TABLE %s DROP CONSTRAINT %s", t.sql(), t.quotedObject())
	},
	Done:   func(t Target) string { return notNullDone(t, "true") },
	Also:   onPartitions(AccessExclusive),
	Object: func(t Target) string { return constraintIdentity(t.Object.Name, t.Name) },
}

// notNullConstraints tells whether the server knows NOT NULL as a constraint that can be added without reading the rows.
func (t Target) notNullConstraints() bool { return t.Version >= 180000 }

// notNullDone asks whether the column can be NULL no more, or has the check on the way there, of which and is asked too.
func notNullDone(t Target, and string) string {
	if t.notNullConstraints() {
		return exists(ofRelation(t.Name, "JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'n'"),
			columnsAre("c.oid", "k.conkey", t.Columns[:1]), and)
	}
	check := fmt.Sprintf("(%s IS NOT NULL)", printedIdent(t.Columns[0]))
	return fmt.Sprintf("SELECT EXISTS (SELECT %s AND a.attname = %s AND a.attnotnull) OR EXISTS (SELECT %s AND pg_catalog.pg_get_expr(k.conbin, k.conrelid) = %s AND %s)",
		ofRelation(t.Name, "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid"), lit(t.Columns[0]),
		ofRelation(t.Name, "JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'c'"), lit(check), and)
}
