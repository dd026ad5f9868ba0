package plan

var notNullValidate = Kind{
	Name: "not_null_validate",
	Doc: `read the table once for rows without a tenant

Reads and writes go on. Where a row without a tenant is found the step fails, nothing is changed, and the plan stops before anything
is enforced: somebody has to say whose those rows are.`,
	Wave:   6,
	Lock:   ShareUpdateExclusive,
	NoUndo: "that every row obeys is a fact; the constraint itself is taken back by the step that made it",

	Do: func(t Target) []string {
		return oneStatement("ALTER TABLE %s VALIDATE CONSTRAINT %s", t.sql(), t.quotedObject())
	},
	Done:   func(t Target) string { return notNullDone(t, "k.convalidated") },
	Also:   onPartitions(ShareUpdateExclusive),
	Object: func(t Target) string { return constraintIdentity(t.Object.Name, t.Name) },
}
