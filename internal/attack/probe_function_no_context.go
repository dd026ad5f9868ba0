package attack

var functionNoContext = Probe{
	Name: "function_no_context",
	Doc: `reach a tenant's row through a function in a session that never had a context

A function that compares its argument with the context and raises where they differ lets everybody on while the context is NULL: the
comparison is then neither true nor false. It is called as probe function calls it, by a session without a tenant.`,
	Command: "SELECT", Kind: "isolation", Quiet: true, Writes: true, Stranger: Unset,
	Ways: throughDefiners,
	Try:  tryFunction,
}
