package plan

var forceRLS = Kind{
	Name: "force_rls",
	Doc: `apply the table's policies to its owner too

Queries that ran as the owner and relied on seeing every tenant return fewer rows, or none, from this step on: dumps,
back-fills and the validation of foreign keys by the owner among them. It is the last wave, with an approval of its own, and it
is withheld where no role may bypass row level security, since nobody could then take a whole dump.`,
	Wave: 9,
	Lock: AccessExclusive, UndoLock: AccessExclusive,

	Do:   func(t Target) []string { return oneStatement("ALTER TABLE %s FORCE ROW LEVEL SECURITY", t.sql()) },
	Undo: func(t Target) []string { return oneStatement("ALTER TABLE %s NO FORCE ROW LEVEL SECURITY", t.sql()) },
	Done: func(t Target) string { return exists(ofRelation(t.Name), "c.relforcerowsecurity") },
}
