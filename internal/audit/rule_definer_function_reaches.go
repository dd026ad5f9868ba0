package audit

var definerReaches = detourFault(Rule{
	ID:       "VIA003",
	Name:     "definer-function-reaches",
	Title:    "a SECURITY DEFINER function reaches other tenants' rows",
	Severity: High,
	Fix:      "function_execute",
	Source:   "92, 93, 95, 97, 113",
	Doc: `The function runs as its owner, whom the table's policies do not bind, and the application role may call it. What the function returns
or changes is not limited to the caller's tenant, or is so only by an argument that the caller chooses.

Let a role own it that the policies bind, compare with the context inside, or take EXECUTE away. A function that must work without
a tenant (login) is listed under service_functions in ringfence.yaml, with its reason.`,
}, "function")
