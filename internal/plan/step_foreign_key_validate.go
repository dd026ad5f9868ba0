package plan

var foreignKeyValidate = Kind{
	Name: "foreign_key_validate",
	Doc: `read the table once for rows whose parent is another tenant's

Reads and writes go on. It stands before row security is forced: afterwards the owner would not see the rows it looks for, and the
answer would be worth nothing.`,
	Wave: 4, Latest: 6,
	Lock:   ShareUpdateExclusive,
	NoUndo: "that every row obeys is a fact; the constraint itself is taken back by the step that made it",

	Do: func(t Target) []string {
		return oneStatement("ALTER TABLE %s VALIDATE CONSTRAINT %s", t.sql(), t.quotedObject())
	},
	Done: func(t Target) string { return foreignKeyDone(t, "k.convalidated") },
	Also: func(t Target) map[string]Lock {
		if t.Reference.Name == t.Name {
			return nil
		}
		return map[string]Lock{t.Reference.Identity(): RowShare}
	},
	Object: func(t Target) string { return constraintIdentity(t.Object.Name, t.Name) },
}
