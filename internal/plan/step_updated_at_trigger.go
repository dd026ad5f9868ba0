package plan

var updatedAtTrigger = Kind{
	Name: "updated_at_trigger",
	Doc: `set updated_at on every UPDATE

From this step on the column says when the row changed last, whatever the application writes into it. Where a trigger of the name
exists on another function, it is left alone and this one gets another name.`,
	Wave: 6,
	Lock: ShareRowExclusive, UndoLock: AccessExclusive,

	Do: func(t Target) []string {
		return oneStatement("CREATE TRIGGER %s BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION %s()", t.quotedObject(), t.sql(), t.Procedure.sql())
	},
	Undo:   func(t Target) []string { return oneStatement("DROP TRIGGER %s ON %s", t.quotedObject(), t.sql()) },
	Done:   func(t Target) string { return triggerDone(t, triggerRow|triggerBefore|triggerUpdate) },
	Also:   onPartitions(ShareRowExclusive),
	Object: func(t Target) string { return constraintIdentity(t.Object.Name, t.Name) },
}
