package plan

var serviceFunction = Kind{
	Name: "service_function",
	Doc: `make a narrow function for what works without a tenant

A login looks a person up, a provider's webhook finds its call, before any tenant is known: once policies bind the application such
work sees nothing. The function of ringfence.yaml's service_functions does this one thing as a role that policies do not bind,
pins its search_path, and only the roles that are named there may call it. Audit and prove accept what is reached by it, by its
name and with its reason, and nothing that is reached in another way.`,
	Wave:   7,
	Danger: []string{"service_function"},

	Do: func(t Target) []string {
		return t.createDefiner(t.Returns, map[bool]string{true: "VOLATILE", false: "STABLE"}[t.Writes], t.Body)
	},
	Undo: func(t Target) []string { return t.dropDefiner() },
	Done: func(t Target) string { return t.definerDone(map[bool]string{true: "v", false: "s"}[t.Writes], t.Body) },
	Also: func(t Target) map[string]Lock {
		out := map[string]Lock{} // the server reads the body when the function is made, and locks what a writing one changes
		for _, name := range t.Touches {
			out[name.Identity()] = RowExclusive
		}
		return out
	},
	Object: func(t Target) string { return routineIdentity(t.Name, t.Arguments) },
	Note: func(t Target) string {
		return "It runs as " + printedIdent(t.Member) + ", whom policies do not bind: review its body."
	},
}
