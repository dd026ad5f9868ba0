package plan

import (
	"fmt"
)

var foreignKeyDrop = Kind{
	Name: "foreign_key_drop",
	Doc: `take away the reference that does not name the tenant

The reference that names it is in place and validated, and no row can leave its tenant key out: whatever the old one refuses, the new
one refuses too. While the old one stands, the name of the constraint that fails tells a tenant whether another's row exists.
Programs that know the old one by its name notice. Undo adds it again and reads the table for it.`,
	Wave:   6,
	Danger: []string{"foreign_key_drop"},
	Lock:   AccessExclusive, UndoLock: ShareRowExclusive,

	Do: func(t Target) []string {
		return oneStatement("ALTER TABLE %s DROP CONSTRAINT %s", t.sql(), t.quotedObject())
	},
	Undo: func(t Target) []string {
		return []string{
			fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)%s NOT VALID",
				t.sql(), t.quotedObject(), idents(t.Columns), t.Reference.sql(), idents(t.Reference.Columns), t.Reference.actions()),
			fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", t.sql(), t.quotedObject()),
		}
	},
	Done: func(t Target) string {
		return "SELECT NOT EXISTS (SELECT " + ofRelation(t.Name, "JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f'") +
			" AND k.conname = " + lit(t.Object.Name) + ")"
	},
	Also: func(t Target) map[string]Lock {
		if t.Reference.Name == t.Name {
			return nil
		}
		return map[string]Lock{t.Reference.Identity(): AccessExclusive}
	},
	Object: func(t Target) string { return constraintIdentity(t.Object.Name, t.Name) },
}
