package plan

var createPolicy = Kind{
	Name: "create_policy",
	Doc: `let through the rows of the current tenant, and no others

The policy compares the tenant key with the context, read once a statement; a child finds its tenant through its parent. A
context that is unset or empty gives no rows: never an error, never all. It does nothing until row level security is on.`,
	Wave: 8,
	Lock: AccessExclusive, UndoLock: AccessExclusive,

	Do:     func(t Target) []string { return []string{createPolicySQL(t.Name, *t.Policy)} },
	Undo:   func(t Target) []string { return []string{dropPolicySQL(t.Name, t.Policy.Name)} },
	Done:   func(t Target) string { return policyDone(t.Name, *t.Policy) },
	Object: func(t Target) string { return policyOn(t.Policy.Name, t.Name) },
}
