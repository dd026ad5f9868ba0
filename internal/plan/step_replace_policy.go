package plan

var replacePolicy = Kind{
	Name: "replace_policy",
	Doc: `give a policy the meaning it ought to have

A policy of that name exists, but what it lets through is not the current tenant's rows alone. It is dropped and made again in
one transaction, so that the table is never without it. Definitions are compared by meaning, never by name. Rows that only
the old definition let through are gone for the application from this step on; Undo brings the old definition back.`,
	Wave: 8,
	Lock: AccessExclusive, UndoLock: AccessExclusive,

	Do: func(t Target) []string {
		return []string{dropPolicySQL(t.Name, t.WasPolicy.Name), createPolicySQL(t.Name, *t.Policy)}
	},
	Undo: func(t Target) []string {
		return append([]string{dropPolicySQL(t.Name, t.Policy.Name)}, restorePolicySQL(t.Name, *t.WasPolicy)...)
	},
	Done:   func(t Target) string { return policyDone(t.Name, *t.Policy) },
	Object: func(t Target) string { return policyOn(t.Policy.Name, t.Name) },
}
