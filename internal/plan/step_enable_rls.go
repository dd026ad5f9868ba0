package plan

import "fmt"

var enableRLS = Kind{
	Name: "enable_rls",
	Doc: `switch row level security on for the table

From this step on a role that does not own the table and does not bypass row level security sees and writes only the rows
that the table's policies let through. It stands in one short transaction with the policies, so that there is no moment in
which the table is closed to its own tenants. A table's owner is not bound until force_rls; partitions are not reached by
their parent's switch and have steps of their own. Prepared statements are planned again at once; nobody has to reconnect.`,
	Wave: 8,
	Lock: AccessExclusive, UndoLock: AccessExclusive,

	Do:   func(t Target) []string { return oneStatement("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", t.sql()) },
	Undo: func(t Target) []string { return oneStatement("ALTER TABLE %s DISABLE ROW LEVEL SECURITY", t.sql()) },
	Done: func(t Target) string { return exists(ofRelation(t.Name), "c.relrowsecurity") },
	Note: func(t Target) string {
		return fmt.Sprintf("Undo opens isolation on %s: its policies stay, but nobody is bound by them.", t.Identity())
	},
}
