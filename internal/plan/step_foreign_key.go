package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var foreignKey = Kind{
	Name: "foreign_key",
	Doc: `let a row refer to a parent of its own tenant only

The tenant key becomes part of the reference. New and changed rows must obey from this step on; old rows are read by the step
after it. Foreign keys are checked past the policies, so a plain reference lets a tenant find out, and hold on to, another
tenant's rows. Taking it back locks both tables exclusively for a moment.`,
	Wave: 4, Latest: 6,
	Lock: ShareRowExclusive, UndoLock: AccessExclusive,

	Do: func(t Target) []string {
		return oneStatement("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)%s NOT VALID",
			t.sql(), t.quotedObject(), idents(t.Columns), t.Reference.sql(), idents(t.Reference.Columns), t.Reference.actions())
	},
	Undo: func(t Target) []string {
		return oneStatement("ALTER TABLE %s DROP CONSTRAINT %s", t.sql(), pg.Ident(t.Object.Name))
	},
	Done: func(t Target) string { return foreignKeyDone(t, "true") },
	Also: func(t Target) map[string]Lock {
		if t.Reference.Name == t.Name {
			return nil
		}
		return map[string]Lock{t.Reference.Identity(): ShareRowExclusive}
	},
	Object: func(t Target) string { return constraintIdentity(t.Object.Name, t.Name) },
}

func (r Reference) actions() string {
	out := ""
	if r.Full {
		out += " MATCH FULL"
	}
	if r.OnUpdate != "" {
		out += " ON UPDATE " + r.OnUpdate
	}
	if r.OnDelete != "" {
		out += " ON DELETE " + r.OnDelete
	}
	switch r.Defer {
	case "deferrable":
		out += " DEFERRABLE"
	case "deferred":
		out += " DEFERRABLE INITIALLY DEFERRED"
	}
	return out
}

// foreignKeyDone asks for any foreign key over these columns to those.
func foreignKeyDone(t Target, and string) string {
	return exists(ofRelation(t.Name, "JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f'",
		"JOIN pg_catalog.pg_class rc ON rc.oid = k.confrelid", "JOIN pg_catalog.pg_namespace rn ON rn.oid = rc.relnamespace"),
		fmt.Sprintf("rn.nspname = %s AND rc.relname = %s", lit(t.Reference.Schema), lit(t.Reference.Name.Name)),
		columnsAre("c.oid", "k.conkey", t.Columns), columnsAre("rc.oid", "k.confkey", t.Reference.Columns), and)
}
