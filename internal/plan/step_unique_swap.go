package plan

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var uniqueSwap = Kind{
	Name: "unique_swap",
	Doc: `make a value unique within its tenant instead of across all tenants

While a value may stand only once among all tenants, one tenant can find out what another holds, and can keep a value from it.
The constraint is changed in one ALTER, over an index that is already built, so that there is no moment without uniqueness.
Statements with ON CONFLICT on the old columns no longer find their constraint; the index over them goes with it. Undo builds the
old constraint under an exclusive lock and is possible only until two tenants hold the same value.`,
	Wave:   6,
	Danger: []string{"unique_swap"},
	Lock:   AccessExclusive, UndoLock: AccessExclusive,

	Do: func(t Target) []string {
		return oneStatement("ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s UNIQUE USING INDEX %s",
			t.sql(), pg.Ident(t.Old.Name), pg.Ident(t.Object.Name), pg.Ident(t.Object.Name))
	},
	Undo: func(t Target) []string {
		return oneStatement("ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s UNIQUE (%s)",
			t.sql(), pg.Ident(t.Object.Name), pg.Ident(t.Old.Name), idents(t.OldColumns))
	},
	Done: func(t Target) string {
		constraint := "JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'u'"
		return fmt.Sprintf("SELECT EXISTS (SELECT %s AND %s) AND NOT EXISTS (SELECT %s AND %s)",
			ofRelation(t.Name, constraint), columnsAre("c.oid", "k.conkey", t.Columns),
			ofRelation(t.Name, constraint), columnsAre("c.oid", "k.conkey", t.OldColumns))
	},
	Object: func(t Target) string { return constraintIdentity(t.Object.Name, t.Name) },
	Note: func(t Target) string {
		return fmt.Sprintf("Reversible until two tenants hold the same value; Undo builds %s again while the table is locked.", printedIdent(t.Old.Name))
	},
}

// constraintIdentity is pg_identify_object's name of a table's constraint, and of a trigger.
func constraintIdentity(name string, table Name) string {
	return printedIdent(name) + " on " + table.Identity()
}
