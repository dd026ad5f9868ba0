package plan

var dropPolicy = Kind{
	Name: "drop_policy",
	Doc: `take away a policy that undoes another

Permissive policies are joined by OR: one that lets foreign rows through makes the isolating one beside it worthless. What only
this policy let through is gone for the application from this step on, which may be something that somebody relied on; hence
it is planned only where it is allowed by name. Undo makes it again as it was.`,
	Wave:   8,
	Danger: []string{"drop_policy"},
	Lock:   AccessExclusive, UndoLock: AccessExclusive,

	Do:     func(t Target) []string { return []string{dropPolicySQL(t.Name, t.WasPolicy.Name)} },
	Undo:   func(t Target) []string { return restorePolicySQL(t.Name, *t.WasPolicy) },
	Done:   func(t Target) string { return policyAbsent(t.Name, t.WasPolicy.Name) },
	Object: func(t Target) string { return policyOn(t.WasPolicy.Name, t.Name) },
	Note: func(t Target) string {
		return "Undo makes the policy again, and with it the hole it is taken away for."
	},
}
