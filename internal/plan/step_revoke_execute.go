package plan

var revokeExecute = Kind{
	Name: "revoke_execute",
	Doc: `take a function from a role that was given it by name

The function runs with its owner's rights and reaches other tenants' rows, or nobody can say that it does not. Somebody granted it to
the application's role on purpose, so the application calls it, and those calls fail from this step on. Better, where it can be
done: let the function compare with the tenant's context, or let a role own it that the policies bind.`,
	Wave:   7,
	Danger: []string{"revoke_execute"},

	Do:     revoke.Do,
	Undo:   revoke.Undo,
	Done:   revoke.Done,
	Object: revoke.Object,
}
