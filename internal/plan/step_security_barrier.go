package plan

var securityBarrier = Kind{
	Name: "security_barrier",
	Doc: `let a view's own filter run before what its readers add

A view that filters by the tenant itself shows its rows to its readers' functions before the filter has looked at them: a function that
tells what it is given, in a message or by an error, tells other tenants' rows. From this step on the filter runs first. Conditions
that are not leakproof no longer use an index through the view.`,
	Wave: 7,
	Lock: AccessExclusive, UndoLock: AccessExclusive,

	Do:   setOption("security_barrier", "true"),
	Undo: resetOption("security_barrier"),
	Done: optionIs("security_barrier", "o.option_value::pg_catalog.bool"),
}
