package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
)

var exclusionSwap = Kind{
	Name: "exclusion_swap",
	Doc: `let an exclusion constraint exclude within a tenant instead of across all tenants

While it looks at all rows, a booking that is refused tells one tenant that another has one, and keeps it from being made. The
tenant is put in front of the constraint's columns, in one ALTER, so that there is no moment without it. PostgreSQL can build
such an index in no other way: reads and writes of the table wait until the whole of it is built, in both directions. Undo is
possible only until two tenants' rows conflict.`,
	Wave:   6,
	Danger: []string{"exclusion_swap"},
	Lock:   AccessExclusive, UndoLock: AccessExclusive,

	Do: func(t Target) []string {
		return oneStatement("ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s", t.sql(), pg.Ident(t.Old.Name), pg.Ident(t.Object.Name), t.excludingWithin())
	},
	Undo: func(t Target) []string {
		return oneStatement("ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s", t.sql(), pg.Ident(t.Object.Name), pg.Ident(t.Old.Name), t.Exclusion)
	},
	Done: func(t Target) string {
		has := func(definition string) string {
			return fmt.Sprintf("EXISTS (SELECT %s AND pg_catalog.pg_get_constraintdef(k.oid) = %s)",
				ofRelation(t.Name, "JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype = 'x'"), lit(definition))
		}
		return "SELECT " + has(t.excludingWithin()) + " AND NOT " + has(t.Exclusion)
	},
	Object: func(t Target) string { return constraintIdentity(t.Object.Name, t.Name) },
	Note: func(t Target) string {
		return fmt.Sprintf("Reads and writes wait while the index is built. Reversible until rows of two tenants conflict; Undo builds %s again while the table is locked.", printedIdent(t.Old.Name))
	},
}

// excludingWithin is the constraint as the server prints it, with equality of the first column put in front of what it compares.
func (t Target) excludingWithin() string {
	before, after, _ := strings.Cut(t.Exclusion, "(")
	return before + "(" + printedIdent(t.Columns[0]) + " WITH =, " + after
}

// checkExclusion accepts an exclusion constraint as the server prints it: one that can be nothing else, and no further
// sub-command of ALTER TABLE, where it stands behind ADD CONSTRAINT.
func checkExclusion(s string) error {
	if s == "" {
		return nil
	}
	bad := errors.New("checking an exclusion constraint: it is not in the server's form")
	rest, is := strings.CutPrefix(s, "EXCLUDE USING gist (")
	if !is || checkExpression(s) != nil {
		return bad
	}
	depth, quote := 1, rune(0)
	for _, r := range rest {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			return bad
		}
	}
	return nil
}
